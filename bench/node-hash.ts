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

/** Microseconds per node, the best of some rounds: the machine may be busy with other things. */
function measure(run: (nodes: number) => void): number {
  run(20_000);
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round += 1) {
    const begin = performance.now();
    run(NODES);
    best = Math.min(best, performance.now() - begin);
  }
  return (best * 1000) / NODES;
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
  const output = execFileSync('openssl', ['speed', '-seconds', '2', '-bytes', '65', 'sha256'], {
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
const single = measure(repeat(() => hash('sha256', node, 'buffer')));
const rows: [string, number][] = [
  ['openssl speed (no Node)', opensslRate()],
  ['crypto.hash', single],
  ['crypto.createHash', measure(repeat(() => createHash('sha256').update(node).digest()))],
  ['@noble/hashes 2.4.0', measure(repeat(() => noble(node)))],
  ['hash-wasm 4.13.0', measure(repeat(() => wasm.init().update(node).digest('binary')))],
  ['@chainsafe/as-sha256 1.2.5', measure(repeat(() => asDigest(node)))],
  [
    '@chainsafe/as-sha256, 4 at once (64 bytes, not a Merkle node)',
    measure((nodes) => {
      for (let i = 0; i < nodes; i += 4) batchHash4UintArray64s(lanes);
    }),
  ],
  [
    'src/tlog/node-hash.ts, 4 at once',
    measure((nodes) => {
      for (let left = nodes; left > 0; left -= 16_384) vectors.hashPairs(Math.min(left, 16_384));
    }),
  ],
];
printTable([
  ['candidate', 'µs per node', 'times crypto.hash', 'of openssl'],
  ...rows.map(([name, µs]) => [
    name,
    µs.toFixed(3),
    (single / µs).toFixed(2),
    `${((100 * rows[0]![1]) / µs).toFixed(0)} %`,
  ]),
]);
