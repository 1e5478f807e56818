import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkEntryPath, checkEntryPaths } from '../../src/archive/entry-path.ts';
import { compareBytewise } from '../../src/base/bytes.ts';
import { isStellaError } from '../../src/base/errors.ts';
import { refusal } from '../support/errors.ts';

const GOOD = [
  'manifest.json',
  'tuf/1.root.json',
  'tuf/targets/0123.rekor-key-v1.pub',
  'logs/ab/tile/entries/x001/x234/067.p/200',
  'tuf/targets/sch\u00f6n.pem',
  'a b/c',
  '.hidden',
  'console/nullable',
  `${'d/'.repeat(500)}x`,
  `tuf/${'n'.repeat(255)}`,
];

const BAD: readonly (readonly [string, string])[] = [
  ['empty', ''],
  ['parent directory', '../x'],
  ['parent directory inside', 'tuf/../x'],
  ['parent directory at the end', 'tuf/..'],
  ['dot segment', './x'],
  ['dot segment inside', 'tuf/./x'],
  ['absolute', '/etc/passwd'],
  ['drive letter', 'C:/x'],
  ['drive letter, relative', 'c:x'],
  ['alternate data stream', 'tuf/x:y'],
  ['backslash', 'tuf\\x'],
  ['network share', '\\\\server\\share'],
  ['NUL', 'tuf/x\0y'],
  ['line feed', 'tuf/x\ny'],
  ['escape sequence', 'tuf/\u001b[2J'],
  ['C1 control', 'tuf/\u009b2J'],
  ['right-to-left override', 'tuf/\u202egpj.exe'],
  ['zero width space', 'tuf/a\u200bb'],
  ['line separator', 'tuf/a\u2028b'],
  ['lone surrogate', 'tuf/\ud800'],
  ['not NFC', 'tuf/scho\u0308n'],
  ['empty segment', 'tuf//x'],
  ['trailing slash', 'tuf/x/'],
  ['trailing dot', 'tuf/x.'],
  ['trailing space', 'tuf/x '],
  ['leading space', 'tuf/ x'],
  ['segment that ends with a dot', 'tuf./x'],
  ['three dots', 'tuf/...'],
  ['device name', 'tuf/NUL'],
  ['device name with extension', 'tuf/con.json'],
  ['device name as a directory', 'aux/x'],
  ['long path', `${'d/'.repeat(512)}x`],
  ['long segment', `tuf/${'n'.repeat(256)}`],
  ['long segment in UTF-8', `tuf/${'\u00e4'.repeat(128)}`],
];

describe('one path', () => {
  test.each(GOOD)('%s is allowed', (path) => checkEntryPath(path));
  test.each(BAD)('%s is refused', async (_, path) => {
    const { message } = await refusal('ENTRY_PATH', () => checkEntryPath(path));
    expect(message).not.toMatch(/[\p{Cc}\u202e]/u);
  });
});

describe('all paths of an archive', () => {
  const check = (...paths: string[]) => checkEntryPaths(paths);

  test('in order, they are allowed', () => check('a', 'a-b/c', 'a.b', 'b/c', 'b/c.d', 'b/d/e', 'b/e'));
  test.each([
    ['twice', ['a', 'a'], 'ENTRY_DUPLICATE'],
    ['out of order', ['b', 'a'], 'ENTRY_PATH'],
    ['out of bytewise order', ['tuf/\u{1f600}', 'tuf/\uff5e'], 'ENTRY_PATH'],
    ['differing in case only', ['A', 'a'], 'ENTRY_PATH'],
    ['differing in case only, apart', ['A', 'B', 'a'], 'ENTRY_PATH'],
    ['differing in case only, sharp s', ['tuf/STRASSE', 'tuf/stra\u00dfe'], 'ENTRY_PATH'],
    ['directories differing in case only', ['Tuf/a', 'tuf/b'], 'ENTRY_PATH'],
    ['directories differing in case only, deeper', ['a/B/c/x', 'a/b/d/x'], 'ENTRY_PATH'],
    ['a file that is a directory', ['a', 'a/b'], 'ENTRY_PATH'],
    ['a file that is a directory, apart', ['a', 'a.b', 'a/b'], 'ENTRY_PATH'],
    ['a file that is a directory but for case', ['A/b', 'a'], 'ENTRY_PATH'],
    ['one not allowed', ['a', 'b/../c'], 'ENTRY_PATH'],
  ] as const)('%s: refused', async (_, paths, code) => {
    await refusal(code, () => check(...paths));
  });

  test('whatever is accepted has one meaning on every file system', () => {
    const segment = fc.constantFrom('a', 'A', 'b', '..', '.', 'a.', 'nul', '\u00e4', 'a\u0308', '', 'x y');
    const path = fc.array(segment, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
    fc.assert(
      fc.property(fc.uniqueArray(path, { maxLength: 6 }), (some) => {
        const paths = [...some].sort(compareBytewise);
        try {
          checkEntryPaths(paths);
        } catch (error) {
          expect(isStellaError(error, 'ENTRY_PATH') || isStellaError(error, 'ENTRY_DUPLICATE')).toBe(true);
          return;
        }
        const folded = paths.map((one) => one.toLowerCase().normalize('NFC'));
        expect(new Set(folded).size).toBe(paths.length);
        for (const [i, one] of folded.entries()) {
          expect(paths[i]).not.toMatch(/(^|\/)\.{0,2}(\/|$)/);
          for (const other of folded) expect(other.startsWith(`${one}/`)).toBe(false);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
