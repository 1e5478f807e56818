import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sha256Hex } from '../../src/base/bytes.ts';
import { checkSamePin, choosePin, formatFingerprint, parseFingerprint } from '../../src/trust/pin.ts';
import { builtInInstance } from '../../src/tuf/built-in.ts';
import { repeatedDigest } from '../support/digest.ts';
import { refusal } from '../support/errors.ts';

const AT = '2026-01-25T12:00:00Z';
const roots = [1, 2, 3].map((version) => ({ version, bytes: Buffer.from(`root ${version}`) }));
const digestOf = (version: number) => sha256Hex(roots[version - 1]!.bytes);

describe('a first import starts from the root that somebody vouches for', () => {
  test('by file, also of a later version', async () => {
    const pin = await choosePin(roots, { root: roots[1]!.bytes }, AT);
    expect(pin).toEqual({
      root: roots[1],
      state: { how: 'root-file', version: 2, sha256: digestOf(2), at: AT },
    });
  });

  test('by fingerprint', async () => {
    expect((await choosePin(roots, { fingerprint: digestOf(1) }, AT)).state).toMatchObject({
      how: 'fingerprint',
      version: 1,
    });
  });

  test('on first use, said aloud: the earliest root', async () => {
    expect((await choosePin(roots, { firstUse: true }, AT)).state).toMatchObject({
      how: 'first-use',
      version: 1,
    });
  });

  test('by a person who compared the fingerprint', async () => {
    let asked = '';
    const confirm = async (question: string) => {
      asked = question;
      return true;
    };
    expect((await choosePin(roots, { confirm }, AT)).state.how).toBe('fingerprint');
    expect(asked).toContain(formatFingerprint(digestOf(1)));
  });
});

test('the root of a built-in instance is vouched for by its chain, whatever else is carried', async () => {
  const github = builtInInstance('github')!;
  const own = { version: github.version, bytes: github.root() };
  expect(await choosePin([roots[0]!, own], {}, AT)).toMatchObject({ root: own, state: { how: 'built-in' } });
  expect((await choosePin([own], { firstUse: true }, AT)).state.how).toBe('built-in');
  const other = { version: github.version, bytes: roots[0]!.bytes };
  await refusal('PIN_REQUIRED', () => choosePin([other], {}, AT));
});

describe('and refuses otherwise', () => {
  test('when nobody vouches, naming the fingerprint', async () => {
    const error = await refusal('PIN_REQUIRED', () => choosePin(roots, {}, AT));
    expect(error.message).toContain(digestOf(1));
    expect(error.hints.join(' ')).toContain('--root-fingerprint');
  });
  test('when the person says no', async () => {
    await refusal('PIN_REQUIRED', () => choosePin(roots, { confirm: async () => false }, AT));
  });
  test('when the bundle does not carry the root that is vouched for', async () => {
    await refusal('PIN_MISMATCH', () => choosePin(roots, { fingerprint: repeatedDigest('f') }, AT));
    await refusal('PIN_MISMATCH', () => choosePin(roots, { root: Buffer.from('other') }, AT));
  });
  test('when there is no root at all', async () => {
    await refusal('TUF_INVALID', () => choosePin([], { firstUse: true }, AT));
  });
});

test('a store keeps its pin: another root is refused, one of its chain is not', async () => {
  const pin = { how: 'fingerprint', version: 1, sha256: digestOf(1), at: AT } as const;
  expect(() => checkSamePin(pin, roots, {})).not.toThrow();
  expect(() => checkSamePin(pin, roots, { fingerprint: digestOf(1) })).not.toThrow();
  expect(() => checkSamePin(pin, roots, { fingerprint: digestOf(3) })).not.toThrow();
  await refusal('PIN_MISMATCH', () => checkSamePin(pin, roots, { fingerprint: repeatedDigest('e') }));
  await refusal('PIN_MISMATCH', () => checkSamePin(pin, roots, { root: Buffer.from('other') }));
});

test.each([
  '',
  'sha256:',
  'abc',
  `sha512:${repeatedDigest('a')}`,
  `sha256:${'g'.repeat(64)}`,
  `sha256:${'a'.repeat(63)}`,
])('%j is no fingerprint', async (text) => {
  await refusal('USAGE', () => parseFingerprint(text));
});

const digits = `3F5D06A8B2A5A1D2${'c0d5c2a0e1a7d9f0'.repeat(3)}`;
const groups = digits.match(/.{4}/g)!;

test.each([
  [` sha256:${digits}\n`],
  [digits],
  [`SHA256:${digits}`],
  [`sha256: ${groups.join(' ')}`],
  [`SHA256 ${groups.join(' ')}`],
  [`${groups.slice(0, 8).join(' ')}\n${groups.slice(8).join(' ')}`],
  [groups.join(':')],
  [digits.match(/../g)!.join(':')],
  [groups.join('-')],
  [groups.join('\u2013')],
  [groups.join('\u00a0')],
])('a fingerprint is read as the sheet prints it and people type it: %j', (text) => {
  expect(parseFingerprint(text)).toBe(digits.toLowerCase());
});

test('whatever the groups, it is read as its digits', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.array(fc.constantFrom('', ' ', ':', '-', '  ', '\n'), { minLength: 63, maxLength: 63 }),
      fc.boolean(),
      (bytes, between, isUpper) => {
        const hex = Buffer.from(bytes).toString('hex');
        const text = isUpper ? hex.toUpperCase() : hex;
        const typed = text.replace(/./g, (digit, at: number) => digit + (between[at] ?? ''));
        expect(parseFingerprint(typed)).toBe(hex);
      },
    ),
  );
});

test('a group too many or too few, or a letter that is no digit, is refused with what was typed', async () => {
  for (const wrong of [groups.slice(1), [...groups, '0000'], ['o'.repeat(4), ...groups.slice(1)]]) {
    const error = await refusal('USAGE', () => parseFingerprint(wrong.join(' ')));
    expect(error.message).toContain(wrong[0]);
  }
});
