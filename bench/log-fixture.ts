/** A log of any size on disk, made fast: its leaf hashes are made up, so there are no entries. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { generateKey, signerOf } from '../src/base/keys.ts';
import { loadTile } from '../src/logs/tile-directory.ts';
import { formatCheckpoint } from '../src/tlog/checkpoint.ts';
import { foldSubtrees } from '../src/tlog/hash.ts';
import { foldNodes, rangeNodes } from '../src/tlog/merkle.ts';
import { signNote, type VerifierKey, verifierKeyOf } from '../src/tlog/note.ts';
import { tilePath } from '../src/tlog/tile.ts';
import { nodeInTile, nodePlace } from '../src/tlog/tile-node.ts';

const ORIGIN = 'logs.example.com/bench';

/** Pseudo-random bytes (xorshift), the same in every run. */
function madeUp(bytes: number): Uint8Array {
  const words = new Uint32Array(bytes / 4);
  let state = 123_456_789;
  for (let i = 0; i < words.length; i += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  return new Uint8Array(words.buffer);
}

export interface BenchLog {
  readonly size: bigint;
  readonly rootHash: Uint8Array;
  readonly key: VerifierKey;
  readonly tiles: number;
}

export async function writeBenchLog(directory: string, size: number): Promise<BenchLog> {
  let tiles = 0;
  let hashes = madeUp(size * 32);
  for (let level = 0; hashes.length > 0; level += 1) {
    for (let at = 0, index = 0n; at < hashes.length; at += 8192, index += 1n) {
      const bytes = hashes.subarray(at, at + 8192);
      const path = join(directory, tilePath({ level, index, width: bytes.length / 32 }));
      if (index % 1000n === 0n || bytes.length < 8192) mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, bytes);
      tiles += 1;
    }
    hashes = foldSubtrees(hashes.subarray(0, hashes.length - (hashes.length % 8192)), 256);
  }
  const total = BigInt(size);
  const rootHash = foldNodes(
    rangeNodes(0n, total).map((node) => {
      const { tile, begin, count } = nodePlace(node, total);
      return nodeInTile(loadTile(directory, tile)!, begin, count);
    }),
  );
  const key = generateKey();
  const text = formatCheckpoint({ origin: ORIGIN, size: total, rootHash, extensions: [] });
  writeFileSync(join(directory, 'checkpoint'), await signNote(text, ORIGIN, signerOf(key)));
  return { size: total, rootHash, key: verifierKeyOf(ORIGIN, key.publicKey), tiles };
}
