import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatCanonicalJson } from '../../src/base/canonical-json.ts';
import { formatAttestationList, readAttestationList } from '../../src/store/attestation-list.ts';
import { repeatedDigest } from '../support/digest.ts';
import { refusal } from '../support/errors.ts';
import { temporaryDirectory } from '../support/temp.ts';

const SHA256 = repeatedDigest('ab');

test('a list that is written is read again, whatever the names', () => {
  const attestationsFile = join(temporaryDirectory(), 'attestations.json');
  const item = fc.record({
    name: fc.string({ minLength: 1, unit: 'grapheme' }),
    sha256: fc.constant(SHA256),
  });
  fc.assert(
    fc.property(fc.array(item), (list) => {
      writeFileSync(attestationsFile, formatAttestationList(list));
      expect(readAttestationList({ attestationsFile })).toEqual(list);
    }),
  );
});

test.each([0, 1, 999, 1000, 1001, 2000])('a list of %d is canonical JSON', (length) => {
  const list = Array.from({ length }, (_, i) => ({ sha256: SHA256, name: `a "${i}"` }));
  expect(Buffer.from(formatAttestationList(list)).toString()).toBe(
    `${formatCanonicalJson({ attestations: list })}\n`,
  );
});

describe('a list that is damaged is not taken for an empty one', () => {
  test.each([
    ['cut off', '{"attestations":[{"name":"a"'],
    ['of another type', '[]'],
    ['with a path for a digest', '{"attestations":[{"name":"a","sha256":"../../etc/passwd"}]}'],
    ['empty', ''],
    ['gone', undefined],
  ])('%s', async (_, content) => {
    const attestationsFile = join(temporaryDirectory(), 'attestations.json');
    rmSync(attestationsFile, { force: true });
    if (content !== undefined) writeFileSync(attestationsFile, content);
    await refusal('STORE_CORRUPT', () => readAttestationList({ attestationsFile }));
  });
});
