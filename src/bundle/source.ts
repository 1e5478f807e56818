import { closeSync, openSync, readSync, statSync } from 'node:fs';
import type { BufferPool } from '../archive/buffers.ts';
import { sha256, sha256Stream } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import { readError } from '../base/files.ts';

/** Where the content of an entry comes from. */
export type EntrySource = Uint8Array | { readonly file: string };

/** How much of a file is read at once, in bytes. */
export const PIECE_BYTES = 256 * 1024;

/**
 * Bytes of content.
 * @throws StellaError FILE_NOT_FOUND, FILE_UNREADABLE
 */
export function sourceSize(source: EntrySource): number {
  if (source instanceof Uint8Array) return source.length;
  try {
    const stat = statSync(source.file);
    if (!stat.isFile()) throw new StellaError('FILE_UNREADABLE', `${source.file} is not a regular file`);
    return stat.size;
  } catch (cause) {
    throw readError(source.file, cause);
  }
}

/**
 * Reads a source in pieces and takes its digest from the same bytes.
 * @param pool gives buffers of {@link PIECE_BYTES}; whoever takes a piece gives it back
 * @param size what {@link sourceSize} said; a file that has another size by now is refused
 * @throws StellaError FILE_NOT_FOUND, FILE_UNREADABLE
 */
export function* readSource(
  source: EntrySource,
  size: number,
  pool: BufferPool,
  onRead: (bytes: number) => void,
  onDigest: (sha256: Uint8Array) => void,
): Generator<Uint8Array> {
  // Most files are a tile's size: for them, one call is several times as fast as a hash object.
  let hash: ReturnType<typeof sha256Stream> | undefined;
  let digest: Uint8Array | undefined;
  for (const piece of source instanceof Uint8Array ? [source] : readFile(source.file, size, pool)) {
    if (piece.length === size) digest = sha256(piece);
    else {
      hash ??= sha256Stream();
      hash.update(piece);
    }
    onRead(piece.length);
    yield piece;
  }
  onDigest(digest ?? hash?.digest() ?? sha256(new Uint8Array(0)));
}

function* readFile(path: string, size: number, pool: BufferPool): Generator<Uint8Array> {
  const changed = (): StellaError =>
    new StellaError('FILE_UNREADABLE', `${path} changed while it was being sealed`, {
      hint: 'run the command again when nothing writes to it',
    });
  try {
    const fd = openSync(path, 'r');
    try {
      let left = size;
      for (;;) {
        const buffer = pool.take();
        // One byte more than what should be left tells whether the file has grown.
        const most = Math.min(left + 1, buffer.length);
        const count = readSync(fd, buffer, 0, most, null);
        const piece = buffer.subarray(0, count);
        if (count > left || (count === 0 && left > 0)) throw changed();
        left -= count;
        if (count > 0) yield piece;
        else pool.give(piece);
        // A regular file gives less than was asked for at its end only.
        if (left === 0 && count < most) return;
      }
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    throw readError(path, cause);
  }
}
