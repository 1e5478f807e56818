import { concatBytes, sha256 } from '../base/bytes.ts';

/** Length of every hash in a log, in bytes. */
export const HASH_BYTES = 32;

/** The Merkle tree hash of no entries: SHA-256 of nothing (RFC 6962 §2.1). */
export const EMPTY_ROOT: Uint8Array = sha256(new Uint8Array());

const LEAF_PREFIX = Uint8Array.of(0x00);
const NODE_PREFIX = Uint8Array.of(0x01);

/** SHA-256(0x00 ‖ entry), RFC 6962 §2.1. */
export function leafHash(entry: Uint8Array): Uint8Array {
  return sha256(concatBytes(LEAF_PREFIX, entry));
}

/** SHA-256(0x01 ‖ left ‖ right), RFC 6962 §2.1. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(concatBytes(NODE_PREFIX, left, right));
}

/**
 * The Merkle tree hash over `hashes`, nodes of one level side by side (32 bytes each), as if they were all leaves' parents:
 * pairs are hashed until one is left, an odd last one moves up as it is (RFC 6962 §2.1). None give {@link EMPTY_ROOT}.
 */
export function foldLevel(hashes: Uint8Array): Uint8Array {
  let count = hashes.length / HASH_BYTES;
  if (count === 0) return EMPTY_ROOT;
  // A copy: a Buffer's own slice would be the caller's memory.
  const level = new Uint8Array(hashes);
  for (; count > 1; count = (count + 1) >> 1) {
    for (let i = 0; i < count; i += 2) {
      const pair = level.subarray(i * HASH_BYTES, Math.min(i + 2, count) * HASH_BYTES);
      const parent = pair.length === HASH_BYTES ? pair : sha256(concatBytes(NODE_PREFIX, pair));
      level.set(parent, (i / 2) * HASH_BYTES);
    }
  }
  return level.slice(0, HASH_BYTES);
}
