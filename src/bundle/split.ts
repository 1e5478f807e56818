import { createHash } from 'node:crypto';
import { lstatSync, renameSync, rmSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ByteFile } from '../archive/byte-file.ts';
import { formatSha256, type Sha256Hex } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import { STAGING_PREFIX, withStagingAsync, writeError, writeNewFile } from '../base/files.ts';
import { letInterruptsIn } from '../base/interrupt.ts';
import type { Signer } from '../base/keys.ts';
import { filePlace, type OutputOptions, publishOutput } from '../base/output/output-file.ts';
import { BUNDLE_PARTS_TYPE, formatManifestSignature } from './signature.ts';
import { formatParts, MAX_PARTS, PARTS_FORMAT, type Parts, splitRemains, volumeNames } from './volumes.ts';

export interface SplitOptions {
  /** A sealed bundle. It is removed once its parts are written. */
  readonly file: string;
  /** The path that the parts are named after; `file` unless told otherwise. */
  readonly out?: string;
  /** As `sealBundle` gives it. */
  readonly manifestSha256: Sha256Hex;
  /** The most bytes of one part. */
  readonly partSize: number;
  readonly signers: readonly Signer[];
  /** Whether a bundle that is there already is replaced, split or not, with everything that belongs to it. */
  readonly replace?: boolean;
  /** Called when everything is on the disk and only names are still to be given; what it throws leaves nothing. */
  readonly beforePublish?: () => void;
}

export interface Split {
  /** Path of NAME.parts.json; NAME.parts.cose and the parts lie beside it. */
  readonly list: string;
  readonly parts: readonly { readonly path: string; readonly size: number; readonly sha256: Sha256Hex }[];
}

/**
 * Splits a sealed bundle into `NAME.tar.zst.001` and on, with `NAME.parts.json` (sizes and SHA-256 of the parts) and
 * `NAME.parts.cose` (a COSE_Sign over it). `cat NAME.tar.zst.???` gives the bundle back.
 * @throws StellaError USAGE (more than 999 parts), FILE_EXISTS, FILE_NOT_FOUND, FILE_UNREADABLE, WRITE_FAILED, KEY_INVALID,
 * SIGNER_FAILED
 */
export async function splitBundle(options: SplitOptions): Promise<Split> {
  const { file, partSize, out = file } = options;
  const directory = dirname(out);
  const replace = { replace: options.replace ?? false };
  const names = volumeNames(basename(out));
  const whole = await ByteFile.open(file, [file]);
  try {
    const count = Math.ceil(whole.size / partSize);
    if (count > MAX_PARTS || !(partSize > 0))
      throw new StellaError('USAGE', `the bundle would have ${count} parts, the most is ${MAX_PARTS}`, {
        hint: `choose parts of at least ${Math.ceil(whole.size / MAX_PARTS)} bytes`,
      });
    const made = [...Array.from({ length: count }, (_, i) => names.part(i)), names.signature, names.list];
    // All or none, and no file of another bundle among the parts.
    for (const name of made) filePlace(join(directory, name), replace);
    const stale = checkRemains(out, new Set(out === file ? [...made, basename(file)] : made), replace);
    return await withStagingAsync(directory, STAGING_PREFIX, async (staging) => {
      const parts: Parts['parts'] = [];
      for (let i = 0; i < count; i += 1) {
        const from = i * partSize;
        const to = Math.min(from + partSize, whole.size);
        const sha256 = await writePart(join(staging, names.part(i)), whole.stream(from, to));
        parts.push({ size: to - from, sha256 });
      }
      const list = formatParts({
        format: PARTS_FORMAT,
        manifest_sha256: options.manifestSha256,
        name: basename(out),
        parts,
      });
      writeNewFile(
        join(staging, names.signature),
        await formatManifestSignature(list, options.signers, BUNDLE_PARTS_TYPE),
      );
      writeNewFile(join(staging, names.list), list);
      // The list comes last: where it is, the rest is.
      await whole.close();
      await letInterruptsIn();
      options.beforePublish?.();
      publishParts(staging, directory, made, replace);
      for (const path of [...stale, file]) rmSync(path, { force: true });
      return {
        list: join(directory, names.list),
        parts: parts.map((part, i) => ({ path: join(directory, names.part(i)), ...part })),
      };
    });
  } finally {
    await whole.close();
  }
}

/**
 * Judges what a path has of an earlier bundle, besides the files that are about to be made there.
 * @returns files to remove once the new ones are there
 * @throws StellaError FILE_EXISTS where there are any that may not be replaced, or that no list of parts names
 */
export function checkRemains(out: string, made: ReadonlySet<string>, options: OutputOptions): string[] {
  const { listed, unlisted } = splitRemains(out, made);
  const [stranger] = unlisted;
  if (stranger !== undefined)
    throw new StellaError('FILE_EXISTS', `${stranger} would be taken for a part of this bundle`, {
      hint: `remove it, or choose another name than ${basename(out)}`,
    });
  const isWhole = !made.has(basename(out)) && filePlace(out, options).kind === 'regular';
  for (const path of listed) filePlace(path, options);
  return [...listed, ...(isWhole ? [out] : [])];
}

/**
 * Without its list a split bundle is none: the old one goes first, the new one comes last. What fails on the way leaves no new
 * parts, and the old list where nothing of it was replaced.
 */
function publishParts(
  staging: string,
  directory: string,
  names: readonly string[],
  options: OutputOptions,
): void {
  const list = join(directory, names.at(-1)!);
  const oldList = join(staging, 'old-list');
  const isReplaced =
    options.replace === true && lstatSync(list, { throwIfNoEntry: false })?.isFile() === true;
  if (isReplaced) renameSync(list, oldList);
  const done: string[] = [];
  try {
    for (const name of names) {
      publishOutput(join(staging, name), join(directory, name), options);
      done.push(join(directory, name));
    }
  } catch (cause) {
    for (const path of done) rmSync(path, { force: true });
    if (isReplaced && done.length === 0) renameSync(oldList, list);
    throw cause;
  }
}

/** @returns the SHA-256 of the part, hexadecimal */
async function writePart(path: string, bytes: AsyncIterable<Uint8Array>): Promise<Sha256Hex> {
  const hash = createHash('sha256');
  let file: FileHandle | undefined;
  try {
    file = await open(path, 'wx', 0o644);
    for await (const piece of bytes) {
      hash.update(piece);
      await file.writeFile(piece);
    }
    await file.sync();
  } catch (cause) {
    throw writeError(path, cause);
  } finally {
    await file?.close();
  }
  return formatSha256(hash.digest());
}
