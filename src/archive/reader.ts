/**
 * archive/: a tar inside zstd frames with a seek table, written reproducibly and read as hostile input. It knows
 * nothing of manifests, signatures or trust: it bounds sizes, windows and memory, and accepts only plain files with
 * safe paths. It never believes a length that the bytes do not have, and never opens a frame beyond its announced
 * length.
 * Start here for files that can be sought in, stream.ts for pipes, limits.ts for every bound.
 */

import { StellaError } from '../base/errors.ts';
import { releaseBuffer } from './buffers.ts';
import type { ByteFile } from './byte-file.ts';
import { inOrder } from './parallel.ts';
import {
  FOOTER_BYTES,
  type FrameLengths,
  parseSeekFooter,
  parseSeekTable,
  seekTableBytes,
} from './seek-table.ts';
import { decompressFrame } from './zstd.ts';

/**
 * A file of zstd frames with a seek table: any piece of the tar stream inside is read by opening only the frames it
 * lies in. Frames are opened only as their turn comes, each under the exact length that the table gives.
 */
export class SeekableArchive {
  /** Bytes of the whole file. */
  readonly size: number;
  /** Bytes of the whole tar stream. */
  readonly length: number;
  readonly #file: ByteFile;
  /** Where each frame begins in the file and in the tar stream; one more than there are frames. */
  readonly #positions: readonly number[];
  readonly #offsets: readonly number[];
  #held: { readonly index: number; readonly bytes: Buffer } | undefined;

  private constructor(file: ByteFile, positions: number[], offsets: number[]) {
    this.#file = file;
    this.#positions = positions;
    this.#offsets = offsets;
    this.size = file.size;
    this.length = offsets.at(-1)!;
  }

  /**
   * Reads the seek table of a file, and nothing else. The archive then owns the file.
   * @returns `undefined` where there is no seek table at the end
   * @throws StellaError FILE_UNREADABLE, ARCHIVE_INVALID, ARCHIVE_LIMIT, ARCHIVE_TRUNCATED
   */
  static async load(file: ByteFile): Promise<SeekableArchive | undefined> {
    if (file.size === 0) throw new StellaError('ARCHIVE_TRUNCATED', `${file.name} is empty`);
    if (file.size < seekTableBytes(0)) return undefined;
    const count = parseSeekFooter(await file.read(file.size - FOOTER_BYTES, FOOTER_BYTES));
    if (count === undefined) return undefined;
    const tableBytes = seekTableBytes(count);
    if (count === 0 || tableBytes > file.size)
      throw new StellaError('ARCHIVE_INVALID', `the seek table claims ${count} frames`);
    const frames = parseSeekTable(await file.read(file.size - tableBytes, tableBytes));
    const positions = [0];
    const offsets = [0];
    for (const frame of frames) {
      positions.push(positions.at(-1)! + frame.compressed);
      offsets.push(offsets.at(-1)! + frame.decompressed);
    }
    if (positions.at(-1) !== file.size - tableBytes)
      throw new StellaError(
        'ARCHIVE_INVALID',
        'the frames do not have the lengths that the seek table gives',
      );
    return new SeekableArchive(file, positions, offsets);
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
    const position = this.#positions[index]!;
    const compressed = await this.#file.read(position, this.#positions[index + 1]! - position);
    const bytes = await decompressFrame(compressed, this.#offsets[index + 1]! - this.#offsets[index]!);
    releaseBuffer(compressed);
    return bytes;
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
   * Each piece is valid until the next is asked for.
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
      releaseBuffer(bytes);
    }
  }

  /** A piece of the file as it is, compressed, in pieces. */
  raw(from: number, to: number): AsyncGenerator<Buffer> {
    return this.#file.stream(from, to);
  }

  async close(): Promise<void> {
    this.#held = undefined;
    await this.#file.close();
  }
}
