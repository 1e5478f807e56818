import { createHash } from 'node:crypto';

/** RFC 6962 §2.1 written down as it stands there, for comparison: recursive, slow, and independent of src/tlog. */
const hash = (...parts: Uint8Array[]) => {
  const digest = createHash('sha256');
  for (const part of parts) digest.update(part);
  return new Uint8Array(digest.digest());
};

const split = (n: number) => {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
};

export function referenceLeaf(entry: Uint8Array): Uint8Array {
  return hash(Uint8Array.of(0), entry);
}

/** A tree over leaf hashes that remembers the hash of every subtree it was asked for. */
export class ReferenceTree {
  readonly #leaves: readonly Uint8Array[];
  readonly #known = new Map<number, Uint8Array>();

  constructor(leaves: readonly Uint8Array[]) {
    this.#leaves = leaves;
  }

  /** MTH(D[begin:end]) */
  root(end: number, begin = 0): Uint8Array {
    if (end === begin) return hash();
    if (end - begin === 1) return this.#leaves[begin]!;
    const key = begin * 0x1000000 + end;
    let known = this.#known.get(key);
    if (!known) {
      const middle = begin + split(end - begin);
      known = hash(Uint8Array.of(1), this.root(middle, begin), this.root(end, middle));
      this.#known.set(key, known);
    }
    return known;
  }

  /** PATH(m, D[begin:end]), m counted from `begin`. */
  path(m: number, end: number, begin = 0): Uint8Array[] {
    const n = end - begin;
    if (n === 1) return [];
    const k = split(n);
    return m < k
      ? [...this.path(m, begin + k, begin), this.root(end, begin + k)]
      : [...this.path(m - k, end, begin + k), this.root(begin + k, begin)];
  }

  /** PROOF(m, D[n]) */
  proof(m: number, n: number): Uint8Array[] {
    return this.#subproof(m, 0, n, true);
  }

  #subproof(m: number, begin: number, end: number, whole: boolean): Uint8Array[] {
    const n = end - begin;
    if (m === n) return whole ? [] : [this.root(end, begin)];
    const k = split(n);
    return m <= k
      ? [...this.#subproof(m, begin, begin + k, whole), this.root(end, begin + k)]
      : [...this.#subproof(m - k, begin + k, end, false), this.root(begin + k, begin)];
  }
}
