import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ByteFile } from '../archive/byte-file.ts';
import { formatSha256, type Sha256Hex } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import { STAGING_PREFIX, withStagingAsync, writeError, writeNewFile } from '../base/files.ts';
import { letInterruptsIn } from '../base/interrupt.ts';
import type { Signer } from '../base/keys.ts';
import { filePlace, publishOutput } from '../base/output/output-file.ts';
import { BUNDLE_PARTS_TYPE, formatManifestSignature } from './signature.ts';
import { formatParts, MAX_PARTS, PARTS_FORMAT, type Parts, volumeNames } from './volumes.ts';

export interface SplitOptions {
  /** A sealed bundle. It is removed once its parts are written. */
  readonly file: string;
  /** As `sealBundle` gives it. */
  readonly manifestSha256: Sha256Hex;
  /** The most bytes of one part. */
  readonly partSize: number;
  readonly signers: readonly Signer[];
  /** Whether files that have the names of the parts already are replaced. */
  readonly replace?: boolean;
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
  const { file, partSize } = options;
  const directory = dirname(file);
  const replace = { replace: options.replace ?? false };
  const names = volumeNames(basename(file));
  const whole = await ByteFile.open(file, [file]);
  try {
    const count = Math.ceil(whole.size / partSize);
    if (count > MAX_PARTS || !(partSize > 0))
      throw new StellaError('USAGE', `the bundle would have ${count} parts, the most is ${MAX_PARTS}`, {
        hint: `choose parts of at least ${Math.ceil(whole.size / MAX_PARTS)} bytes`,
      });
    const made = [...Array.from({ length: count }, (_, i) => names.part(i)), names.signature, names.list];
    // All or none.
    for (const name of made) filePlace(join(directory, name), replace);
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
        name: basename(file),
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
      for (const name of made) publishOutput(join(staging, name), join(directory, name), replace);
      rmSync(file);
      return {
        list: join(directory, names.list),
        parts: parts.map((part, i) => ({ path: join(directory, names.part(i)), ...part })),
      };
    });
  } finally {
    await whole.close();
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
