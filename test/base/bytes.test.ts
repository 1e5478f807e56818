import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  compareBytewise,
  equalBytes,
  excerpt,
  formatBase64,
  formatHex,
  formatUtf8,
  parseBase64,
  parseHex,
  parseUtf8,
  sha256,
  sha256Stream,
} from '../../src/base/bytes.ts';
import { refusal } from '../support/errors.ts';

test('sha256 is the same on both sides of its size boundary and in a stream', () => {
  for (const size of [0, 1, 65, 4095, 4096, 4097, 100_000]) {
    const bytes = Buffer.alloc(size, 7);
    const expected = createHash('sha256').update(bytes).digest('hex');
    expect(formatHex(sha256(bytes))).toBe(expected);
    const stream = sha256Stream();
    stream.update(bytes.subarray(0, size >> 1));
    stream.update(bytes.subarray(size >> 1));
    expect(formatHex(stream.digest())).toBe(expected);
  }
});

test('property: hex, base64 and UTF-8 are inverse pairs', () => {
  fc.assert(
    fc.property(fc.uint8Array(), (bytes) => {
      expect(equalBytes(parseHex(formatHex(bytes)), bytes)).toBe(true);
      expect(equalBytes(parseBase64(formatBase64(bytes)), bytes)).toBe(true);
    }),
  );
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      expect(parseUtf8(formatUtf8(text))).toBe(text);
    }),
  );
});

describe('only the canonical form is accepted', () => {
  test.each(['A', 'AB', 'ab ', '0xab', 'abc', 'gg', 'é'])('hex %j', async (text) => {
    await refusal('PARSE_FAILED', () => parseHex(text));
  });
  test('hex of another length, with the code of the caller', async () => {
    await refusal('TUF_INVALID', () => parseHex('abcd', 32, 'TUF_INVALID'));
  });
  test.each(['A', 'AA', 'AA=', 'AB==', 'AA==\n', 'AA==AA==', '-_8=', ' AA==', 'AA=='.repeat(2), '='])(
    'base64 %j',
    async (text) => {
      await refusal('PARSE_FAILED', () => parseBase64(text));
    },
  );
  test.each([[[0xff]], [[0xc0, 0x80]], [[0xed, 0xa0, 0x80]], [[0xe2, 0x82]]])('UTF-8 %j', async (bytes) => {
    await refusal('PARSE_FAILED', () => parseUtf8(Uint8Array.from(bytes)));
  });
  test('a byte order mark is kept, not swallowed', () => {
    expect(parseUtf8(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61))).toBe('\ufeffa');
  });
});

test('order is that of bytes, not of UTF-16 code units', () => {
  expect(['\u{10000}', '\uffff'].sort(compareBytewise)).toEqual(['\uffff', '\u{10000}']);
});

test('hostile text cannot steer a terminal', () => {
  expect(excerpt('\u001b[2Jx\u009b\u202e')).toBe('"\\u001b[2Jx\\u009b\\u202e"');
  expect(excerpt('a'.repeat(1000)).length).toBeLessThan(70);
});
