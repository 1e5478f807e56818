import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type JsonRules, parseStrictJson, peekJson } from '../../src/base/json.ts';
import { parseJson } from '../../src/base/schema.ts';
import { parseMetadata } from '../../src/tuf/parse-metadata.ts';
import { refusal } from '../support/errors.ts';
import { sourceFiles } from '../support/open-lookups.ts';
import { processorTime } from '../support/processor-time.ts';

const parse = (document: string | Uint8Array, rules: Partial<JsonRules> = {}) =>
  parseStrictJson(document, 'it', { code: 'PARSE_FAILED', ...rules });
const refused = async (document: string | Uint8Array, rules: Partial<JsonRules> = {}) =>
  (await refusal('PARSE_FAILED', () => parse(document, rules))).message;

const NAMES = ['a', 'b', '\\', '"', '\n', 'b\\', 'toString', '__proto__', ':', 'é', '7'];

/** JSON text of an object whose members may have equal names, and what it says. */
const objects = fc
  .array(fc.tuple(fc.constantFrom(...NAMES), fc.nat(9), fc.boolean()), { maxLength: 5 })
  .map((list) => {
    const spelled = (name: string, escaped: boolean) =>
      escaped
        ? `"${Array.from(name, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')}"`
        : JSON.stringify(name);
    return {
      text: `{${list.map(([name, value, escaped]) => `${spelled(name, escaped)} : ${value}`).join(' , ')}}`,
      value: Object.fromEntries(list),
      twice: new Set(list.map(([name]) => name)).size < list.length,
    };
  });

describe('member names that appear twice', () => {
  test('are found exactly, however they are spelled and wherever they are', () => {
    fc.assert(
      fc.property(fc.array(objects, { maxLength: 4 }), (list) => {
        const text = `{"x":[${list.map((each) => each.text).join(',')}],"y":"{\\"a\\":1,\\"a\\":1}"}`;
        const expected: unknown = { x: list.map(({ value }): unknown => value), y: '{"a":1,"a":1}' };
        if (list.some(({ twice }) => twice)) expect(() => parse(text)).toThrow('has a field name twice');
        else expect(parse(text)).toEqual(expected);
        expect(parse(text, { duplicates: 'last' })).toEqual(expected);
      }),
      { numRuns: 2000 },
    );
  });

  test('are refused in documents of every kind, TUF metadata among them', async () => {
    const root = Buffer.from(
      '{"signed":{"_type":"root","spec_version":"1.0.31","version":1,"version":2,"expires":"2030-01-01T00:00:00Z","keys":{},"roles":{}},"signatures":[]}',
    );
    const error = await refusal('TUF_INVALID', () => parseMetadata('root', root, 'root.json'));
    expect(error.message).toContain('twice');
    await refusal('SCHEMA_INVALID', () =>
      parseJson('rekor-v1-proof', Buffer.from('{"hashes":[],"hashes":[]}'), 'the proof'),
    );
    expect(parse('{"a":1,"\\u0061":2}', { duplicates: 'last' })).toEqual({ a: 2 });
  });
});

test('any value that was written as JSON is read again', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
      const text = JSON.stringify(value);
      // Numbers that are equal but for the sign of zero are written alike.
      expect(JSON.stringify(parse(text))).toBe(text);
      expect(JSON.stringify(parse(Buffer.from(text)))).toBe(text);
    }),
    { numRuns: 1000 },
  );
});

describe('names with escapes', () => {
  test('are read alike whatever was read before', () => {
    // V8 takes the raw text of such names for names that it has met: nodejs/node issue 63785.
    for (const [before, text, expected] of [
      [String.raw`{"one":1,"\\":2}`, String.raw`{"one":1,"\u006fne2":2}`, { one: 1, one2: 2 }],
      [String.raw`{"two":1,"\\":2}`, String.raw`{"two":1,"\u0061":2}`, { two: 1, a: 2 }],
      [String.raw`{"three":1,"b\\u":2}`, String.raw`{"three":1,"b\u0061c":2}`, { three: 1, bac: 2 }],
      [String.raw`{"four":1,"\\":2}`, String.raw`{"four":1,"\n":2}`, { four: 1, '\n': 2 }],
      [
        String.raw`{"five":1,"a\\":2}`,
        String.raw`{"five":1,"a\"":{"x\\":[{"y\t":1}]}}`,
        { five: 1, 'a"': { 'x\\': [{ 'y\t': 1 }] } },
      ],
    ] as const) {
      JSON.parse(before);
      parse(before);
      expect(parse(text)).toEqual(expected);
    }
  });

  test('cannot pass for a stand-in', () => {
    const text = '{"\ue0000":1,"\\n":{"\\ue0001":2,"\\t":3}}';
    expect(parse(text)).toEqual({ '\ue0000': 1, '\n': { '\ue0001': 2, '\t': 3 } });
    expect(parse('{"\\\\":1,"b":"\ue000"}')).toEqual({ '\\': 1, b: '\ue000' });
  });

  test('that are no JSON are refused', async () => {
    for (const text of [String.raw`{"\x":1}`, String.raw`{"\u00":1}`, '{"\\\n":1}', String.raw`{"a\":1}`])
      expect(await refused(text)).toBe('it is not JSON');
  });
});

test('any text is a value or refused with the code of the caller', () => {
  const pieces = [...Array.from('{}[]",:\\ua1é \u{1f600}\n'), 'null', '{"a":1', '"\\n":'];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...pieces)), (list) => {
      const text = list.join('');
      let isJson = true;
      try {
        JSON.parse(text);
      } catch {
        isJson = false;
      }
      if (isJson) expect(() => parse(text, { duplicates: 'last' })).not.toThrow();
      else expect(() => parse(text)).toThrow('it is not JSON');
    }),
    { numRuns: 2000 },
  );
});

describe('bounds', () => {
  test('on the size, in bytes', async () => {
    expect(parse('"12345678"', { maxBytes: 10 })).toBe('12345678');
    expect(await refused('"123456789"', { maxBytes: 10 })).toBe('it is larger than 10 bytes');
  });

  test('on the nesting', async () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
    expect(parse(nested(128))).toBeDefined();
    expect(await refused(nested(129))).toBe('it is nested deeper than 128 levels');
    expect(await refused('[{"a":{}}]', { maxDepth: 2 })).toBe('it is nested deeper than 2 levels');
    expect(parse('["[[[","{{{"]', { maxDepth: 1 })).toEqual(['[[[', '{{{']);
  });

  test('on the number of values, but for what a document of its size may have', async () => {
    expect(parse(`[${'1,'.repeat(9)}1]`, { freeValues: 10 })).toHaveLength(10);
    expect(await refused(`[${'1,'.repeat(10)}1]`, { freeValues: 9 })).toBe(
      'it has too many values for its size',
    );
    const long = JSON.stringify(Array(1000).fill('a'.repeat(24)));
    expect(parse(long, { freeValues: 0 })).toHaveLength(1000);
  });

  test.each([
    ['brackets', '{},'],
    ['numbers', '1,'],
    ['names', '{"a":1},'],
  ])('30 MB of nothing but %s are refused before anything is made of them', async (_name, piece) => {
    const text = `[${piece.repeat(30_000_000 / piece.length)}1]`;
    const [spent, before] = [processorTime(), process.memoryUsage().heapUsed];
    expect(await refused(text)).toBe('it has too many values for its size');
    expect(spent()).toBeLessThan(2000);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(100_000_000);
  });
});

describe('encoding', () => {
  test('anything but UTF-8 is refused, UTF-16 by its name', async () => {
    expect(await refused(Buffer.from([0x22, 0xff, 0x22]))).toBe('it is not valid UTF-8');
    expect(await refused(Buffer.from('\ufeff{}', 'utf16le'))).toBe('it is not valid UTF-8 but UTF-16');
  });

  test('a byte order mark is named, or passed over where people hand documents over', async () => {
    for (const document of ['\ufeff{"a":1}', Buffer.from('\ufeff{"a":1}')]) {
      expect(await refused(document)).toBe('it is not JSON: it begins with a byte order mark');
      expect(parse(document, { byteOrderMark: 'skip' })).toEqual({ a: 1 });
    }
    expect(await refused('\ufeff\ufeff{}', { byteOrderMark: 'skip' })).toBe('it is not JSON');
  });
});

test('__proto__ is a member like any other', () => {
  const value = parse(
    '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}',
  ) as object;
  expect(Object.keys(value)).toEqual(['__proto__', 'constructor']);
  expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  expect({}).not.toHaveProperty('polluted');
});

test('a peek tells what is an object, and refuses nothing', () => {
  expect(peekJson('{"format":"x","format":"y"}')).toEqual({ format: 'y' });
  for (const text of ['', '[]', 'null', '1', '{', '\ufeff{}', '['.repeat(100_000)])
    expect(peekJson(text)).toBeUndefined();
  expect(peekJson('\ufeff{}', 'skip')).toEqual({});
});

test('nothing else in src/ parses JSON', () => {
  const others = sourceFiles().filter((file) => /\bJSON\s*\.\s*parse\(/.test(readFileSync(file, 'utf8')));
  expect(others.map((file) => file.replaceAll('\\', '/'))).toEqual([
    'src/base/json-names.ts',
    'src/base/json.ts',
  ]);
});
