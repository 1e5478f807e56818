import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatCanonicalJson, isCanonicalJson } from '../../src/base/canonical-json.ts';
import { CODES, EXIT } from '../../src/base/codes.ts';
import { exitStatusOf, StellaError } from '../../src/base/errors.ts';
import { parseJson } from '../../src/base/schema.ts';
import { SCHEMAS } from '../../src/base/schemas.ts';
import { refusal } from '../support/errors.ts';

const parse = (value: unknown) => parseJson('service-map', Buffer.from(JSON.stringify(value)), 'the map');

test('generated types and schemas match schemas/', () => {
  execFileSync(process.execPath, ['scripts/generate-types.ts', '--check'], { stdio: 'pipe' });
});

// Formats of others may grow fields that we do not know; our own have none.
const ours = Object.keys(SCHEMAS).filter((name) => !/^(?:tuf|oci|rekor-v1)-/.test(name));

test.each(ours)('the schema %s refuses unknown fields at its top', (name) => {
  expect(SCHEMAS[name as keyof typeof SCHEMAS]).toHaveProperty('additionalProperties', false);
});

test('an error names the document, the field and what is wrong', async () => {
  expect((await refusal('SCHEMA_INVALID', () => parse({ version: 2 }))).message).toBe(
    'the map: field version must be equal to constant: 1',
  );
  expect(
    (await refusal('SCHEMA_INVALID', () => parse({ version: 1, rekor: { url: 'gopher://x' } }))).message,
  ).toContain('field rekor.url');
  expect((await refusal('SCHEMA_INVALID', () => parse({ version: 1, recor: {} }))).message).toContain(
    'unknown field "recor"',
  );
  expect((await refusal('SCHEMA_INVALID', () => parse([]))).message).toContain('the document must be object');
});

test('what is not JSON, or not UTF-8, has the code of its caller', async () => {
  await refusal('MANIFEST_INVALID', () => parseJson('manifest', Buffer.from('{'), 'm', 'MANIFEST_INVALID'));
  await refusal('MANIFEST_INVALID', () =>
    parseJson('manifest', Buffer.from([0xff]), 'm', 'MANIFEST_INVALID'),
  );
});

test('a required field is not inherited from Object.prototype', async () => {
  await refusal('SCHEMA_INVALID', () => parse({ version: 1, overrides: { constructor: 1 } }));
});

test('canonical JSON has one text for one value', () => {
  expect(formatCanonicalJson({ b: [1, { d: null, c: 'é\n' }], a: true, 10: 1, 9: 2, u: undefined })).toBe(
    '{"10":1,"9":2,"a":true,"b":[1,{"c":"é\\n","d":null}]}',
  );
});

test('canonical JSON is known without making it again', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), fc.nat(), (value, place) => {
      // JSON has no negative zero.
      const plain: unknown = JSON.parse(JSON.stringify(value));
      const text = formatCanonicalJson(plain);
      expect(isCanonicalJson(text, plain)).toBe(true);
      const at = place % (text.length + 1);
      expect(isCanonicalJson(`${text.slice(0, at)} ${text.slice(at)}`, plain)).toBe(false);
      expect(isCanonicalJson(text.slice(0, -1), plain)).toBe(false);
    }),
  );
  expect(isCanonicalJson('{"b":1,"a":2}', { a: 2, b: 1 })).toBe(false);
});

test('every code has an exit status, a meaning and a hint', () => {
  for (const [code, facts] of Object.entries(CODES)) {
    expect(Object.values(EXIT), code).toContain(facts.exit);
    expect(facts.meaning, code).toMatch(/\.$/);
    expect(facts.hint.length, code).toBeGreaterThan(5);
  }
});

test('the exit status follows from the code; anything else is unexpected', () => {
  expect(exitStatusOf(new StellaError('TUF_EXPIRED', 'x'))).toBe(5);
  expect(exitStatusOf(new StellaError('OFFLINE', 'x'))).toBe(3);
  expect(exitStatusOf(new TypeError('x'))).toBe(1);
});
