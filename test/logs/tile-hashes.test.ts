import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { generateKey, signerOf } from '../../src/base/keys.ts';
import { hashTiles } from '../../src/logs/tile-hashes.ts';
import { appendEntries, initLog } from '../../src/logs/writer.ts';
import { refusal } from '../support/errors.ts';
import { ReferenceTree, referenceLeaf } from '../support/reference-tree.ts';
import { temporaryTree } from '../support/temp.ts';

const TILES = 300;
const entries = Array.from({ length: TILES * 256 }, (_, i) => Buffer.from(`${i}`));
const directory = join(temporaryTree(), 'log');
const signer = signerOf(generateKey());
await initLog(directory, { origin: 'logs.example.com/threads', signer });
await appendEntries(directory, entries, signer);
const tree = new ReferenceTree(entries.map(referenceLeaf));
const indices = Array.from({ length: TILES }, (_, i) => BigInt(TILES - 1 - i));

/** Whether so many tiles are said to be there that threads are worth it. */
test.each([
  ['threads', 1_000_000n],
  ['this thread', 1n],
])('tiles hashed in %s come back in order, with the right hashes', async (_, count) => {
  const seen: bigint[] = [];
  await hashTiles(directory, indices, count, (tiles, hashes) => {
    tiles.forEach(({ index }, i) => {
      const at = Number(index) * 256;
      expect(Buffer.from(hashes.subarray(32 * i, 32 * i + 32))).toEqual(Buffer.from(tree.root(at + 256, at)));
      seen.push(index);
    });
  });
  expect(seen).toEqual(indices);
});

test.each([
  ['threads', 1_000_000n],
  ['this thread', 1n],
])('a tile that is short or gone is refused in %s', async (_, count) => {
  const path = join(directory, 'tile/0/007');
  writeFileSync(path, Buffer.alloc(8191));
  await refusal('TILE_INVALID', () => hashTiles(directory, indices, count, () => {}));
  rmSync(path);
  await refusal('TILE_INVALID', () => hashTiles(directory, indices, count, () => {}));
});

test('what the check throws ends the work', async () => {
  const failure = new Error('enough');
  const refused = hashTiles(directory, indices, 1_000_000n, () => {
    throw failure;
  });
  await expect(refused).rejects.toBe(failure);
});
