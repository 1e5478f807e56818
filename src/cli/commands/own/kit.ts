import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, readdirSync, renameSync, rmdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { formatSha256, formatUtf8, type Sha256Hex, sha256Hex } from '../../../base/bytes.ts';
import { StellaError } from '../../../base/errors.ts';
import {
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
import { openBundle } from '../../../bundle/open.ts';
import { signerIds } from '../../../bundle/signature.ts';
import { isVolumePath, parseParts, volumeNames } from '../../../bundle/volumes.ts';
import { type KitFacts, kitGuide, kitSheet } from './kit-text.ts';

export interface KitOptions {
  /** A directory that does not exist yet, or is empty. */
  readonly out: string;
  /** A bundle, or the list of parts of a split one. */
  readonly bundle: string;
  readonly executable: string | undefined;
  /** SHA-256 of the root that this store is pinned to: a bundle without it is not for these operators. */
  readonly pin: string | undefined;
  readonly onProgress: (what: string, done: number, total: number) => void;
}

export interface Kit {
  readonly facts: KitFacts;
  /** Names with SHA-256, as in SHA256SUMS. */
  readonly files: readonly { readonly name: string; readonly sha256: Sha256Hex }[];
}

const MAX_LIST_BYTES = 256 * 1024;

/**
 * Writes a kit, after reading the whole bundle once: what is damaged here would be refused there.
 * @throws StellaError FILE_EXISTS, PIN_MISMATCH, and what opening and verifying a bundle throws
 */
export async function writeKit(options: KitOptions): Promise<Kit> {
  const { out } = options;
  if (isDirectory(out) ? readdirSync(out).length > 0 : statSync(out, { throwIfNoEntry: false }) !== undefined)
    throw new StellaError('FILE_EXISTS', `${out} exists already and is not an empty directory`);
  const facts = await bundleFacts(options);
  return await withStagingAsync(dirname(out), STAGING_PREFIX, async (staging) => {
    const files: { name: string; sha256: Sha256Hex }[] = [];
    for (const path of bundleFiles(options.bundle))
      files.push(await copy(path, staging, basename(path), 0o644, options.onProgress));
    if (options.executable !== undefined)
      files.push(await copy(options.executable, staging, 'stella', 0o755, options.onProgress));
    for (const [name, text] of [
      ['README.txt', kitGuide(facts)],
      ['sheet.html', kitSheet(facts)],
    ] as const) {
      writeNewFile(join(staging, name), formatUtf8(text), { sync: false });
      files.push({ name, sha256: sha256Hex(formatUtf8(text)) });
    }
    const sums = files.map(({ name, sha256 }) => `${sha256}  ${name}\n`).join('');
    writeNewFile(join(staging, 'SHA256SUMS'), formatUtf8(sums), { sync: false });
    try {
      syncTree(staging);
      if (isDirectory(out)) rmdirSync(out);
      renameSync(staging, out);
      syncDirectory(dirname(out));
    } catch (cause) {
      throw writeError(out, cause);
    }
    return { facts, files };
  });
}

async function bundleFacts({ bundle: path, executable, pin, onProgress }: KitOptions): Promise<KitFacts> {
  return await withStagingAsync(tmpdir(), 'stella-kit-', async (staging) => {
    const bundle = await openBundle(path, { staging });
    try {
      await bundle.verifyAll({ onProgress: (done, total) => onProgress('checking the bundle', done, total) });
      const { manifest } = bundle;
      const first = manifest.tuf.first_root;
      const digests = new Map(manifest.entries.map((entry) => [entry.path, entry.sha256]));
      const sha256 = digests.get(`tuf/${first}.root.json`);
      if (sha256 === undefined)
        throw new StellaError(
          'MANIFEST_INVALID',
          `the bundle does not hold its first root, version ${first}`,
        );
      if (
        pin !== undefined &&
        ![...digests].some(([name, digest]) => name.endsWith('.root.json') && digest === pin)
      )
        throw new StellaError(
          'PIN_MISMATCH',
          'the bundle does not hold the root that this trust store is pinned to',
        );
      return {
        bundle: basename(path),
        executable: executable !== undefined,
        sealedAt: manifest.sealed_at,
        sequence: manifest.sequence,
        staleAfterDays: manifest.stale_after_days,
        root: { version: first, sha256 },
        signers: signerIds(bundle).map(({ kid }) => kid),
      };
    } finally {
      await bundle.close();
    }
  });
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
