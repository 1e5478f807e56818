import { type FileHandle, open } from 'node:fs/promises';
import { StellaError } from '../base/errors.ts';
import { readError } from '../base/files.ts';
import { inOrder } from './parallel.ts';
import {
  FOOTER_BYTES,
  type FrameLengths,
  parseSeekFooter,
  parseSeekTable,
  seekTableBytes,
} from './seek-table.ts';
import { decompressFrame } from './zstd.ts';

/** Reads exactly `length` bytes at `position`. */
async function readExactly(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafeSlow(length);
  for (let done = 0; done < length; ) {
    const { bytesRead } = await handle.read(buffer, done, length - done, position + done);
    if (bytesRead === 0)
      throw new StellaError('ARCHIVE_TRUNCATED', 'the file became shorter while it was read');
    done += bytesRead;
  }
  return buffer;
}

/**
 * A file of zstd frames with a seek table: any piece of the tar stream inside is read by opening only the frames it
 * lies in. Frames are opened only as their turn comes, each under the exact length that the table gives.
 */
export class SeekableArchive {
  readonly path: string;
  /** Bytes of the whole file. */
  readonly size: number;
  /** Bytes of the whole tar stream. */
  readonly length: number;
  readonly #handle: FileHandle;
  /** Where each frame begins in the file and in the tar stream; one more than there are frames. */
  readonly #positions: readonly number[];
  readonly #offsets: readonly number[];
  #held: { readonly index: number; readonly bytes: Buffer } | undefined;

  private constructor(
    path: string,
    handle: FileHandle,
    positions: number[],
    offsets: number[],
    size: number,
  ) {
    this.path = path;
    this.#handle = handle;
    this.#positions = positions;
    this.#offsets = offsets;
    this.size = size;
    this.length = offsets.at(-1)!;
  }

  /**
   * Opens a file and reads its seek table, and nothing else.
   * @returns `undefined` where there is no seek table at the end
   * @throws StellaError FILE_NOT_FOUND, FILE_UNREADABLE, ARCHIVE_INVALID, ARCHIVE_LIMIT, ARCHIVE_TRUNCATED
   */
  static async open(path: string): Promise<SeekableArchive | undefined> {
    const handle = await open(path, 'r').catch((cause: unknown) => {
      throw readError(path, cause);
    });
    try {
      const archive = await SeekableArchive.#load(path, handle);
      if (!archive) await handle.close();
      return archive;
    } catch (cause) {
      await handle.close();
      throw readError(path, cause);
    }
  }

  static async #load(path: string, handle: FileHandle): Promise<SeekableArchive | undefined> {
    const stat = await handle.stat();
    if (stat.isDirectory()) throw new StellaError('FILE_UNREADABLE', `${path} is a directory`);
    if (stat.size === 0 && stat.isFile()) throw new StellaError('ARCHIVE_TRUNCATED', `${path} is empty`);
    if (!stat.isFile() || stat.size < seekTableBytes(0)) return undefined;
    const count = parseSeekFooter(await readExactly(handle, stat.size - FOOTER_BYTES, FOOTER_BYTES));
    if (count === undefined) return undefined;
    const tableBytes = seekTableBytes(count);
    if (count === 0 || tableBytes > stat.size)
      throw new StellaError('ARCHIVE_INVALID', `the seek table claims ${count} frames`);
    const frames = parseSeekTable(await readExactly(handle, stat.size - tableBytes, tableBytes));
    const positions = [0];
    const offsets = [0];
    for (const frame of frames) {
      positions.push(positions.at(-1)! + frame.compressed);
      offsets.push(offsets.at(-1)! + frame.decompressed);
    }
    if (positions.at(-1) !== stat.size - tableBytes)
      throw new StellaError(
        'ARCHIVE_INVALID',
        'the frames do not have the lengths that the seek table gives',
      );
    return new SeekableArchive(path, handle, positions, offsets, stat.size);
  }

  get frames(): number {
    return this.#offsets.length - 1;
  }

  /** Where frame `index` begins in the tar stream, in bytes; for `index = frames`, where the last one ends. */
  offsetOf(index: number): number {
    return this.#offsets[index]!;
  }

  /** Where frame `index` begins in the file, in bytes. */
  positionOf(index: number): number {
    return this.#positions[index]!;
  }

  /** The lengths of all frames. */
  table(): FrameLengths[] {
    return Array.from({ length: this.frames }, (_, i) => ({
      compressed: this.#positions[i + 1]! - this.#positions[i]!,
      decompressed: this.#offsets[i + 1]! - this.#offsets[i]!,
    }));
  }

  /** The frame that holds a byte of the tar stream. */
  frameAt(offset: number): number {
    let low = 0;
    let high = this.frames;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (this.#offsets[middle]! <= offset) low = middle;
      else high = middle;
    }
    return low;
  }

  async #open(index: number): Promise<Buffer> {
    if (this.#held?.index === index) return this.#held.bytes;
    const position = this.#positions[index]!;
    const compressed = await readExactly(this.#handle, position, this.#positions[index + 1]! - position);
    return decompressFrame(compressed, this.#offsets[index + 1]! - this.#offsets[index]!);
  }

  /**
   * A piece of the tar stream, whole. The frame it ends in is kept for the next call.
   * @throws StellaError ARCHIVE_TRUNCATED (the stream is shorter), ARCHIVE_INVALID, ARCHIVE_LIMIT
   */
  async read(offset: number, length: number): Promise<Buffer> {
    if (offset + length > this.length)
      throw new StellaError('ARCHIVE_TRUNCATED', 'the tar stream ends in the middle of an entry');
    const pieces: Buffer[] = [];
    for (let at = offset; at < offset + length; ) {
      const index = this.frameAt(at);
      if (this.#held?.index !== index) this.#held = { index, bytes: await this.#open(index) };
      const start = at - this.#offsets[index]!;
      const piece = this.#held.bytes.subarray(start, start + offset + length - at);
      pieces.push(piece);
      at += piece.length;
    }
    return pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
  }

  /**
   * The tar stream from `from` up to `to` (bytes) in pieces of at most one frame, several frames being opened at once.
   * @throws StellaError ARCHIVE_TRUNCATED (the stream is shorter), ARCHIVE_INVALID, ARCHIVE_LIMIT
   */
  async *chunks(from: number, to: number): AsyncGenerator<Buffer> {
    if (to > this.length)
      throw new StellaError('ARCHIVE_TRUNCATED', 'the tar stream ends in the middle of an entry');
    if (from >= to) return;
    const first = this.frameAt(from);
    const last = this.frameAt(to - 1);
    const indices = Array.from({ length: last - first + 1 }, (_, i) => first + i);
    for await (const [index, bytes] of inOrder(indices, async (i) => [i, await this.#open(i)] as const)) {
      const start = this.#offsets[index]!;
      yield bytes.subarray(Math.max(from - start, 0), Math.min(to - start, bytes.length));
    }
  }

  /** A piece of the file as it is, compressed, in pieces. */
  async *raw(from: number, to: number): AsyncGenerator<Buffer> {
    const step = 4 * 1024 * 1024;
    for (let at = from; at < to; at += step)
      yield await readExactly(this.#handle, at, Math.min(step, to - at));
  }

  async close(): Promise<void> {
    this.#held = undefined;
    await this.#handle.close();
  }
}
