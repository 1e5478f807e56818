import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isStellaError } from '../../src/base/errors.ts';
import {
  entriesRoot,
  formatManifest,
  type Manifest,
  parseManifest,
  sealedAt,
} from '../../src/bundle/manifest.ts';
import { foldNodes, leafHash } from '../../src/tlog/merkle.ts';
import { manifestFacts } from '../support/bundle.ts';
import { repeatedDigest } from '../support/digest.ts';
import { refusal } from '../support/errors.ts';
import { processorTime } from '../support/processor-time.ts';

const entryOf = (i: number) => ({
  path: `tuf/${String(i).padStart(5, '0')}`,
  size: i,
  sha256: repeatedDigest('ab'),
});
const manifestOf = (count: number): Manifest => {
  const entries = Array.from({ length: count }, (_, i) => entryOf(i));
  return { ...manifestFacts, format: 'stella-bundle/v1', entries, entries_root: entriesRoot(entries) };
};

test('round-trips in its canonical form', () => {
  const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(
      name,
      fc.nat(20),
      fc.option(fc.integer({ min: 1, max: 2 ** 40 })),
      (text, count, sequence) => {
        const base = sequence === null ? {} : { base: { sequence, manifest_sha256: repeatedDigest('12') } };
        const manifest = { ...manifestOf(count), producer: { name: text, version: '1' }, ...base };
        const bytes = formatManifest(manifest);
        expect(parseManifest(bytes)).toEqual(manifest);
        expect(JSON.parse(Buffer.from(bytes).toString())).toEqual(manifest);
        expect(Buffer.from(bytes).at(-1)).toBe(0x0a);
      },
    ),
  );
});

test('its keys are sorted, without white space', () => {
  const text = Buffer.from(formatManifest(manifestOf(1))).toString();
  expect(text).toMatch(
    /^\{"entries":\[\{"path":"tuf\/00000","sha256":"(ab){32}","size":0\}\],"entries_root":"[0-9a-f]{64}","format":/,
  );
  expect([...text.matchAll(/[{,]"(\w+)":/g)].length).toBeGreaterThan(15);
});

test('a name that looks like JSON stays a name', () => {
  const manifest = { ...manifestOf(2), producer: { name: '"entries":[],"entries_root"', version: '\\"' } };
  expect(parseManifest(formatManifest(manifest))).toEqual(manifest);
});

test.each([0, 1, 2, 3, 4, 5, 7, 8, 9, 100])(
  'entries_root of %d entries is the RFC 6962 tree hash',
  (count) => {
    const { entries, entries_root } = manifestOf(count);
    const leaves = entries.map(({ path, sha256, size }) =>
      leafHash(Buffer.from(JSON.stringify({ path, sha256, size }))),
    );
    const tree = (from: number, to: number): Uint8Array => {
      if (to - from === 1) return leaves[from]!;
      const half = 2 ** Math.ceil(Math.log2(to - from) - 1);
      return foldNodes([tree(from, from + half), tree(from + half, to)]);
    };
    const expected =
      count === 0
        ? 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
        : Buffer.from(tree(0, count)).toString('hex');
    expect(entries_root).toBe(expected);
  },
);

test('50,000 entries are read in little time', () => {
  const bytes = formatManifest(manifestOf(50_000));
  const spent = processorTime();
  expect(parseManifest(bytes).entries).toHaveLength(50_000);
  expect(spent()).toBeLessThan(5000);
});

test('sealed_at is read to the millisecond', () => {
  expect(sealedAt({ sealed_at: '2026-01-25T12:00:00.250Z' })).toBe(Date.UTC(2026, 0, 25, 12, 0, 0, 250));
});

describe('refused', () => {
  test('an expiry that does not exist', async () => {
    const manifest = manifestOf(0);
    manifest.tuf = {
      ...manifest.tuf,
      roles: { root: { version: 1, sha256: repeatedDigest('00'), expires: '2027-02-29T00:00:00Z' } },
    };
    await refusal('MANIFEST_INVALID', () => parseManifest(formatManifest(manifest)));
  });

  test('one origin listed twice', async () => {
    const log = {
      origin: 'log.example',
      url: 'https://log.example',
      log_id: repeatedDigest('0a'),
      tree_size: 5,
      root_hash: repeatedDigest('0b'),
      first_index: 0,
      consistent_from: [],
    };
    const once = { ...manifestOf(0), logs: [log] };
    expect(parseManifest(formatManifest(once)).logs).toEqual([log]);
    const error = await refusal('MANIFEST_INVALID', () =>
      parseManifest(formatManifest({ ...once, logs: [log, { ...log, tree_size: 6 }] })),
    );
    expect(error.message).toContain('"log.example" twice');
  });

  test('more bytes than a manifest may have', async () => {
    await refusal('ARCHIVE_LIMIT', () => parseManifest(Buffer.alloc(64 * 2 ** 20 + 1)));
  });

  test('mutated bytes: nothing but refusals, and nothing accepted that differs', () => {
    const good = Buffer.from(formatManifest(manifestOf(3)));
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), (at, byte) => {
        fc.pre(good[at] !== byte);
        const bytes = Buffer.from(good);
        bytes[at] = byte;
        try {
          expect(Buffer.from(formatManifest(parseManifest(bytes))).equals(bytes)).toBe(true);
        } catch (error) {
          if (!isStellaError(error)) throw error;
          expect(error.code).toMatch(
            /^(MANIFEST_INVALID|MANIFEST_VERSION|ENTRY_PATH|ENTRY_DUPLICATE|URL_CREDENTIALS)$/,
          );
        }
      }),
      { numRuns: 1500 },
    );
  });
});
