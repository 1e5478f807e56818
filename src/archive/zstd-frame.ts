import { StellaError } from '../base/errors.ts';

/**
 * The structure of zstd frames (RFC 8878 §3.1), walked without decompressing: where a frame ends, how much memory its
 * window takes, which optional fields it has. The decompressor alone would not say: it ignores what follows a frame.
 */

const FRAME_MAGIC = 0xfd2fb528;
const SKIPPABLE_FIRST = 0x184d2a50;
/** Block_Maximum_Size (RFC 8878 §3.1.1.2.4). */
const MOST_BLOCK = 128 * 1024;
/** Magic, descriptor, window descriptor, dictionary id, content size. */
const MOST_HEADER = 4 + 1 + 1 + 4 + 8;

export interface FrameHeader {
  readonly kind: 'frame' | 'skippable';
  readonly magic: number;
  /** Bytes before the first block, or before the content of a skippable frame. */
  readonly length: number;
  /** Bytes of content of a skippable frame. */
  readonly content: number;
  /** Bytes of memory that decompressing takes. */
  readonly window: number;
  readonly hasContentSize: boolean;
  readonly hasChecksum: boolean;
}

const invalid = (why: string): StellaError => new StellaError('ARCHIVE_INVALID', `not a zstd frame: ${why}`);

/**
 * The header at the start of `bytes`, or `undefined` where more bytes are needed.
 * @throws StellaError ARCHIVE_INVALID
 */
export function parseFrameHeader(bytes: Uint8Array): FrameHeader | undefined {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.length < 4) return undefined;
  const magic = view.readUInt32LE(0);
  if ((magic & 0xfffffff0) === SKIPPABLE_FIRST) {
    if (view.length < 8) return undefined;
    return {
      kind: 'skippable',
      magic,
      length: 8,
      content: view.readUInt32LE(4),
      window: 0,
      hasContentSize: false,
      hasChecksum: false,
    };
  }
  if (magic !== FRAME_MAGIC) throw invalid('wrong magic number');
  if (view.length < 5) return undefined;
  const descriptor = view.readUInt8(4);
  const single = (descriptor & 0x20) !== 0;
  const sizeFlag = descriptor >> 6;
  const sizeBytes = sizeFlag === 0 ? (single ? 1 : 0) : 1 << sizeFlag;
  if ((descriptor & 0x08) !== 0) throw invalid('reserved bit set');
  if ((descriptor & 0x03) !== 0) throw invalid('it needs a dictionary');
  const length = 5 + (single ? 0 : 1) + sizeBytes;
  if (view.length < length) return undefined;
  return {
    kind: 'frame',
    magic,
    length,
    content: 0,
    window: single ? contentSize(view, 5, sizeBytes) : windowSize(view.readUInt8(5)),
    hasContentSize: sizeBytes > 0,
    hasChecksum: (descriptor & 0x04) !== 0,
  };
}

function windowSize(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

function contentSize(view: Buffer, at: number, bytes: number): number {
  if (bytes === 1) return view.readUInt8(at);
  if (bytes === 2) return view.readUInt16LE(at) + 256;
  return bytes === 4 ? view.readUInt32LE(at) : Number(view.readBigUInt64LE(at));
}

/**
 * Finds the ends of frames in a stream that arrives in pieces of any length. After each {@link FrameWalker.advance} at
 * most one frame has ended; feed the rest again.
 */
export class FrameWalker {
  readonly #mostWindow: number;
  #pending = Buffer.alloc(0);
  #state: 'header' | 'block' | 'content' | 'checksum' = 'header';
  #skip = 0;
  #last = false;
  #header: FrameHeader | undefined;

  /** @param mostWindow the most memory that a frame's window may take, in bytes */
  constructor(mostWindow: number) {
    this.#mostWindow = mostWindow;
  }

  /** The header of the frame that the walker is in; `undefined` between frames. */
  get header(): FrameHeader | undefined {
    return this.#header;
  }

  /** Whether no frame has begun that has not ended. */
  get atBoundary(): boolean {
    return this.#state === 'header' && this.#pending.length === 0;
  }

  /**
   * Walks on through `bytes`.
   * @returns how many bytes belong to the present frame, and whether it ends with them
   * @throws StellaError ARCHIVE_INVALID, ARCHIVE_LIMIT (window)
   */
  advance(bytes: Uint8Array): { readonly used: number; readonly ended: boolean } {
    let at = 0;
    while (at < bytes.length) {
      if (this.#skip > 0) {
        const count = Math.min(this.#skip, bytes.length - at);
        this.#skip -= count;
        at += count;
        if (this.#skip === 0 && this.#contentEnded()) return { used: at, ended: true };
        continue;
      }
      const need = this.#state === 'header' ? MOST_HEADER : 3;
      const known = this.#pending.length;
      const taken = bytes.subarray(at, at + need - known);
      this.#pending = Buffer.concat([this.#pending, taken]);
      const used = this.#state === 'header' ? this.#enterFrame() : this.#enterBlock();
      if (used === undefined) {
        at += taken.length;
        continue;
      }
      at += used - known;
      this.#pending = Buffer.alloc(0);
      if (this.#skip === 0 && this.#contentEnded()) return { used: at, ended: true };
    }
    return { used: at, ended: false };
  }

  #enterFrame(): number | undefined {
    const header = parseFrameHeader(this.#pending);
    if (!header) return undefined;
    if (header.window > this.#mostWindow)
      throw new StellaError('ARCHIVE_LIMIT', `a frame wants a window of ${header.window} bytes`);
    this.#header = header;
    this.#last = header.kind === 'skippable';
    this.#skip = header.content;
    this.#state = header.kind === 'skippable' ? 'content' : 'block';
    return header.length;
  }

  #enterBlock(): number | undefined {
    if (this.#pending.length < 3) return undefined;
    const block = this.#pending.readUIntLE(0, 3);
    const type = (block >> 1) & 3;
    const size = block >> 3;
    if (type === 3) throw invalid('reserved block type');
    if (size > MOST_BLOCK) throw invalid('a block is too large');
    this.#last = (block & 1) !== 0;
    this.#skip = type === 1 ? 1 : size;
    this.#state = 'content';
    return 3;
  }

  /** Moves on after a block, a checksum or a skippable frame's content; answers whether the frame has ended. */
  #contentEnded(): boolean {
    if (this.#state === 'block') return false;
    if (this.#state === 'content' && !this.#last) {
      this.#state = 'block';
      return false;
    }
    if (this.#state === 'content' && this.#header?.hasChecksum) {
      this.#state = 'checksum';
      this.#skip = 4;
      return false;
    }
    this.#state = 'header';
    this.#header = undefined;
    return true;
  }
}
