/**
 * Ways to hash the nodes of a Merkle tree: SHA-256(0x01 ‖ left ‖ right), 65 bytes each. Run: node bench/node-hash.ts
 */
import { execFileSync } from 'node:child_process';
import { createHash, hash } from 'node:crypto';
import { digest as asDigest, batchHash4UintArray64s } from '@chainsafe/as-sha256';
import { sha256 as noble } from '@noble/hashes/sha2.js';
import { createSHA256 } from 'hash-wasm';
import { vectorHasher } from '../src/tlog/node-hash.ts';
import { printTable } from './table.ts';

const NODES = 200_000;
const ROUNDS = 5;
const node = Buffer.alloc(65, 7);
node[0] = 1;

/** Microseconds per node. */
function measure(run: (nodes: number) => void): number {
  const begin = performance.now();
  run(NODES);
  return ((performance.now() - begin) * 1000) / NODES;
}

function repeat(act: () => unknown): (nodes: number) => void {
  return (nodes) => {
    for (let i = 0; i < nodes; i += 1) {
      node[5] = i;
      act();
    }
  };
}

/** OpenSSL's own rate in its own loop, for 65 bytes. */
function opensslRate(): number {
  const output = execFileSync('openssl', ['speed', '-seconds', '1', '-bytes', '65', 'sha256'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const thousands = Number(/([\d.]+)k\s*$/.exec(output.trim())?.[1]);
  return 65 / (thousands / 1000);
}

const wasm = await createSHA256();
const vectors = vectorHasher()!;
const lanes = [0, 1, 2, 3].map((n) => new Uint8Array(64).fill(n)) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
  Uint8Array,
];
const candidates: [string, () => number][] = [
  ['openssl speed (no Node)', opensslRate],
  ['crypto.hash', () => measure(repeat(() => hash('sha256', node, 'buffer')))],
  ['crypto.createHash', () => measure(repeat(() => createHash('sha256').update(node).digest()))],
  ['@noble/hashes', () => measure(repeat(() => noble(node)))],
  ['hash-wasm', () => measure(repeat(() => wasm.init().update(node).digest('binary')))],
  ['@chainsafe/as-sha256', () => measure(repeat(() => asDigest(node)))],
  [
    '@chainsafe/as-sha256, 4 at once (of 64 bytes, which no Merkle node has)',
    () =>
      measure((nodes) => {
        for (let i = 0; i < nodes; i += 4) batchHash4UintArray64s(lanes);
      }),
  ],
  [
    '**src/tlog/node-hash.ts, 4 at once**',
    () =>
      measure((nodes) => {
        for (let left = nodes; left > 0; left -= 16_384) vectors.hashPairs(Math.min(left, 16_384));
      }),
  ],
];
// Turn about, and the best of each: the machine may be busy with other things.
const best = candidates.map(() => Number.POSITIVE_INFINITY);
for (let round = 0; round < ROUNDS; round += 1) {
  candidates.forEach(([, run], i) => {
    best[i] = Math.min(best[i]!, run());
  });
}
printTable([
  ['candidate', 'µs per node', 'times crypto.hash', 'of openssl'],
  ...candidates.map(([name], i) => [
    name,
    best[i]!.toFixed(3),
    (best[1]! / best[i]!).toFixed(2),
    `${((100 * best[0]!) / best[i]!).toFixed(0)} %`,
  ]),
]);
