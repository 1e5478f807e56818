import { createReadStream, statSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { SeekableArchive } from '../archive/reader.ts';
import { readError } from '../base/files.ts';
import type { SealedBundle } from './sealed-bundle.ts';
import { SeekableBundle } from './seekable.ts';
import { StreamedBundle } from './streamed.ts';

export type { ExtractOptions, SealedBundle } from './sealed-bundle.ts';

export interface OpenOptions {
  /**
   * A directory that belongs to the caller. Only an input that cannot be sought in (a pipe, an archive packed again
   * without seek table) is written into it, once an entry is asked for, and never more than its manifest lists;
   * `close` removes it again.
   */
  readonly staging: string;
}

/**
 * Opens a bundle far enough to know its manifest and signatures: of a file with a seek table the first frames and the
 * table are read, of anything else the beginning. Trusts nothing: call `checkBundleSignature` before relying on the
 * manifest. The caller closes the bundle.
 * @param file a path, or a stream of the file's bytes
 * @throws StellaError FILE_NOT_FOUND, FILE_UNREADABLE, ARCHIVE_INVALID, ARCHIVE_TRUNCATED, ARCHIVE_TRAILING_DATA,
 * ARCHIVE_LIMIT, MANIFEST_MISSING, MANIFEST_INVALID, MANIFEST_VERSION, COSE_INVALID, ENTRY_PATH, ENTRY_TYPE,
 * ENTRY_DUPLICATE, ENTRY_UNLISTED, ENTRY_MISSING
 */
export async function openBundle(file: string | Readable, options: OpenOptions): Promise<SealedBundle> {
  if (typeof file !== 'string') return await StreamedBundle.load(file, options.staging);
  if (!isRegular(file)) return await StreamedBundle.load(createReadStream(file), options.staging);
  const archive = await SeekableArchive.open(file);
  if (!archive) {
    const source = createReadStream(file, { highWaterMark: 1024 * 1024 });
    return await StreamedBundle.load(source, options.staging);
  }
  try {
    return await SeekableBundle.load(archive);
  } catch (cause) {
    await archive.close();
    throw readError(file, cause);
  }
}

function isRegular(path: string): boolean {
  try {
    const stat = statSync(path);
    // A directory is left to the reader, which says what is wrong with it.
    return stat.isFile() || stat.isDirectory();
  } catch (cause) {
    throw readError(path, cause);
  }
}
