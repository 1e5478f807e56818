import { hash } from 'node:crypto';
import { BUFFER_HASHES, type NodeHasher, vectorHasher } from './node-hash.ts';

/** Length of every hash in a log, in bytes. */
export const HASH_BYTES = 32;

const sha256 = (bytes: Uint8Array): Uint8Array => hash('sha256', bytes, 'buffer');

/** The Merkle tree hash of no entries: SHA-256 of nothing (RFC 6962 §2.1). */
export const EMPTY_ROOT: Uint8Array = sha256(new Uint8Array());

const LEAF_PREFIX = 0x00;
const NODE_PREFIX = 0x01;
const NODE_BYTES = 1 + 2 * HASH_BYTES;

/** SHA-256(0x00 ‖ entry), RFC 6962 §2.1. */
export function leafHash(entry: Uint8Array): Uint8Array {
  const prefixed = new Uint8Array(1 + entry.length);
  prefixed[0] = LEAF_PREFIX;
  prefixed.set(entry, 1);
  return sha256(prefixed);
}

const node = new Uint8Array(NODE_BYTES);
node[0] = NODE_PREFIX;

/** SHA-256(0x01 ‖ left ‖ right), RFC 6962 §2.1. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  node.set(left, 1);
  node.set(right, 1 + HASH_BYTES);
  return sha256(node);
}

/** One node at a time, with OpenSSL. */
function singleHasher(): NodeHasher {
  const buffer = new Uint8Array(BUFFER_HASHES * HASH_BYTES);
  return {
    buffer,
    hashPairs: (pairs) => {
      for (let i = 0; i < pairs; i += 1) {
        node.set(buffer.subarray(2 * i * HASH_BYTES, 2 * (i + 1) * HASH_BYTES), 1);
        buffer.set(sha256(node), i * HASH_BYTES);
      }
    },
  };
}

/** Nodes after which the time it takes to set up the vector hasher (about 40 ms) is surely worth it. */
const NODES_BEFORE_VECTORS = 100_000;
let nodesHashed = 0;
let hasher: NodeHasher | undefined;

function hasherFor(nodes: number): NodeHasher {
  const before = nodesHashed;
  nodesHashed += nodes;
  if (before < NODES_BEFORE_VECTORS && nodesHashed >= NODES_BEFORE_VECTORS) hasher = vectorHasher() ?? hasher;
  hasher ??= singleHasher();
  return hasher;
}

/**
 * The Merkle tree hash over hashes of one level side by side: pairs are hashed until one is left, an odd last one moves up
 * as it is (RFC 6962 §2.1). None give {@link EMPTY_ROOT}.
 * @param hashes 32 bytes each
 */
export function foldLevel(hashes: Uint8Array): Uint8Array {
  const count = hashes.length / HASH_BYTES;
  if (count === 0) return EMPTY_ROOT;
  return foldTogether(hashes, count);
}

/**
 * All complete subtrees over hashes of one level: the hashes themselves, then those of pairs, of fours, and so on, each
 * level side by side.
 */
export function foldLevels(hashes: Uint8Array): Uint8Array[] {
  const levels = [hashes];
  let count = hashes.length / HASH_BYTES;
  const { buffer, hashPairs } = hasherFor(count);
  buffer.set(hashes);
  while (count > 1) {
    count >>= 1;
    hashPairs(count);
    levels.push(buffer.slice(0, count * HASH_BYTES));
  }
  return levels;
}

/**
 * The hashes of many full subtrees at once, for speed.
 * @param hashes 32 bytes each, `width` for each subtree
 * @param width a power of two
 * @returns one hash for each subtree, side by side
 */
export function foldSubtrees(hashes: Uint8Array, width: number): Uint8Array {
  const subtrees = hashes.length / HASH_BYTES / width;
  const together = Math.max(1, Math.floor(BUFFER_HASHES / width));
  const folded = new Uint8Array(subtrees * HASH_BYTES);
  for (let at = 0; at < subtrees; at += together) {
    const part = hashes.subarray(at * width * HASH_BYTES, (at + together) * width * HASH_BYTES);
    folded.set(foldTogether(part, width), at * HASH_BYTES);
  }
  return folded;
}

/** Folds runs of `width` hashes each into one; a single run may be of any width. */
function foldTogether(hashes: Uint8Array, width: number): Uint8Array {
  let count = hashes.length / HASH_BYTES;
  if (count > BUFFER_HASHES) {
    // Halves of a power of two are complete subtrees; nothing wider than a few tiles comes here.
    const half = 2 ** Math.floor(Math.log2(count - 1));
    const cut = half * HASH_BYTES;
    return nodeHash(
      foldTogether(hashes.subarray(0, cut), half),
      foldTogether(hashes.subarray(cut), count - half),
    );
  }
  const { buffer, hashPairs } = hasherFor(count);
  buffer.set(hashes);
  const end = count / width;
  while (count > end) {
    const pairs = count >> 1;
    const odd = count % 2 === 1 ? buffer.slice((count - 1) * HASH_BYTES, count * HASH_BYTES) : undefined;
    hashPairs(pairs);
    if (odd) buffer.set(odd, pairs * HASH_BYTES);
    count = pairs + (odd ? 1 : 0);
  }
  return buffer.slice(0, count * HASH_BYTES);
}
