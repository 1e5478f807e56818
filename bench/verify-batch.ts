/**
 * `stella attest verify DIRECTORY` over many attestations, each its own file: rate and memory, with one thread and with one
 * per processor. Run `node scripts/build.ts` before: it measures the built command.
 *
 *   node bench/verify-batch.ts [COUNT]
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeAttestations } from './attest-fixture.ts';
import { printTable } from './table.ts';

const count = Number(process.argv[2] ?? 10_000);
const stella = fileURLToPath(new URL('../bin/stella.js', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'stella-batch-'));

/** Runs the command; the most memory that it had, in MiB, as the kernel counts it. */
async function run(args: readonly string[]): Promise<{ seconds: number; memory: number; last: string }> {
  const began = performance.now();
  const child = spawn(process.execPath, [stella, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let [last, memory] = ['', 0];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    last = (last + text).slice(-200);
  });
  const watch = setInterval(() => {
    try {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
      memory = Math.max(memory, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
    } catch {
      // it has ended
    }
  }, 100);
  await new Promise((resolve) => child.on('close', resolve));
  clearInterval(watch);
  return { seconds: (performance.now() - began) / 1000, memory, last: last.trim().split('\n').at(-1)! };
}

try {
  const what = await makeAttestations(directory, count);
  const rows = [['attestations', 'threads', 'seconds', 'rate', 'most memory', 'it says']];
  for (const jobs of new Set([1, availableParallelism()])) {
    const { seconds, memory, last } = await run(['attest', 'verify', ...what, '--jobs', String(jobs)]);
    rows.push([
      count.toLocaleString('en-US'),
      String(jobs),
      seconds.toFixed(1),
      `${Math.round(count / seconds).toLocaleString('en-US')}/s`,
      `${Math.round(memory)} MiB`,
      last,
    ]);
  }
  printTable(rows);
} finally {
  rmSync(directory, { recursive: true });
}
