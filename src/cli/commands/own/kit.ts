import { createHash } from 'node:crypto';
import {
  createReadStream,
  createWriteStream,
  lstatSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { excerpt, formatSha256, formatUtf8, type Sha256Hex, sha256Hex } from '../../../base/bytes.ts';
import { parseInstant } from '../../../base/clock.ts';
import { isStellaError, StellaError } from '../../../base/errors.ts';
import {
  checkMedium,
  isDirectory,
  readBounded,
  readError,
  STAGING_PREFIX,
  syncDirectory,
  syncTree,
  withStagingAsync,
  writeError,
  writeNewFile,
} from '../../../base/files.ts';
import { ifInterrupted } from '../../../base/interrupt.ts';
import { formatPublicKey } from '../../../base/keys.ts';
import { foundBundle, isVolumePath, parseParts, volumeNames } from '../../../bundle/volumes.ts';
import type { Acceptance, AcceptRules } from '../../../consumer/accept.ts';
import { checkBundleForOthers } from '../../../consumer/import.ts';
import type { TrustStore } from '../../../store/store.ts';
import { bundleKeysOf } from '../../../trust/bundle-keys.ts';
import { adviceOf } from '../../../trust/freshness.ts';
import { printable } from '../../terminal/output.ts';
import { kitSheet } from './kit-sheet.ts';
import { type KitFacts, kitGuide } from './kit-text.ts';

export interface KitOptions {
  /** A directory that does not exist yet, or holds nothing; also a mount point. */
  readonly out: string;
  /** A bundle, or the list of parts of a split one. */
  readonly bundle: string;
  readonly executable: string | undefined;
  readonly store: TrustStore;
  /** What an import here would ask of the bundle. */
  readonly rules: AcceptRules;
  readonly onProgress: (what: string, done: number, total: number) => void;
}

export interface Kit {
  readonly facts: KitFacts;
  /** Names with SHA-256, as in SHA256SUMS. */
  readonly files: readonly KitFile[];
}

interface KitFile {
  readonly name: string;
  readonly sha256: Sha256Hex;
}

const MAX_LIST_BYTES = 256 * 1024;
const SUMS = 'SHA256SUMS';
const EXECUTABLE = 'stella';
/** What file systems and other systems put onto an empty medium. */
const NOT_OURS: ReadonlySet<string> = new Set(['lost+found', 'System Volume Information', '.fseventsd']);

/**
 * Writes a kit. The copy on the medium is what is checked, as an import would: what would be refused there is refused here.
 * @throws StellaError FILE_EXISTS, USAGE for a name that lists of checksums cannot have, and what `checkBundleForOthers` throws
 */
export async function writeKit(wanted: KitOptions): Promise<Kit> {
  const options = { ...wanted, bundle: foundBundle(wanted.bundle) };
  const { out } = options;
  checkMedium(out);
  const isThere = isDirectory(out);
  const isTaken = isThere
    ? readdirSync(out).some((name) => !NOT_OURS.has(name))
    : lstatSync(out, { throwIfNoEntry: false }) !== undefined;
  if (isTaken) throw new StellaError('FILE_EXISTS', `${out} exists already and is not an empty directory`);
  const paths = bundleFiles(options.bundle);
  for (const path of paths) checkName(basename(path));
  // A directory that is there may be a mount point, which nothing can be renamed over, and another file system.
  return await withStagingAsync(isThere ? out : dirname(out), STAGING_PREFIX, async (staging) => {
    const kit = await fillKit(staging, paths, options);
    try {
      syncTree(staging);
      if (isThere) moveFiles(staging, out, [...kit.files.map(({ name }) => name), SUMS]);
      else renameSync(staging, out);
      syncDirectory(isThere ? out : dirname(out));
    } catch (cause) {
      throw writeError(out, cause);
    }
    return kit;
  });
}

async function fillKit(staging: string, paths: readonly string[], options: KitOptions): Promise<Kit> {
  const files: KitFile[] = [];
  for (const path of paths) files.push(await copy(path, staging, basename(path), 0o644, options.onProgress));
  const executable =
    options.executable === undefined
      ? undefined
      : await copy(options.executable, staging, EXECUTABLE, 0o755, options.onProgress);
  if (executable) files.push(executable);
  const name = basename(options.bundle);
  const accepted = await checkCarried(options, join(staging, name));
  const write = (file: string, text: string) => {
    writeNewFile(join(staging, file), formatUtf8(text), { sync: false });
    return { name: file, sha256: sha256Hex(formatUtf8(text)) };
  };
  const facts: KitFacts = {
    ...factsOf(accepted),
    bundle: name,
    executable: executable?.sha256,
  };
  for (const [i, key] of accepted.signers.entries())
    files.push(write(facts.signers[i]!.file, formatPublicKey(key)));
  files.push(write('README.txt', kitGuide(facts)), write('sheet.html', kitSheet(facts)));
  write(SUMS, files.map((file) => `${file.sha256}  ${file.name}\n`).join(''));
  return { facts, files };
}

/** Checks the bundle as an import would, but here nothing is trusted on first use: the hint must not name that. */
async function checkCarried({ store, rules }: KitOptions, bundle: string): Promise<Acceptance> {
  try {
    return await checkBundleForOthers(store, bundle, rules);
  } catch (error) {
    if (!isStellaError(error, 'PIN_REQUIRED')) throw error;
    throw error.with({
      hint: [
        'give --root FILE or --root-fingerprint sha256:HEX, as the trust team publishes it',
        'or make the kit where the bundle was sealed: there the trust store knows the root',
      ],
    });
  }
}

/** What was accepted, in the terms of guide and sheet. */
function factsOf({ manifest, view, trust, signers }: Acceptance): Omit<KitFacts, 'bundle' | 'executable'> {
  const digests = new Map(manifest.entries.map((entry) => [entry.path, entry.sha256]));
  // Of the roots that the bundle brings only those in the chain from the pinned one were verified.
  const [root] = view.rootVersions.flatMap((version) => {
    const sha256 = digests.get(`tuf/${version}.root.json`);
    return sha256 === undefined ? [] : [{ version, sha256 }];
  });
  if (!root) throw new StellaError('MANIFEST_INVALID', 'the bundle does not bring a root to pin');
  const named = new Set(bundleKeysOf(trust.targets, parseInstant(manifest.sealed_at)).map(({ id }) => id));
  return {
    root,
    sealedAt: manifest.sealed_at,
    sequence: manifest.sequence,
    base: manifest.base,
    adviceDays: adviceOf(manifest),
    signers: signers.map(({ id }, i) => ({
      id,
      file: i === 0 ? 'bundle-signer.pub' : `bundle-signer-${i + 1}.pub`,
      named: named.has(id),
    })),
  };
}

/** What stands in lists that others read line by line, and beside the kit's own files. @throws StellaError USAGE */
function checkName(name: string): void {
  const isOwn = /^(?:README\.txt|sheet\.html|SHA256SUMS|stella|bundle-signer(?:-\d+)?\.pub)$/i.test(name);
  if (!isOwn && name !== '-' && !name.includes('\\') && printable(name) === name) return;
  throw new StellaError('USAGE', `a kit cannot hold a bundle of the name ${excerpt(name)}`, {
    hint: 'rename the bundle, e.g. to bundle.tar.zst (of a split one, split it again under another name)',
  });
}

/** The list of checksums comes last: without it a kit is not finished. */
function moveFiles(from: string, to: string, names: readonly string[]): void {
  const moved: string[] = [];
  const undo = () => {
    for (const name of moved.splice(0)) rmSync(join(to, name), { force: true });
  };
  const ended = ifInterrupted(undo);
  try {
    for (const name of names) {
      renameSync(join(from, name), join(to, name));
      moved.push(name);
    }
  } catch (cause) {
    undo();
    throw cause;
  } finally {
    ended();
  }
}

/** The files of a bundle: one, or everything that its list of parts names. */
function bundleFiles(path: string): string[] {
  if (!isVolumePath(path)) return [path];
  const directory = dirname(path);
  const stem = basename(path).replace(/\.\d{3}$/, '');
  const list = path.endsWith('.parts.json') ? path : join(directory, volumeNames(stem).list);
  const parts = parseParts(readBounded(list, MAX_LIST_BYTES));
  const names = volumeNames(parts.name);
  return [names.list, names.signature, ...parts.parts.map((_, i) => names.part(i))].map((name) =>
    join(directory, name),
  );
}

async function copy(
  from: string,
  directory: string,
  name: string,
  mode: number,
  onProgress: KitOptions['onProgress'],
): Promise<{ name: string; sha256: Sha256Hex }> {
  const hash = createHash('sha256');
  let done = 0;
  try {
    const total = statSync(from).size;
    await pipeline(
      createReadStream(from),
      async function* (chunks: AsyncIterable<Buffer>) {
        for await (const chunk of chunks) {
          hash.update(chunk);
          done += chunk.length;
          onProgress(`copying ${name}`, done, total);
          yield chunk;
        }
      },
      createWriteStream(join(directory, name), { mode, flags: 'wx' }),
    );
  } catch (cause) {
    const readable = statSync(from, { throwIfNoEntry: false })?.isFile() ?? false;
    throw readable ? writeError(join(directory, name), cause) : readError(from, cause);
  }
  return { name, sha256: formatSha256(hash.digest()) };
}
