import { describe, expect, test } from 'vitest';
import type { ErrorCode } from '../../src/base/codes.ts';
import { generateKey } from '../../src/base/keys.ts';
import type { Manifest } from '../../src/base/schema-types.ts';
import { checkBase, checkNoRollback, isSameBundle } from '../../src/consumer/rollback.ts';
import type { StoreState } from '../../src/store/store.ts';
import { repeatedDigest } from '../support/digest.ts';
import { refusal } from '../support/errors.ts';

const HEX = repeatedDigest('a');
const SIGNER = generateKey().publicKey.id;
const role = (version: number, sha256 = HEX) => ({ version, sha256, expires: '2027-01-01T00:00:00Z' });
const log = (tree_size: number, origin = 'log.example') => ({
  origin,
  url: 'https://log.example',
  log_id: HEX,
  tree_size,
  root_hash: HEX,
  first_index: 0,
  consistent_from: [],
});

const state: StoreState = {
  format: 'stella-store/v1',
  created_at: '2026-01-10T00:00:00Z',
  reference_time: '2026-01-10T00:00:00Z',
  clock_floor: '2026-01-10T00:00:00Z',
  pin: { how: 'fingerprint', version: 1, sha256: HEX, at: '2026-01-10T00:00:00Z' },
  source: {
    kind: 'import',
    manifest_sha256: HEX,
    sequence: 5,
    sealed_at: '2026-01-10T00:00:00Z',
    stale_after_days: 7,
    producer: { name: 'p', version: '1' },
    signers: [SIGNER],
  },
  tuf: {
    url: 'https://t.example/',
    first_root: 1,
    roles: { root: role(2), timestamp: role(7), snapshot: role(6), targets: role(4) },
  },
  bundle_keys: [],
  logs: [
    {
      origin: 'log.example',
      url: 'https://log.example',
      log_id: HEX,
      tree_size: 1000,
      root_hash: HEX,
      first_index: 0,
      checkpoint: '',
    },
  ],
  producers: { [SIGNER]: { sequence: 5, sealed_at: '2026-01-10T00:00:00Z' } },
  bundles: [],
};

const manifest: Manifest = {
  format: 'stella-bundle/v1',
  sealed_at: '2026-01-11T00:00:00Z',
  sequence: 6,
  producer: { name: 'p', version: '1' },
  stale_after_days: 7,
  tuf: {
    url: 'https://t.example/',
    first_root: 1,
    roles: { root: role(2), timestamp: role(8), snapshot: role(6), targets: role(4) },
  },
  service_map_target: null,
  logs: [log(1000)],
  entries: [],
  entries_root: HEX,
};
const candidate = (change: Partial<Manifest> = {}, signers: string[] = [SIGNER]) => ({
  manifest: { ...manifest, ...change },
  manifestSha256: repeatedDigest('c'),
  signers,
});
const withRoles = (change: Manifest['tuf']['roles']) => ({
  tuf: { ...manifest.tuf, roles: { ...manifest.tuf.roles, ...change } },
});

test('a newer bundle passes', () => {
  expect(() => checkNoRollback(state, candidate())).not.toThrow();
  expect(() => checkNoRollback(state, candidate({ sealed_at: '2026-01-10T00:00:00Z' }))).not.toThrow();
  expect(() => checkNoRollback(state, candidate({ logs: [] }))).not.toThrow();
});

describe('nothing goes down', () => {
  test.each<[string, Partial<Manifest>, ErrorCode]>([
    ['sealed_at', { sealed_at: '2026-01-09T23:59:59Z' }, 'BUNDLE_ROLLBACK'],
    ['the sequence', { sequence: 4 }, 'BUNDLE_ROLLBACK'],
    ['the same sequence for another bundle', { sequence: 5 }, 'BUNDLE_ROLLBACK'],
    ['the root version', withRoles({ root: role(1) }), 'TUF_ROLLBACK'],
    ['the timestamp version', withRoles({ timestamp: role(6) }), 'TUF_ROLLBACK'],
    ['the snapshot version', withRoles({ snapshot: role(5) }), 'TUF_ROLLBACK'],
    ['the targets version', withRoles({ targets: role(3) }), 'TUF_ROLLBACK'],
    [
      'the same version with another content',
      withRoles({ targets: role(4, repeatedDigest('d')) }),
      'TUF_ROLLBACK',
    ],
    ['a tree size', { logs: [log(999)] }, 'LOG_ROLLBACK'],
  ])('%s', async (_, change, code) => {
    await refusal(code, () => checkNoRollback(state, candidate(change)));
  });
});

test('another producer has its own counter', () => {
  expect(() => checkNoRollback(state, candidate({ sequence: 1 }, [repeatedDigest('e')]))).not.toThrow();
});

test('after a fast-forward attack the root rotates the online keys: timestamp and snapshot may go back, nothing else', async () => {
  const back = withRoles({ root: role(3), timestamp: role(2), snapshot: role(2) });
  const recovering = (change: Partial<Manifest>) => ({ ...candidate(change), recovers: true });
  await refusal('TUF_ROLLBACK', () => checkNoRollback(state, candidate(back)));
  expect(() => checkNoRollback(state, recovering(back))).not.toThrow();
  await refusal('TUF_ROLLBACK', () =>
    checkNoRollback(state, recovering(withRoles({ root: role(3), targets: role(3) }))),
  );
  await refusal('TUF_ROLLBACK', () => checkNoRollback(state, recovering(withRoles({ root: role(1) }))));
});

describe('a delta', () => {
  const base = { sequence: 3, manifest_sha256: repeatedDigest('b') };
  const [a, b] = [repeatedDigest('1'), repeatedDigest('2')];
  const seen = (sequence: number) => ({ sequence, sealed_at: '2026-01-10T00:00:00Z' });

  test('of producer B is not accepted on the word of the sequence of producer A', async () => {
    const held = {
      producers: { [a]: seen(9) },
      bundles: [{ ...seen(9), manifest_sha256: repeatedDigest('9') }],
    };
    await refusal('BASE_MISSING', () => checkBase({ base }, [b], held));
    await refusal('BASE_MISSING', () => checkBase({ base }, [b], undefined));
    await refusal('BASE_MISSING', () => checkBase({ base }, ['__proto__', 'constructor'], held));
  });

  test('is accepted where its base was imported, or a later bundle of its own signer', async () => {
    const held = { producers: {}, bundles: [{ ...seen(3), manifest_sha256: base.manifest_sha256 }] };
    expect(() => checkBase({ base }, [b], held)).not.toThrow();
    expect(() => checkBase({ base }, [b], { producers: { [b]: seen(4) }, bundles: [] })).not.toThrow();
    await refusal('BASE_MISSING', () =>
      checkBase({ base }, [b], { producers: { [b]: seen(3) }, bundles: [] }),
    );
  });
});

test('a number near 2^53 by a stolen key locks out that key only, and the hint says the way out', async () => {
  const stolen: StoreState = {
    ...state,
    producers: { [SIGNER]: { sequence: Number.MAX_SAFE_INTEGER, sealed_at: '2026-01-10T00:00:00Z' } },
  };
  const error = await refusal('BUNDLE_ROLLBACK', () => checkNoRollback(stolen, candidate()));
  expect(error.hints.join(' ')).toContain('seal with a new key');
  expect(() => checkNoRollback(stolen, candidate({}, [repeatedDigest('e')]))).not.toThrow();
});

test('the very same bundle is known by its manifest', () => {
  expect(isSameBundle(state, HEX)).toBe(true);
  expect(isSameBundle(state, repeatedDigest('c'))).toBe(false);
});
