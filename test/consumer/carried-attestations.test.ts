import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Sha256Hex } from '../../src/base/bytes.ts';
import { checkCarriedAttestations } from '../../src/consumer/carried-attestations.ts';
import { repeatedDigest } from '../support/digest.ts';
import { refusal } from '../support/errors.ts';
import { temporaryDirectory } from '../support/temp.ts';

const [ONE, TWO] = [repeatedDigest('1'), repeatedDigest('2')];
const entryOf = (sha256: Sha256Hex, path = `attestations/${sha256}.json`) => ({ path, sha256, size: 1 });
const other = { path: 'tuf/timestamp.json', sha256: TWO, size: 1 };
const base = { manifest_sha256: ONE, sequence: 1, sealed_at: '2026-01-01T00:00:00Z' };

test('a bundle carries the attestations that its manifest names', () => {
  const attestations = [
    { name: 'first.json', sha256: ONE },
    { name: 'the same by another name.json', sha256: ONE },
  ];
  const { detail } = checkCarriedAttestations({ entries: [entryOf(ONE), other], attestations }, []);
  expect(detail).toBe('1 carried');
  expect(checkCarriedAttestations({ entries: [other] }, []).detail).toBe('none carried');
});

describe('what is carried and what is named differ', () => {
  const named = [{ name: 'a.json', sha256: ONE }];
  test.each<[string, Parameters<typeof checkCarriedAttestations>[0], 'MANIFEST_INVALID' | 'BASE_MISSING']>([
    ['an attestation that has no name', { entries: [entryOf(ONE)], attestations: [] }, 'MANIFEST_INVALID'],
    ['no list of names', { entries: [entryOf(ONE)] }, 'MANIFEST_INVALID'],
    ['a name and nothing carried', { entries: [other], attestations: named }, 'MANIFEST_INVALID'],
    [
      'a file named by the digest of another',
      { entries: [entryOf(TWO, `attestations/${ONE}.json`)], attestations: named },
      'MANIFEST_INVALID',
    ],
    [
      'a file that is no attestation by its name',
      { entries: [entryOf(ONE, `attestations/${ONE}.txt`)], attestations: named },
      'MANIFEST_INVALID',
    ],
    ['a delta whose base left nothing here', { entries: [other], attestations: named, base }, 'BASE_MISSING'],
  ])('%s', async (_, manifest, code) => {
    await refusal(code, () => checkCarriedAttestations(manifest, [temporaryDirectory()]));
  });
});

test('a delta finds in the store what its base carried', () => {
  const held = temporaryDirectory();
  writeFileSync(join(held, `${ONE}.json`), '{}');
  const manifest = { entries: [other], attestations: [{ name: 'a.json', sha256: ONE }], base };
  expect(checkCarriedAttestations(manifest, ['/nowhere', held]).detail).toBe('none carried');
});
