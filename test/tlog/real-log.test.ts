import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { tileReader } from '../../src/logs/store.ts';
import { openCheckpoint } from '../../src/tlog/checkpoint.ts';
import { parseEntryBundle } from '../../src/tlog/entry-bundle.ts';
import {
  checkConsistency,
  checkInclusion,
  leafHash,
  proveConsistency,
  proveInclusion,
} from '../../src/tlog/merkle.ts';
import { formatVerifierKey, parseVerifierKey } from '../../src/tlog/note.ts';
import { real, realIsPresent } from '../support/real.ts';

const VKEY = 'example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx';
const directory = `${real}tile-log`;
const key = parseVerifierKey(VKEY);
const sizes = Array.from({ length: 16 }, (_, size) => size);
const open = (size: number) =>
  openCheckpoint(readFileSync(`${directory}/checkpoint.${size}`), [key]).checkpoint;

test('the published verifier key is read and written unchanged', () => {
  expect(formatVerifierKey(key)).toBe(VKEY);
});

test.runIf(realIsPresent)("every checkpoint of another implementation's log opens", () => {
  for (const size of sizes)
    expect(open(size)).toMatchObject({ size: BigInt(size), origin: 'example.com/log/testdata' });
});

test.runIf(realIsPresent)('every pair of its sizes is consistent', async () => {
  for (const newSize of sizes) {
    const to = open(newSize);
    const reader = tileReader(directory, to);
    for (const oldSize of sizes.slice(0, newSize + 1)) {
      const proof = await proveConsistency(reader, BigInt(oldSize), to.size);
      const from = open(oldSize);
      checkConsistency({
        oldSize: from.size,
        oldRoot: from.rootHash,
        newSize: to.size,
        newRoot: to.rootHash,
        proof,
      });
    }
  }
});

test.runIf(realIsPresent)('every entry is included in every tree', async () => {
  for (const size of sizes.slice(1)) {
    const { rootHash } = open(size);
    const reader = tileReader(directory, { size: BigInt(size), rootHash });
    const entries = parseEntryBundle(readFileSync(`${directory}/tile/entries/000.p/${size}`), size);
    for (const [i, entry] of entries.entries()) {
      const proof = await proveInclusion(reader, BigInt(i), BigInt(size));
      checkInclusion({ index: BigInt(i), size: BigInt(size), leafHash: leafHash(entry), proof, rootHash });
    }
  }
});
