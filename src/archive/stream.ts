import { pipeline } from 'node:stream/promises';
import { constants, createZstdDecompress } from 'node:zlib';
import { isStellaError, StellaError } from '../base/errors.ts';
import { MAX_FRAME_WINDOW, MAX_FRAMES, MAX_STREAM_WINDOW } from './limits.ts';
import { type FrameLengths, parseSeekTable, seekTableBytes } from './seek-table.ts';
import { type FrameHeader, FrameWalker, parseFrameHeader } from './zstd-frame.ts';

/** pzstd: a skippable frame of the first magic number, with the compressed length of the next frame as u32, little endian. */
const PZSTD_MAGIC = 0x184d2a50;
const PZSTD_CONTENT = 4;

function isPzstd({ magic, content }: FrameHeader): boolean {
  return magic === PZSTD_MAGIC && content === PZSTD_CONTENT;
}

/** Beyond so many frames, they must hold this much on average: opening a frame costs time whatever it holds. */
const FREE_FRAMES = 1000;
const LEAST_AVERAGE_FRAME = 16 * 1024;

/**
 * zstd frames from a source that cannot be sought in, decompressed in order, in constant memory. A seek table may come
 * last and must then tell the truth; so must what pzstd writes before each frame. Any other skippable frame is refused:
 * nothing is carried that is not looked at.
 */
export class FrameStream {
  readonly #source: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);
  #seekTable: readonly FrameLengths[] | undefined;
  readonly #frames: FrameLengths[] = [];
  #arePlain = true;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** The seek table, once everything has been read, if there was one. */
  get seekTable(): readonly FrameLengths[] | undefined {
    return this.#seekTable;
  }

  /**
   * The decompressed bytes, in pieces. A bomb goes off one piece at a time: stop reading when there is too much.
   * @throws StellaError ARCHIVE_INVALID, ARCHIVE_TRUNCATED, ARCHIVE_TRAILING_DATA, ARCHIVE_LIMIT (window, frames)
   */
  async *bytes(): AsyncGenerator<Uint8Array> {
    let total = 0;
    for (;;) {
      const header = await this.#peekHeader();
      if (!header) break;
      const announced = isPzstd(header) ? await this.#takeLength(header) : undefined;
      if (header.kind === 'skippable' && announced === undefined) {
        await this.#takeSeekTable(header);
        break;
      }
      if (announced !== undefined) this.#arePlain = false;
      if (header.hasContentSize || header.hasChecksum || header.window > MAX_FRAME_WINDOW)
        this.#arePlain = false;
      const frame = { compressed: 0, decompressed: 0 };
      for await (const piece of this.#decompress(frame)) {
        frame.decompressed += piece.length;
        yield piece;
      }
      if (announced !== undefined && announced !== frame.compressed)
        throw new StellaError(
          'ARCHIVE_INVALID',
          `a skippable frame announces ${announced} bytes, and the frame after it has ${frame.compressed}`,
        );
      if (frame.decompressed === 0) throw new StellaError('ARCHIVE_INVALID', 'a frame is empty');
      total += frame.decompressed;
      this.#frames.push(frame);
      const count = this.#frames.length;
      if (count > MAX_FRAMES || (count > FREE_FRAMES && total / count < LEAST_AVERAGE_FRAME))
        throw new StellaError('ARCHIVE_LIMIT', `the archive is cut into too many frames (${count})`);
    }
    if (this.#frames.length === 0) throw new StellaError('ARCHIVE_TRUNCATED', 'the archive is empty');
  }

  async #pull(): Promise<boolean> {
    const next = await this.#source.next();
    if (next.done === true) return false;
    this.#rest = this.#rest.length === 0 ? next.value : Buffer.concat([this.#rest, next.value]);
    return true;
  }

  async #peekHeader(): Promise<FrameHeader | undefined> {
    for (;;) {
      const header = this.#rest.length === 0 ? undefined : parseFrameHeader(this.#rest);
      if (header) return header;
      if (await this.#pull()) continue;
      if (this.#rest.length === 0) return undefined;
      throw new StellaError('ARCHIVE_TRUNCATED', 'the archive ends inside a frame header');
    }
  }

  /** The length of the next frame, as pzstd announces it in a skippable frame of its own. */
  async #takeLength({ length, content }: FrameHeader): Promise<number> {
    const end = length + content;
    while (this.#rest.length < end) {
      if (!(await this.#pull()))
        throw new StellaError('ARCHIVE_TRUNCATED', 'the archive ends inside a frame');
    }
    const announced = Buffer.from(this.#rest.subarray(length, end)).readUInt32LE(0);
    this.#rest = this.#rest.subarray(end);
    if ((await this.#peekHeader())?.kind !== 'frame')
      throw new StellaError('ARCHIVE_INVALID', 'a skippable frame announces a frame that does not follow');
    return announced;
  }

  async *#decompress(frame: { compressed: number }): AsyncGenerator<Uint8Array> {
    const decoder = createZstdDecompress({
      chunkSize: 256 * 1024,
      params: { [constants.ZSTD_d_windowLogMax]: Math.log2(MAX_STREAM_WINDOW) },
    });
    const feeding = pipeline(this.#segments(frame), decoder);
    // Met below through the decoder, which it destroys.
    feeding.catch(() => {});
    try {
      yield* decoder as AsyncIterable<Uint8Array>;
      await feeding;
    } catch (cause) {
      if (isStellaError(cause)) throw cause;
      throw new StellaError('ARCHIVE_INVALID', 'a frame is damaged: zstd cannot decompress it', { cause });
    }
  }

  /** The compressed bytes of one frame, to its exact end. */
  async *#segments(frame: { compressed: number }): AsyncGenerator<Uint8Array> {
    const walker = new FrameWalker(MAX_STREAM_WINDOW);
    for (;;) {
      if (this.#rest.length === 0 && !(await this.#pull()))
        throw new StellaError('ARCHIVE_TRUNCATED', 'the archive ends inside a frame');
      const { used, ended } = walker.advance(this.#rest);
      const segment = this.#rest.subarray(0, used);
      this.#rest = this.#rest.subarray(used);
      frame.compressed += used;
      yield segment;
      if (ended) return;
    }
  }

  async #takeSeekTable(header: FrameHeader): Promise<void> {
    const length = header.length + header.content;
    if (length > seekTableBytes(MAX_FRAMES))
      throw new StellaError('ARCHIVE_LIMIT', `a skippable frame claims ${length} bytes`);
    while (this.#rest.length < length) {
      if (!(await this.#pull()))
        throw new StellaError('ARCHIVE_TRUNCATED', 'the archive ends inside its seek table');
    }
    const table = parseSeekTable(this.#rest.subarray(0, length));
    if (this.#rest.length > length || (await this.#pull()))
      throw new StellaError('ARCHIVE_TRAILING_DATA', 'there is data after the seek table');
    if (!this.#arePlain)
      throw new StellaError('ARCHIVE_INVALID', 'a frame has a form that format v1 does not use');
    const fits =
      table.length === this.#frames.length &&
      table.every((claimed, i) => {
        const found = this.#frames[i]!;
        return claimed.compressed === found.compressed && claimed.decompressed === found.decompressed;
      });
    if (!fits)
      throw new StellaError(
        'ARCHIVE_INVALID',
        'the frames do not have the lengths that the seek table gives',
      );
    this.#seekTable = table;
  }

  /** Lets go of the source. */
  async close(): Promise<void> {
    await this.#source.return?.();
  }
}
