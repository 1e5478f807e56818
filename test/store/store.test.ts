import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { instant, parseInstant } from '../../src/base/clock.ts';
import { StellaError } from '../../src/base/errors.ts';
import { loadAudit } from '../../src/store/audit.ts';
import { openStore, type StoreState, type StoreWriter, type TrustStore } from '../../src/store/store.ts';
import { repeatedDigest } from '../support/digest.ts';
import { refusal } from '../support/errors.ts';
import { temporaryDirectory } from '../support/temp.ts';

const NOW = parseInstant('2026-01-25T12:00:00Z');

function stateOf(change: Partial<StoreState> = {}): StoreState {
  return {
    format: 'stella-store/v1',
    created_at: '2026-01-25T12:00:00Z',
    reference_time: '2026-01-25T12:00:00Z',
    clock_floor: '2026-01-25T12:00:00Z',
    pin: { how: 'root-file', version: 1, sha256: repeatedDigest('a'), at: '2026-01-25T12:00:00Z' },
    source: { kind: 'sync', url: 'https://trust.example/tuf/' },
    tuf: { url: 'https://trust.example/tuf/', first_root: 1, roles: {} },
    bundle_keys: [],
    logs: [],
    producers: {},
    bundles: [],
    ...change,
  };
}

function stage(writer: StoreWriter, name: string) {
  const tufDirectory = join(writer.staging, 'tuf');
  mkdirSync(tufDirectory);
  writeFileSync(join(tufDirectory, 'timestamp.json'), name);
  return {
    state: stateOf(),
    repositories: new Map([['home', tufDirectory]]),
    trustedRoots: { home: Buffer.from('{}'), all: Buffer.from('{}\n') },
    attestations: [],
  };
}

const commitOne = (store: TrustStore, name: string) =>
  store.change(NOW, async (writer) => {
    const generation = writer.commit(stage(writer, name));
    writer.audit('sync', { generation: generation.number });
    return generation;
  });

test('generations are numbered, kept apart, and the last five remain', async () => {
  const store = openStore(join(temporaryDirectory(), 'store'));
  expect(store.current()).toBeUndefined();
  for (let i = 1; i <= 7; i += 1) {
    const generation = await commitOne(store, `t${i}`);
    expect(generation.number).toBe(i);
    expect(readFileSync(join(store.require().tufDirectory, 'timestamp.json'), 'utf8')).toBe(`t${i}`);
  }
  expect(store.generations()).toEqual([3, 4, 5, 6, 7]);
  expect(readdirSync(store.directory).filter((name) => name.startsWith('.'))).toEqual([]);
});

test('work that fails leaves the old generation and no staging directory', async () => {
  const store = openStore(join(temporaryDirectory(), 'store'));
  await commitOne(store, 'good');
  const before = readdirSync(store.directory, { recursive: true, encoding: 'utf8' }).sort();
  await refusal('BUNDLE_STALE', () =>
    store.change(NOW, async (writer) => {
      stage(writer, 'bad');
      throw new StellaError('BUNDLE_STALE', 'too old');
    }),
  );
  expect(readdirSync(store.directory, { recursive: true, encoding: 'utf8' }).sort()).toEqual(before);
  expect(store.require().number).toBe(1);
});

test('a first import that is refused leaves nothing behind, not even the directories above', async () => {
  const base = temporaryDirectory();
  const store = openStore(join(base, 'data', 'stella'));
  await refusal('PIN_REQUIRED', () =>
    store.change(NOW, async () => {
      throw new StellaError('PIN_REQUIRED', 'no root');
    }),
  );
  expect(existsSync(join(base, 'data'))).toBe(false);
});

test('shared log files are adopted once and damage on disk is mended', async () => {
  const store = openStore(join(temporaryDirectory(), 'store'));
  const tile = join('abc', 'tile', '0', '000');
  const withLog = (content: string) =>
    store.change(NOW, async (writer) => {
      const logsDirectory = join(writer.staging, 'logs');
      mkdirSync(join(logsDirectory, 'abc', 'tile', '0'), { recursive: true });
      writeFileSync(join(logsDirectory, tile), content);
      return writer.commit({ ...stage(writer, content), logsDirectory });
    });
  await withLog('good');
  writeFileSync(join(store.logsDirectory, tile), 'rotten');
  await withLog('good');
  expect(readFileSync(join(store.logsDirectory, tile), 'utf8')).toBe('good');
});

test('a generation that became current before it was recorded is recorded by the next change', async () => {
  const store = openStore(temporaryDirectory());
  await store.change(NOW, async (writer) => writer.commit(stage(writer, 'unrecorded')));
  expect(loadAudit(store.directory)).toEqual([]);
  await store.change(NOW, async () => {});
  expect(loadAudit(store.directory)).toMatchObject([{ event: 'recovery', generation: 1 }]);
  await store.change(NOW, async () => {});
  expect(loadAudit(store.directory)).toHaveLength(1);
});

test('two changes at once: the second is told to wait', async () => {
  const store = openStore(temporaryDirectory());
  await store.change(NOW, async () => {
    await refusal('LOCKED', () => openStore(store.directory).change(NOW, async () => {}));
  });
  await commitOne(store, 'after');
});

describe('a damaged store is refused', () => {
  test.each([
    ['CURRENT with junk', 'CURRENT', 'x\n', 'STORE_CORRUPT'],
    ['CURRENT cut off', 'CURRENT', '', 'STORE_CORRUPT'],
    ['CURRENT naming nothing', 'CURRENT', '9\n', 'STORE_CORRUPT'],
    ['state.json cut off', 'generations/1/state.json', '{"format":"stella-store/v1"', 'STORE_CORRUPT'],
    [
      'state.json of a newer format',
      'generations/1/state.json',
      '{"format":"stella-store/v9"}',
      'STORE_TOO_NEW',
    ],
    [
      'state.json with an unknown field',
      'generations/1/state.json',
      JSON.stringify({ ...stateOf(), more: 1 }),
      'STORE_CORRUPT',
    ],
  ] as const)('%s', async (_, file, content, code) => {
    const store = openStore(temporaryDirectory());
    await commitOne(store, 'good');
    writeFileSync(join(store.directory, file), content);
    await refusal(code, () => store.current());
  });
});

test('an absent store is named, and so is a clock behind it', async () => {
  const store = openStore(join(temporaryDirectory(), 'none'));
  await refusal('STORE_NOT_INITIALIZED', () => store.require());
  await commitOne(store, 'good');
  expect(store.require(NOW).number).toBe(1);
  await refusal('CLOCK_BEHIND', () => store.require(instant(NOW - 3_600_000)));
});

test('a store below a file cannot be written', async () => {
  const base = temporaryDirectory();
  writeFileSync(join(base, 'file'), '');
  await refusal('STORE_UNWRITABLE', () => commitOne(openStore(join(base, 'file', 'store')), 'x'));
});
