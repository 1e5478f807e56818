import { spawn, spawnSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { openStore } from '../../src/store/store.ts';
import { type Enclave, makeEnclave, makeSite, type Site } from '../support/site.ts';
import { temporaryTree } from '../support/temp.ts';

/** `npm run test:verifiers` asks for 50. */
const VERIFIERS = Number(process.env['STELLA_TEST_VERIFIERS'] ?? 6);
const BUNDLES = 8;
const TIMEOUT = 300_000;

const sealedAt = (instant: number) => ({
  env: { HOME: site.home, SOURCE_DATE_EPOCH: String(Math.floor(instant / 1000)) },
});

let site: Site;
let enclave: Enclave;
let attestation: string;
let bundles: string[];
beforeAll(async () => {
  const base = temporaryTree();
  site = await makeSite(base);
  enclave = makeEnclave(base);
  attestation = join(site.home, 'attestation.json');
  bundles = [];
  for (let i = 0; i < BUNDLES; i += 1)
    bundles.push(await site.seal(`bundle-${i}`, [], sealedAt(site.now - 3_600_000 + i * 1000)));
  await enclave.run(['trust', 'import', bundles[0]!, '--root-fingerprint', site.fingerprint], { expect: 0 });
}, TIMEOUT);

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function stellaProcess(
  home: string,
  args: readonly string[],
  before: readonly string[] = [],
): Promise<Ended> {
  const [command, ...rest] = [...before, process.execPath, resolve('bin/stella.js'), ...args];
  const child = spawn(command!, rest, {
    env: { PATH: process.env['PATH'] ?? '', HOME: home },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const status = await new Promise<number | null>((done) => child.on('close', done));
  return { status, stdout, stderr };
}

const verify = ['attest', 'verify', '--offline', '--json'];

test(
  `${VERIFIERS} processes verify while imports go on: each sees one generation, whole`,
  async () => {
    const sealed = new Map<number, string>();
    const note = () => {
      const { number, state } = openStore(enclave.store).require();
      sealed.set(number, state.reference_time);
    };
    note();
    const verified = { all: false };
    const verifying = Promise.all(
      Array.from(
        { length: VERIFIERS },
        async () => await stellaProcess(enclave.home, [...verify, attestation]),
      ),
    ).finally(() => {
      verified.all = true;
    });
    for (let i = 1; i < BUNDLES && !verified.all; i += 1) {
      await enclave.run(['trust', 'import', bundles[i]!], { expect: 0 });
      note();
      await new Promise((resume) => setTimeout(resume, 100));
    }
    for (const { status, stdout, stderr } of await verifying) {
      expect(status, stderr).toBe(0);
      const { verified, trust } = JSON.parse(stdout) as {
        verified: boolean;
        trust: { generation: number; sealed_at: string };
      };
      expect(verified).toBe(true);
      expect(sealed.get(trust.generation)).toBe(trust.sealed_at);
    }
    expect(sealed.size).toBeGreaterThan(1);
  },
  TIMEOUT,
);

/** Every path with what changes when something is written. */
function footprint(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .sort()
    .map((path) => {
      const { mtimeNs, ctimeNs, size } = statSync(join(directory, path), { bigint: true });
      return `${path} ${size} ${mtimeNs} ${ctimeNs}`;
    });
}

test('a generation that is removed while it is read gives way to the current one', async () => {
  const { storeTrustInputs } = await import('../../src/attest/authority/store-trust.ts');
  const { loadConfig } = await import('../../src/config/config.ts');
  const store = openStore(enclave.store);
  const current = store.require();
  let asked = 0;
  // The first answer is of a generation that was pruned since: what a very slow reader sees.
  const slow = Object.create(store, {
    require: {
      value: () => {
        asked += 1;
        return asked === 1
          ? {
              ...store.require(),
              repositories: [],
              tufDirectory: '/nowhere',
              directory: '/nowhere',
              number: 0,
            }
          : store.require();
      },
    },
  }) as typeof store;
  const config = loadConfig({ env: { HOME: enclave.home }, cwd: enclave.home });
  const trust = await storeTrustInputs({ store: slow, config, now: systemClock() });
  expect(trust.origin).toMatchObject({ generation: current.number });
  expect(asked).toBe(2);
});

test('reading takes no lock and writes nothing', async () => {
  const home = join(enclave.home, 'copy');
  const store = join(home, '.local', 'share', 'stella');
  cpSync(enclave.store, store, { recursive: true });
  rmSync(join(store, 'lock'), { force: true });
  const before = footprint(store);
  const args = [
    [...verify, attestation],
    ['trust', 'status', '--show-keys', '--json'],
  ];
  for (const each of args) expect(await stellaProcess(home, each)).toMatchObject({ status: 0 });
  expect(footprint(store)).toEqual(before);
});

const canRemount =
  spawnSync(
    'unshare',
    ['-rm', 'sh', '-c', 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0"', tmpdir()],
    {
      stdio: 'ignore',
    },
  ).status === 0;
if (!canRemount) console.warn('skipped: unshare -rm cannot mount here, so no read-only file system');

test.skipIf(!canRemount)('a store on a read-only file system', async () => {
  const script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"';
  const readOnly = ['unshare', '-rm', 'sh', '-c', script, enclave.store];
  const verified = await stellaProcess(enclave.home, [...verify, attestation], readOnly);
  expect(verified).toMatchObject({ status: 0 });
  expect(JSON.parse(verified.stdout)).toMatchObject({ verified: true });
  const imported = await stellaProcess(enclave.home, ['trust', 'import', bundles.at(-1)!], readOnly);
  expect(imported).toMatchObject({ status: 4, stderr: expect.stringContaining('[STORE_UNWRITABLE]') });
  expect(readFileSync(join(enclave.store, 'CURRENT'), 'utf8')).toMatch(/^\d+\n$/);
});
