import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { sha256Stream } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import { readError } from '../base/files.ts';

/** Where the content of an entry comes from. */
export type EntrySource = Uint8Array | { readonly file: string };

const PIECE = 1024 * 1024;

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
 * @param size what {@link sourceSize} said; a file that has another size by now is refused
 * @throws StellaError FILE_NOT_FOUND, FILE_UNREADABLE
 */
export function* readSource(
  source: EntrySource,
  size: number,
  onRead: (bytes: number) => void,
  onDigest: (sha256: Uint8Array) => void,
): Generator<Uint8Array> {
  const hash = sha256Stream();
  for (const piece of source instanceof Uint8Array ? [source] : readFile(source.file, size)) {
    hash.update(piece);
    onRead(piece.length);
    yield piece;
  }
  onDigest(hash.digest());
}

function* readFile(path: string, size: number): Generator<Uint8Array> {
  const changed = (): StellaError =>
    new StellaError('FILE_UNREADABLE', `${path} changed while it was being sealed`, {
      hint: 'run the command again when nothing writes to it',
    });
  try {
    const fd = openSync(path, 'r');
    try {
      let left = size;
      for (;;) {
        // One byte more than what should be left tells whether the file has grown.
        const buffer = Buffer.allocUnsafeSlow(Math.min(left + 1, PIECE));
        const count = readSync(fd, buffer, 0, buffer.length, null);
        if (count > left || (count === 0 && left > 0)) throw changed();
        if (count === 0) return;
        left -= count;
        yield buffer.subarray(0, count);
      }
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    throw readError(path, cause);
  }
}
