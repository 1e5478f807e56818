import { createHash } from 'node:crypto';
import { type Tile, tileWidth } from '../../src/tlog/tile.ts';

const sha256 = (...parts: Uint8Array[]) => {
  const digest = createHash('sha256');
  for (const part of parts) digest.update(part);
  return new Uint8Array(digest.digest());
};

/**
 * A log of up to 2^63 − 1 entries that needs no memory: all its entries are equal, so every complete subtree of a level has
 * the same hash. One entry may be told apart, so that two such logs differ.
 */
export class SyntheticTree {
  readonly size: bigint;
  readonly leaf: Uint8Array;
  readonly #complete: Uint8Array[];
  readonly #odd: bigint | undefined;
  readonly #oddPath: Uint8Array[] = [];

  constructor(size: bigint, odd?: bigint) {
    this.size = size;
    this.leaf = sha256(Uint8Array.of(0), Buffer.from('entry'));
    this.#complete = [this.leaf];
    this.#odd = odd;
    if (odd !== undefined) this.#oddPath.push(sha256(Uint8Array.of(0), Buffer.from('odd')));
    for (let level = 0; level < 63; level += 1) {
      const below = this.#complete[level]!;
      this.#complete.push(sha256(Uint8Array.of(1), below, below));
      const oddBelow = this.#oddPath[level];
      if (!oddBelow || odd === undefined) continue;
      const isRight = ((odd >> BigInt(level)) & 1n) === 1n;
      this.#oddPath.push(sha256(Uint8Array.of(1), isRight ? below : oddBelow, isRight ? oddBelow : below));
    }
  }

  /** The hash of the complete subtree of 2^level entries from index · 2^level on. */
  node(level: number, index: bigint): Uint8Array {
    const isOdd = this.#odd !== undefined && this.#odd >> BigInt(level) === index;
    return isOdd ? this.#oddPath[level]! : this.#complete[level]!;
  }

  /** MTH of entries [begin, end) where that is a subtree of RFC 6962; recursive, as the RFC has it. */
  root(end: bigint = this.size, begin = 0n): Uint8Array {
    const n = end - begin;
    if (n === 0n) return sha256();
    const level = n.toString(2).length - 1;
    if (n === 1n << BigInt(level)) return this.node(level, begin >> BigInt(level));
    const middle = begin + (1n << BigInt(level));
    return sha256(Uint8Array.of(1), this.root(middle, begin), this.root(end, middle));
  }

  tile({ level, index, width }: Tile): Uint8Array {
    if (tileWidth(level, index, this.size) < width) throw new Error('no such tile');
    const first = index * 256n;
    return Buffer.concat(Array.from({ length: width }, (_, i) => this.node(8 * level, first + BigInt(i))));
  }
}
