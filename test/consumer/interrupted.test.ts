import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { stella } from '../support/cli.ts';
import { type DiskCall, type Loss, PowerLossDisk } from '../support/power-loss.ts';
import { makeSite, type Site } from '../support/site.ts';
import { temporaryTree } from '../support/temp.ts';
import { fingerprintStore } from '../support/tree.ts';

/** Every point, or a sample of them. `npm run test:every-kill` takes them all. */
const every = process.env['STELLA_EVERY_KILL'] === '1';
const sample = (points: number, wanted: number) => (every ? 1 : Math.max(1, Math.floor(points / wanted)));

let base: string;
let site: Site;
let first: string;
let second: string;
/** Stores before an import: an empty home, and one that holds the first bundle. */
let homes: { readonly empty: string; readonly holding: string };

beforeAll(async () => {
  base = temporaryTree();
  site = await makeSite(base, { entries: 2000 });
  first = await site.seal('first');
  await site.run(['log', 'append', join(base, 'site', 'log'), '--lines', 'lines']);
  second = await site.seal('second');
  homes = { empty: join(base, 'empty'), holding: join(base, 'holding') };
  mkdirSync(homes.empty);
  mkdirSync(homes.holding);
  await runHere(homes.holding, importOf(first), 0);
});

const storeIn = (home: string) => join(home, '.local', 'share', 'stella');
const importOf = (bundle: string) => ['trust', 'import', bundle, '--root-fingerprint', site.fingerprint];
const verify = () => [
  'attest',
  'verify',
  join(site.home, 'attestation.json'),
  '--artifact',
  join(site.home, 'app.bin'),
  '--offline',
];

async function runHere(home: string, args: readonly string[], expected: number): Promise<void> {
  const result = await stella(args, { env: { HOME: home }, cwd: home });
  expect(result.status, result.stderr).toBe(expected);
}

/** The command in a process of its own, with a preload that counts, kills, fails or records. */
function runApart(home: string, args: readonly string[], preload: string, env: Record<string, string>) {
  return spawnSync(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      '--import',
      resolve(`test/support/${preload}.ts`),
      resolve('src/cli/process/stella.ts'),
      ...args,
    ],
    { env: { PATH: process.env['PATH'] ?? '', HOME: home, ...env }, cwd: home, encoding: 'utf8' },
  );
}

const ALSO = { KILL_ALSO_AT: 'fsyncSync,copyFileSync,appendFileSync,truncateSync,rmdirSync' };
let copies = 0;

/** A fresh copy of a home directory. */
function copyOf(home: string): string {
  copies += 1;
  const copy = join(base, `copy-${copies}`);
  cpSync(home, copy, { recursive: true });
  return copy;
}

/** Whatever happened: the old generation or the new one, which verifies; and the next import goes through. */
async function checkWhole(home: string, generations: readonly (number | undefined)[]): Promise<void> {
  const store = storeIn(home);
  const current = existsSync(join(store, 'CURRENT'))
    ? Number(readFileSync(join(store, 'CURRENT'), 'utf8'))
    : undefined;
  expect(generations).toContain(current);
  await runHere(home, verify(), current === undefined ? 4 : 0);
  await runHere(home, importOf(second), 0);
  await runHere(home, verify(), 0);
  await runHere(home, ['audit', 'verify'], 0);
  expect(readdirSync(store).filter((name) => name.startsWith('.'))).toEqual([]);
}

const cases = [
  ['a first import', 'empty', [undefined, 1]],
  ['a later import', 'holding', [1, 2]],
] as const;

describe('killed at any write, rename or fsync', () => {
  test.each(cases)(
    '%s leaves the old generation or the new one',
    async (_, kind, generations) => {
      const callsFile = join(base, `calls-${kind}.json`);
      const whole = copyOf(homes[kind]);
      expect(
        runApart(whole, importOf(second), 'kill-preload', { ...ALSO, CALLS_FILE: callsFile }).status,
      ).toBe(0);
      const points = (JSON.parse(readFileSync(callsFile, 'utf8')) as string[]).length;
      expect(points).toBeGreaterThanOrEqual(100);
      const step = sample(points, 4);
      for (let point = 1; point <= points; point += step) {
        const home = copyOf(homes[kind]);
        const ended = runApart(home, importOf(second), 'kill-preload', { ...ALSO, KILL_AT: String(point) });
        expect(ended.signal, `point ${point}: ${ended.stderr}`).toBe('SIGKILL');
        await checkWhole(home, generations);
        rmSync(home, { recursive: true });
      }
      if (every) console.log(`${kind}: killed at ${points} points`);
    },
    900_000,
  );
});

describe('the power fails at any moment', () => {
  test.each(cases)(
    '%s: what was synced is the old generation or the new one',
    async (_, kind, generations) => {
      const home = copyOf(homes[kind]);
      const store = storeIn(home);
      const before = existsSync(store) ? copyOf(store) : undefined;
      const record = join(base, `record-${kind}.json`);
      const ended = runApart(home, importOf(second), 'record-preload', {
        RECORD_BELOW: store,
        RECORD_FILE: record,
      });
      expect(ended.status, ended.stderr).toBe(0);
      const calls = JSON.parse(readFileSync(record, 'utf8')) as DiskCall[];
      expect(calls.length).toBeGreaterThan(100);
      // The record is complete: applied whole, it gives the store that the command left.
      const all = new PowerLossDisk(store, before);
      for (const call of calls) all.apply(call);
      const step = sample(calls.length, 7);
      for (const loss of ['all', 'data'] satisfies Loss[]) {
        for (let point = 0; point <= calls.length; point += step) {
          const disk = new PowerLossDisk(store, before);
          for (const call of calls.slice(0, point)) disk.apply(call);
          const after = mkdtempSync(join(base, 'after-'));
          disk.materialize(storeIn(after), loss);
          await checkWhole(after, generations);
          rmSync(after, { recursive: true });
        }
      }
      const finished = mkdtempSync(join(base, 'finished-'));
      all.materialize(storeIn(finished), 'all');
      expect(fingerprintStore(storeIn(finished))).toEqual(fingerprintStore(store));
      if (every) console.log(`${kind}: power lost at ${calls.length + 1} points, two ways each`);
    },
    900_000,
  );
});

describe('the disk is full, or the medium is taken away', () => {
  test.each(cases)(
    '%s: any write that fails is a coded refusal, and the store stays',
    async (_, kind, generations) => {
      const callsFile = join(base, `writes-${kind}.json`);
      runApart(copyOf(homes[kind]), importOf(second), 'kill-preload', { CALLS_FILE: callsFile });
      const calls = JSON.parse(readFileSync(callsFile, 'utf8')) as string[];
      const writes = calls.flatMap((name, index) =>
        ['writeSync', 'renameSync', 'mkdirSync'].includes(name) ? [index + 1] : [],
      );
      const step = sample(writes.length, 3);
      for (let i = 0; i < writes.length; i += step) {
        const home = copyOf(homes[kind]);
        const ended = runApart(home, importOf(second), 'kill-preload', {
          KILL_AT: String(writes[i]),
          FAIL_WITH: 'ENOSPC',
        });
        expect(ended.stderr, `write ${writes[i]}`).toMatch(/^error: .+ \[STORE_UNWRITABLE\]\nhint: /m);
        expect(ended.status).toBe(4);
        await checkWhole(home, generations);
        rmSync(home, { recursive: true });
      }
    },
    900_000,
  );

  test.each([
    ['taken away', 'EIO', 'FILE_UNREADABLE'],
    ['cut short', undefined, 'ARCHIVE_TRUNCATED'],
  ])('a medium that is %s at any read of the bundle: the store stays', async (_, fault, code) => {
    const handle = await open(second);
    const prototype = Object.getPrototypeOf(handle) as { read: (...args: unknown[]) => Promise<unknown> };
    await handle.close();
    let left = Number.POSITIVE_INFINITY;
    let reads = 0;
    const { read } = prototype;
    prototype.read = async function (this: unknown, ...args) {
      reads += 1;
      left -= 1;
      if (left > 0) return await read.apply(this, args);
      if (fault) throw Object.assign(new Error(`${fault}: read`), { code: fault });
      return { bytesRead: 0 };
    };
    try {
      await runHere(copyOf(homes.holding), importOf(second), 0);
      const all = reads;
      expect(all).toBeGreaterThan(5);
      const home = copyOf(homes.holding);
      const before = fingerprintStore(storeIn(home));
      for (let at = 1; at <= all; at += 1) {
        left = at;
        const { status, stderr } = await stella(importOf(second), { env: { HOME: home }, cwd: home });
        expect(stderr, `read ${at} of ${all}`).toMatch(new RegExp(`\\[${code}\\]\nhint: `));
        expect(status).not.toBe(0);
        expect(fingerprintStore(storeIn(home))).toEqual(before);
      }
    } finally {
      prototype.read = read;
    }
  });

  test('a bundle that ends while it is read', async () => {
    const bytes = readFileSync(second);
    const before = fingerprintStore(storeIn(homes.holding));
    for (const part of [0, 1, 100, bytes.length >> 2, bytes.length >> 1, bytes.length - 1]) {
      const result = await stella(['trust', 'import', '-'], {
        env: { HOME: homes.holding },
        cwd: homes.holding,
        stdin: bytes.subarray(0, part),
      });
      expect(result.stderr, `${part} bytes`).toMatch(
        /\[(?:ARCHIVE_TRUNCATED|ARCHIVE_INVALID|MANIFEST_MISSING)\]/,
      );
      expect(result.status).toBe(2);
    }
    expect(fingerprintStore(storeIn(homes.holding))).toEqual(before);
  });
});
