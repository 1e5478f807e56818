/**
 * bundle/: the sealed bundle: an archive whose first entry is a canonical manifest, signed with COSE, that lists every
 * other entry with size and digest; in one file, in parts, streamed, or unpacked on a mirror. It binds content to the
 * manifest and signatures to keys that the caller names; it never decides which keys are trusted and never judges what
 * the entries mean.
 * Start here for reading and with seal.ts for writing; manifest.ts and signature.ts are the format (docs/format.md).
 */

import type { Readable } from 'node:stream';
import { ByteFile } from '../archive/byte-file.ts';
import { SeekableArchive } from '../archive/reader.ts';
import { readError } from '../base/files.ts';
import { isPipe, openPipe } from '../base/streams.ts';
import type { SealedBundle } from './sealed-bundle.ts';
import { SeekableBundle } from './seekable.ts';
import { StreamedBundle } from './streamed.ts';
import { foundBundle, isVolumePath, openVolumes } from './volumes.ts';

export type { ExtractOptions, SealedBundle } from './sealed-bundle.ts';

/** How to open a bundle. */
export interface OpenOptions {
  /**
   * A directory that belongs to the caller. Only an input that cannot be sought in (a pipe, an archive packed again
   * without seek table) is written into it, once an entry is asked for, and never more than its manifest lists;
   * `close` removes it again.
   */
  readonly staging: string;
  /** SHA-256 of a manifest that this caller has accepted before: the form of that one is not checked again. */
  readonly checkedManifest?: string | undefined;
}

/**
 * Opens a bundle far enough to know its manifest and signatures: of a file with a seek table the first frames and the
 * table are read, of anything else the beginning. Trusts nothing: call `checkBundleSignature` before relying on the
 * manifest. The caller closes the bundle.
 * @param named a path (of a split bundle also of its parts file or one of its parts), or a stream of the file's bytes
 * @throws StellaError FILE_NOT_FOUND, FILE_UNREADABLE, ARCHIVE_INVALID, ARCHIVE_TRUNCATED, ARCHIVE_TRAILING_DATA,
 * ARCHIVE_LIMIT, MANIFEST_MISSING, MANIFEST_INVALID, MANIFEST_VERSION, COSE_INVALID, ENTRY_PATH, ENTRY_TYPE,
 * ENTRY_DUPLICATE, ENTRY_UNLISTED, ENTRY_MISSING, PARTS_INCOMPLETE
 */
export async function openBundle(named: string | Readable, options: OpenOptions): Promise<SealedBundle> {
  if (typeof named !== 'string') return await StreamedBundle.load(readableBytes(named), options.staging);
  const file = foundBundle(named);
  if (isPipe(file)) return await StreamedBundle.load(readableBytes(openPipe(file)), options.staging);
  const volumes = isVolumePath(file) ? await openVolumes(file) : undefined;
  const bytes = volumes?.file ?? (await ByteFile.open(file, [file]));
  try {
    const archive = await SeekableArchive.load(bytes);
    const bundle = archive
      ? await SeekableBundle.load(archive, volumes?.parts, options.checkedManifest)
      : await StreamedBundle.load(fileBytes(bytes), options.staging, {
          size: bytes.size,
          parts: volumes?.parts,
        });
    volumes?.parts.checkBundle(bundle.manifestSha256);
    return bundle;
  } catch (cause) {
    await bytes.close();
    throw cause;
  }
}

/** Failures of the source itself, told apart from what is wrong with its bytes. */
async function* readableBytes(stream: Readable): AsyncGenerator<Uint8Array> {
  try {
    for await (const piece of stream as AsyncIterable<Uint8Array>) yield piece;
  } catch (cause) {
    throw readError('path' in stream ? String(stream.path) : 'the input stream', cause);
  } finally {
    stream.destroy();
  }
}

async function* fileBytes(file: ByteFile): AsyncGenerator<Uint8Array> {
  try {
    yield* file.stream();
  } finally {
    await file.close();
  }
}
