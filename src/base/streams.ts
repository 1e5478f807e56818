import {
  closeSync,
  constants,
  createReadStream,
  openSync,
  type ReadStream,
  readSync,
  statSync,
  writeSync,
} from 'node:fs';
import { readError } from './files.ts';
import { ifInterrupted } from './interrupt.ts';

/**
 * A FIFO or device, e.g. /dev/stdin: it can be read once only, and not opened to look first.
 * @throws StellaError FILE_UNREADABLE
 */
export function isPipe(path: string): boolean {
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    return stat !== undefined && !stat.isFile() && !stat.isDirectory();
  } catch (cause) {
    throw readError(path, cause);
  }
}

/** Reads a FIFO or device, without keeping an interrupted process from ending while nobody writes to it. */
export function openPipe(path: string): ReadStream {
  const stream = createReadStream(path);
  const ended = ifInterrupted(() => wakeReader(path));
  return stream.once('close', ended);
}

/** The thread that waits for a FIFO's writer, or for what it writes, goes on when there is something to read. */
function wakeReader(path: string): void {
  if (!statSync(path).isFIFO()) return;
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  writeSync(fd, '\n');
  closeSync(fd);
}

/**
 * Lines of files of any size, in memory that does not depend on the file: what is longer than a line may be is never held.
 */

const CHUNK_BYTES = 256 * 1024;
const LINE_FEED = 0x0a;

/**
 * A file in pieces, read no faster than they are used. Each piece is the reader's own.
 * @throws StellaError FILE_NOT_FOUND, FILE_UNREADABLE
 */
export function* fileChunks(path: string): Generator<Buffer> {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (cause) {
    throw readError(path, cause);
  }
  yield* openChunks(fd, path);
}

/**
 * The same of a file that is open, and closed at the end.
 * @param path how to call it in messages
 * @throws StellaError FILE_UNREADABLE
 */
export function* openChunks(fd: number, path: string): Generator<Buffer> {
  try {
    for (;;) {
      const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
      let count: number;
      try {
        count = readSync(fd, chunk);
      } catch (cause) {
        throw readError(path, cause);
      }
      if (count === 0) return;
      yield chunk.subarray(0, count);
    }
  } finally {
    closeSync(fd);
  }
}

/** A line without its line feed. */
export interface Line {
  /** From 1. */
  readonly number: number;
  /** `undefined` where it is longer than a line may be; nothing follows then. */
  readonly bytes: Buffer | undefined;
  /** Whether a line feed ended it. */
  readonly isEnded: boolean;
}

/**
 * Splits bytes at line feeds. A last line without one counts, an empty last line does not.
 * @param maxBytes of one line; the first that is longer ends the reading
 */
export function* splitLines(chunks: Iterable<Uint8Array>, maxBytes: number): Generator<Line> {
  let number = 1;
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  for (const chunk of chunks) {
    let start = 0;
    while (start < chunk.length) {
      const feed = chunk.indexOf(LINE_FEED, start);
      const end = feed === -1 ? chunk.length : feed;
      heldBytes += end - start;
      if (heldBytes > maxBytes) {
        yield { number, bytes: undefined, isEnded: false };
        return;
      }
      held.push(chunk.subarray(start, end));
      start = end + 1;
      if (feed === -1) break;
      yield { number, bytes: joined(held, heldBytes), isEnded: true };
      number += 1;
      held = [];
      heldBytes = 0;
    }
  }
  if (heldBytes > 0) yield { number, bytes: joined(held, heldBytes), isEnded: false };
}

function joined(parts: readonly Uint8Array[], length: number): Buffer {
  const [only] = parts;
  if (only && parts.length === 1) return Buffer.from(only.buffer, only.byteOffset, only.byteLength);
  return Buffer.concat(parts, length);
}
