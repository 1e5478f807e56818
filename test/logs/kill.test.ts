import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { formatPrivateKey, generateKey, signerOf } from '../../src/base/keys.ts';
import { mirrorLog } from '../../src/logs/mirror.ts';
import { tileSource } from '../../src/logs/source.ts';
import { checkGrowth, type TreeHead, tileReader } from '../../src/logs/store.ts';
import { verifyLog } from '../../src/logs/verify-log.ts';
import { appendEntries, initLog } from '../../src/logs/writer.ts';
import { parseCheckpoint } from '../../src/tlog/checkpoint.ts';
import { formatVerifierKey } from '../../src/tlog/note.ts';
import { plainFetcher } from '../support/plain-fetcher.ts';
import { temporaryDirectory } from '../support/temp.ts';

/** Kills in the default run; `npm run test:kill-logs` does many more. */
const RUNS = Number(process.env['STELLA_KILL_RUNS'] ?? 3);
const script = (name: string) => fileURLToPath(new URL(`../support/${name}`, import.meta.url));

/** Starts a script and resolves when it has printed something. */
async function begin(
  name: string,
  ...args: string[]
): Promise<{ child: ChildProcess; printed: () => string }> {
  const child = spawn(process.execPath, [script(name), ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  await new Promise<void>((resolve, reject) => {
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
      resolve();
    });
    child.on('exit', () => reject(new Error(`${name} ended by itself`)));
  });
  return { child, printed: () => output };
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => child.on('close', resolve));
  child.kill('SIGKILL');
  await gone;
}

test('a writer that is killed at any instant loses nothing that it had acknowledged, and its log only grows', async () => {
  const home = temporaryDirectory();
  const log = join(home, 'log');
  const privateKey = generateKey();
  const keyFile = join(home, 'key');
  writeFileSync(keyFile, formatPrivateKey(privateKey), { mode: 0o600 });
  const { key } = await initLog(log, { origin: 'logs.example.com/killed', signer: signerOf(privateKey) });
  const heads: TreeHead[] = [];
  for (let run = 0; run < RUNS; run += 1) {
    const { child, printed } = await begin('append-loop.ts', log, keyFile);
    await sleep(Math.random() * 150);
    // What any reader sees while it runs is signed and complete.
    heads.push(parseCheckpoint(readFileSync(join(log, 'checkpoint'))));
    await kill(child);
    const acknowledged = BigInt(printed().trimEnd().split('\n').at(-1)!);
    const verified = await verifyLog(log, { keys: [key], complete: true });
    expect(verified.checkpoint.size).toBeGreaterThanOrEqual(acknowledged);
    expect(verified.entries).toBe(verified.checkpoint.size);
    heads.push(verified.checkpoint);
  }
  const { size } = await appendEntries(log, [Buffer.from('after')], signerOf(privateKey));
  const { checkpoint } = await verifyLog(log, { keys: [key], complete: true });
  expect(checkpoint.size).toBe(size);
  for (const head of heads)
    await checkGrowth(checkpoint.origin, head, checkpoint, tileReader(log, checkpoint));
});

test('a mirror that is killed at any instant is taken up where it was', async () => {
  const home = temporaryDirectory();
  const log = join(home, 'log');
  const signer = signerOf(generateKey());
  const { key } = await initLog(log, { origin: 'logs.example.com/mirrored', signer });
  await appendEntries(
    log,
    Array.from({ length: 50_000 }, (_, i) => Buffer.from(`entry ${i}`)),
    signer,
  );
  const total = 196 * 2 + 1;
  for (let run = 0; run < RUNS; run += 1) {
    const into = join(home, `mirror-${run}`);
    const { child } = await begin('mirror-once.ts', log, into, formatVerifierKey(key));
    await sleep(Math.random() * 120);
    await kill(child);
    const mirrored = await mirrorLog({
      source: tileSource(`file://${log}`, plainFetcher),
      keys: [key],
      into,
      depth: 1_000_000n,
      entries: true,
    });
    expect(mirrored.files).toHaveLength(total + 1);
    expect(mirrored.fetched).toBeLessThanOrEqual(total);
    expect(await verifyLog(into, { keys: [key], complete: true })).toMatchObject({ entries: 50_000n });
  }
});
