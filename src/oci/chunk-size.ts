const MIB = 1024 * 1024;

/**
 * The sizes that are tried, in bytes. What is known to bound a request: 4 MiB at GitHub's registry, 1 MiB at an nginx
 * with its own defaults, 100 MB at Cloudflare.
 */
const SIZES: readonly number[] = [64 * MIB, 16 * MIB, 4 * MIB, MIB, MIB / 4, MIB / 16];

/** As much as every registry known takes: where an upload is to go on at a place that nothing but its status vouches for. */
const FIRST_AFTER_STATUS = MIB;

/**
 * How much of a blob goes into one request. It is found out once for all uploads of a push, and only ever gets smaller:
 * a registry can refuse sizes no more often than there are sizes.
 */
export class ChunkSize {
  #size: number;
  #taken = 0;

  /** @param size bytes to begin with */
  constructor(size: number = SIZES[0]!) {
    this.#size = size;
  }

  /**
   * Bytes of the next chunk.
   * @param left bytes of the blob that are not there yet
   * @param minimum the least that the registry says it takes, the last chunk apart
   * @param isKnown whether the registry has acknowledged the offset itself
   */
  next(left: number, minimum: number, isKnown: boolean): number {
    const wanted = isKnown ? this.#size : Math.min(this.#size, FIRST_AFTER_STATUS);
    return Math.min(left, Math.max(wanted, minimum));
  }

  /** A chunk of this length was taken. */
  take(length: number): void {
    this.#taken = Math.max(this.#taken, length);
  }

  /** Whether as much was taken before: then it is not the length that a registry refuses. */
  hasTaken(length: number): boolean {
    return length <= this.#taken;
  }

  /**
   * Chooses a smaller size after a connection broke in a chunk that is longer than any before: servers that answer what is
   * too long and hang up at once are often not heard. On a line that breaks for other reasons, less is lost each time.
   */
  shrinkAfterBreak(length: number, minimum: number): void {
    this.shrinkBelow(length, Math.max(minimum, FIRST_AFTER_STATUS));
  }

  /** Chooses the next smaller size after this length was refused. @returns whether there is one that can help */
  shrinkBelow(length: number, minimum: number): boolean {
    const smaller = SIZES.find((size) => size < length && size < this.#size && size >= minimum);
    if (smaller === undefined || this.hasTaken(length)) return false;
    this.#size = smaller;
    return true;
  }
}
