const LEAST_RELEASED = 64 * 1024;

/**
 * Frees the memory of a large buffer at once, which nobody may use any more; garbage collection would let hundreds of
 * megabytes of frames pile up first. Small buffers, which may share their memory with others, are left alone.
 */
export function releaseBuffer(bytes: Uint8Array): void {
  const { buffer } = bytes;
  const isWhole = bytes.byteOffset === 0 && buffer.byteLength - bytes.byteLength < LEAST_RELEASED;
  if (isWhole && bytes.byteLength >= LEAST_RELEASED && buffer instanceof ArrayBuffer) buffer.transfer(0);
}

/** Buffers of one length that go round between a producer and a consumer. */
export class BufferPool {
  readonly #length: number;
  readonly #spare: Buffer[] = [];
  readonly #own = new Map<ArrayBufferLike, Buffer>();

  /** @param length of each buffer in bytes */
  constructor(length: number) {
    this.#length = length;
  }

  take(): Buffer {
    const spare = this.#spare.pop();
    if (spare) return spare;
    const buffer = Buffer.allocUnsafeSlow(this.#length);
    this.#own.set(buffer.buffer, buffer);
    return buffer;
  }

  /** Gives a buffer back, or a piece of one; of what is not from this pool nothing happens. */
  give(bytes: Uint8Array): void {
    const buffer = this.#own.get(bytes.buffer);
    if (buffer) this.#spare.push(buffer);
  }
}
