/**
 * `stella attest verify DIRECTORY` over many attestations, each its own file: rate and memory, with one thread and with one
 * per processor. Run `node scripts/build.ts` before: it measures the built command.
 *
 *   node bench/verify-batch.ts [COUNT]
 */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { signAttestations } from '../src/attest/sign.ts';
import { formatPublicKey, generateKey, signerOf } from '../src/base/keys.ts';
import { initLog } from '../src/logs/writer.ts';
import { assembleTrustedRoot, formatTrustedRoot } from '../src/trust/trusted-root.ts';
import { printTable } from './table.ts';

const count = Number(process.argv[2] ?? 10_000);
const origin = 'log.example.com/batch';
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
  const [key, logKey] = [generateKey('ecdsa-p256'), generateKey('ed25519')];
  const log = join(directory, 'log');
  await initLog(log, { origin, signer: signerOf(logKey) });
  const claims = Array.from({ length: count }, (_, i) => ({
    subjects: [{ name: `artifact-${i}`, sha256: i.toString(16).padStart(64, '0') }],
  }));
  const setting = { signer: signerOf(key), log, logSigner: signerOf(logKey), now: Date.now() };
  let made = 0;
  for await (const { bytes } of signAttestations(claims, setting)) {
    const folder = join(directory, 'attestations', String(Math.floor(made / 1000)).padStart(4, '0'));
    if (made % 1000 === 0) mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${String(made).padStart(7, '0')}.json`), bytes);
    made += 1;
  }
  const pem = Buffer.from(formatPublicKey(logKey.publicKey));
  const root = assembleTrustedRoot([
    { name: 'log', usage: 'Rekor', status: 'Active', uri: `https://${origin}`, bytes: pem },
  ]);
  writeFileSync(join(directory, 'root.json'), formatTrustedRoot(root));
  writeFileSync(join(directory, 'key.pub'), formatPublicKey(key.publicKey));
  const rows = [['attestations', 'threads', 'seconds', 'rate', 'most memory', 'it says']];
  for (const jobs of new Set([1, availableParallelism()])) {
    const { seconds, memory, last } = await run(
      [
        'attest',
        'verify',
        join(directory, 'attestations'),
        '--trusted-root',
        join(directory, 'root.json'),
      ].concat(['--key', join(directory, 'key.pub'), '--jobs', String(jobs)]),
    );
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
