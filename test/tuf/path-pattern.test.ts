import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isInPattern } from '../../src/tuf/path-pattern.ts';
import { processorTime } from '../support/processor-time.ts';

test('path patterns stay within their segments', () => {
  expect(isInPattern('a/b.pub', 'a/*')).toBe(true);
  expect(isInPattern('a/b/c', 'a/*')).toBe(false);
  expect(isInPattern('a', 'a/*')).toBe(false);
  expect(isInPattern('a/bc', 'a/b?')).toBe(true);
  expect(isInPattern('a/b', 'a/b?')).toBe(false);
  expect(isInPattern('aXbXc', 'a*b*c')).toBe(true);
  expect(isInPattern('abab', '*ab')).toBe(true);
});

test('a pattern with * agrees with the regular expression that it stands for', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 8 });
  fc.assert(
    fc.property(
      letters,
      fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 6 }),
      (name, pattern) => {
        const expression = new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.')}$`);
        expect(isInPattern(name, pattern)).toBe(expression.test(name));
      },
    ),
  );
});

test.each([
  ['*', '.hidden', true],
  ['?x', '.x', true],
  ['[ab]', 'b', true],
  ['[ab]', 'c', false],
  ['[!ab]', 'c', true],
  ['[!ab]', 'a', false],
  ['[a-c]x', 'bx', true],
  ['[]a]', ']', true],
  ['[a-]', '-', true],
  ['[a', '[a', true],
  ['?', '\u{1F600}', true],
  ['dir/*', 'dir/', true],
  ['{a,b}', 'a', false],
  ['{a,b}', '{a,b}', true],
  ['!a', 'b', false],
  ['!a', '!a', true],
  ['#a', '#a', true],
  ['+(a)', 'aa', false],
  ['a\\*', 'a\\b', true],
  ['a\\*', 'a*', false],
  ['**/a', 'x/y/a', false],
  ['A', 'a', false],
] as const)('%j and %j: %j, as Unix has it and nothing more', (pattern, name, expected) => {
  expect(isInPattern(name, pattern)).toBe(expected);
});

test('no pattern takes long, whatever it is', () => {
  const spent = processorTime();
  expect(isInPattern('a'.repeat(4000), `${'*a'.repeat(500)}b`)).toBe(false);
  expect(isInPattern('a'.repeat(100_000), `${'*a'.repeat(50_000)}*`)).toBe(false);
  expect(isInPattern('x', 'a'.repeat(1_000_000))).toBe(false);
  expect(spent()).toBeLessThan(2000);
});
