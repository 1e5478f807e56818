/**
 * How long the executable takes to start, beside the Node that it is made of doing nothing. Alternating runs, so that
 * what else the machine does falls on all alike.
 * Usage: node bench/cold-start.ts [RUNS]; `npm run build && npm run build:sea` first.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeAttestations } from './attest-fixture.ts';

const directory = mkdtempSync(join(tmpdir(), 'stella-cold-'));
const root = fileURLToPath(new URL('../', import.meta.url));
const runs = Number(process.argv[2] ?? 20);
const cases: Readonly<Record<string, readonly string[]>> = {
  'node -e 0': [process.execPath, '-e', '0'],
  'dist/stella --version': [`${root}dist/stella`, '--version'],
  'node bin/stella.js --version': [process.execPath, `${root}bin/stella.js`, '--version'],
  'node bin/stella.js attest verify': [
    process.execPath,
    `${root}bin/stella.js`,
    ...['attest', 'verify', ...(await makeAttestations(directory, 1))],
  ],
};
const times = new Map<string, number[]>(Object.keys(cases).map((name) => [name, []]));
for (let run = 0; run < runs; run += 1) {
  for (const [name, [command, ...args]] of Object.entries(cases)) {
    const began = performance.now();
    const { status, error } = spawnSync(command!, args, { env: {}, stdio: 'ignore' });
    if (status !== 0) throw new Error(`${name}: exit status ${status}`, { cause: error });
    times.get(name)!.push(performance.now() - began);
  }
}
for (const [name, all] of times) {
  all.sort((a, b) => a - b);
  const at = (share: number) => all[Math.floor(share * (all.length - 1))]!.toFixed(0);
  console.log(`${name.padEnd(35)} least ${at(0)} ms, median ${at(0.5)} ms, 90 % ${at(0.9)} ms`);
}
rmSync(directory, { recursive: true });
