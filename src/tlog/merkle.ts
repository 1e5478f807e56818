/**
 * tlog/: the mathematics of transparency logs: Merkle trees and their proofs (RFC 6962), tiles, checkpoints, signed
 * notes, cosignatures, witness policies (C2SP). It never touches disk, network or clock: hashes and tiles come through
 * readers that the caller hands in, and what they give is checked against a tree head before anything follows from it.
 * Start here for proofs, with tile.ts for where a hash lies, note.ts and checkpoint.ts for what is signed.
 */

import { equalBytes } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import { EMPTY_ROOT, HASH_BYTES, nodeHash } from './hash.ts';

export { EMPTY_ROOT, HASH_BYTES, leafHash, nodeHash } from './hash.ts';

/** A complete subtree: the 2^level entries that begin at index · 2^level. */
export interface NodeId {
  readonly level: number;
  readonly index: bigint;
}

/** Gives the hashes of complete subtrees, in the order asked for. */
export interface HashReader {
  readHashes(nodes: readonly NodeId[]): Promise<readonly Uint8Array[]>;
}

function invalid(why: string): StellaError {
  return new StellaError('PROOF_INVALID', why);
}

/** log2 of the largest power of two that is not greater than `n` ≥ 1. */
function floorLog2(n: bigint): number {
  return n.toString(2).length - 1;
}

/** The largest power of two smaller than `n` ≥ 2: where RFC 6962 splits a tree of n entries. */
function splitPoint(n: bigint): bigint {
  return 1n << BigInt(floorLog2(n - 1n));
}

/** The complete subtrees that make up the subtree over entries [begin, end), left to right. */
export function rangeNodes(begin: bigint, end: bigint): NodeId[] {
  const nodes: NodeId[] = [];
  for (let at = begin; at < end; ) {
    const level = floorLog2(end - at);
    nodes.push({ level, index: at >> BigInt(level) });
    at += 1n << BigInt(level);
  }
  return nodes;
}

/** The hash of a subtree from those of the complete subtrees that make it up. */
export function foldNodes(hashes: readonly Uint8Array[]): Uint8Array {
  return hashes.length === 0 ? EMPTY_ROOT : hashes.reduceRight((right, left) => nodeHash(left, right));
}

type Range = readonly [begin: bigint, end: bigint];

/** The subtrees whose hashes an inclusion proof lists (RFC 6962 §2.1.1), leaf's sibling first. */
export function inclusionRanges(index: bigint, size: bigint): Range[] {
  if (index < 0n || index >= size) throw invalid(`there is no entry ${index} in a tree of size ${size}`);
  const ranges: Range[] = [];
  let [begin, end] = [0n, size];
  while (end - begin > 1n) {
    const middle = begin + splitPoint(end - begin);
    if (index < middle) {
      ranges.push([middle, end]);
      end = middle;
    } else {
      ranges.push([begin, middle]);
      begin = middle;
    }
  }
  return ranges.reverse();
}

/** The subtrees whose hashes a consistency proof lists (RFC 6962 §2.1.2), in its order. */
export function consistencyRanges(oldSize: bigint, newSize: bigint): Range[] {
  if (oldSize < 0n || oldSize > newSize)
    throw invalid(`a tree of ${oldSize} cannot have grown to ${newSize}`);
  const ranges: Range[] = [];
  if (oldSize === 0n || oldSize === newSize) return ranges;
  let [begin, end] = [0n, newSize];
  while (end !== oldSize) {
    const middle = begin + splitPoint(end - begin);
    if (oldSize <= middle) {
      ranges.push([middle, end]);
      end = middle;
    } else {
      ranges.push([begin, middle]);
      begin = middle;
    }
  }
  // The old tree itself need not be listed: the verifier has its root.
  if (begin > 0n) ranges.push([begin, end]);
  return ranges.reverse();
}

async function readRanges(reader: HashReader, ranges: readonly Range[]): Promise<Uint8Array[]> {
  const nodes = ranges.map(([begin, end]) => rangeNodes(begin, end));
  const hashes = await reader.readHashes(nodes.flat());
  let at = 0;
  return nodes.map((part) => {
    at += part.length;
    return foldNodes(hashes.slice(at - part.length, at));
  });
}

/** RFC 6962 §2.1.1: the path from entry `index` to the root of the first `size` entries. */
export function proveInclusion(reader: HashReader, index: bigint, size: bigint): Promise<Uint8Array[]> {
  return readRanges(reader, inclusionRanges(index, size));
}

/** RFC 6962 §2.1.2: that the first `oldSize` of `newSize` entries are the old tree. */
export function proveConsistency(
  reader: HashReader,
  oldSize: bigint,
  newSize: bigint,
): Promise<Uint8Array[]> {
  return readRanges(reader, consistencyRanges(oldSize, newSize));
}

/** The Merkle tree hash of the first `size` entries. */
export async function treeRoot(reader: HashReader, size: bigint): Promise<Uint8Array> {
  return foldNodes(await reader.readHashes(rangeNodes(0n, size)));
}

function checkHashes(...hashes: readonly Uint8Array[]): void {
  if (hashes.some((hash) => hash.length !== HASH_BYTES))
    throw invalid('a hash in the proof has not 32 bytes');
}

export interface InclusionClaim {
  readonly index: bigint;
  readonly size: bigint;
  /** {@link leafHash} of the entry. */
  readonly leafHash: Uint8Array;
  readonly proof: readonly Uint8Array[];
  readonly rootHash: Uint8Array;
}

/**
 * RFC 9162 §2.1.3.2.
 * @throws StellaError PROOF_INVALID
 */
export function checkInclusion({ index, size, leafHash, proof, rootHash }: InclusionClaim): void {
  if (index < 0n || index >= size) throw invalid(`there is no entry ${index} in a tree of size ${size}`);
  checkHashes(leafHash, rootHash, ...proof);
  let [node, last] = [index, size - 1n];
  let hash = leafHash;
  for (const sibling of proof) {
    if (last === 0n) throw invalid('the inclusion proof is too long');
    if ((node & 1n) === 1n || node === last) {
      hash = nodeHash(sibling, hash);
      while ((node & 1n) === 0n && node !== 0n) [node, last] = [node >> 1n, last >> 1n];
    } else hash = nodeHash(hash, sibling);
    [node, last] = [node >> 1n, last >> 1n];
  }
  if (last !== 0n) throw invalid('the inclusion proof is too short');
  if (!equalBytes(hash, rootHash))
    throw invalid(`entry ${index} is not included: the proof leads to another root`);
}

export interface ConsistencyClaim {
  readonly oldSize: bigint;
  readonly oldRoot: Uint8Array;
  readonly newSize: bigint;
  readonly newRoot: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/**
 * RFC 9162 §2.1.4.2.
 * @throws StellaError PROOF_INVALID
 */
export function checkConsistency({ oldSize, oldRoot, newSize, newRoot, proof }: ConsistencyClaim): void {
  if (oldSize < 0n || oldSize > newSize)
    throw invalid(`a tree of ${oldSize} cannot have grown to ${newSize}`);
  checkHashes(oldRoot, newRoot, ...proof);
  if (oldSize === 0n || oldSize === newSize) {
    if (proof.length > 0) throw invalid('the consistency proof is too long');
    if (!equalBytes(oldRoot, oldSize === 0n ? EMPTY_ROOT : newRoot)) throw invalid('the roots differ');
    return;
  }
  let [node, last] = [oldSize - 1n, newSize - 1n];
  while ((node & 1n) === 1n) [node, last] = [node >> 1n, last >> 1n];
  // An old tree that is complete is a node of the new one: its root begins the proof.
  const path = node === 0n ? [oldRoot, ...proof] : [...proof];
  const first = path.shift();
  if (first === undefined) throw invalid('the consistency proof is too short');
  let [oldHash, newHash] = [first, first];
  for (const sibling of path) {
    if (last === 0n) throw invalid('the consistency proof is too long');
    if ((node & 1n) === 1n || node === last) {
      oldHash = nodeHash(sibling, oldHash);
      newHash = nodeHash(sibling, newHash);
      while ((node & 1n) === 0n && node !== 0n) [node, last] = [node >> 1n, last >> 1n];
    } else newHash = nodeHash(newHash, sibling);
    [node, last] = [node >> 1n, last >> 1n];
  }
  if (last !== 0n) throw invalid('the consistency proof is too short');
  if (!equalBytes(oldHash, oldRoot))
    throw invalid(`the log of size ${newSize} did not grow from that of ${oldSize}`);
  if (!equalBytes(newHash, newRoot)) throw invalid('the consistency proof leads to another root');
}
