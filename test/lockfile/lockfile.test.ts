import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isStellaError } from '../../src/base/errors.ts';
import { parseIntegrity, strongestIntegrity } from '../../src/lockfile/integrity.ts';
import { parseLockfile } from '../../src/lockfile/lockfile.ts';
import { refusal } from '../support/errors.ts';

const SHA512 = 'ab'.repeat(64);
const SHA256 = 'cd'.repeat(32);
const sri = (hex: string, algorithm = 'sha512') =>
  `${algorithm}-${Buffer.from(hex, 'hex').toString('base64')}`;
const INTEGRITY = sri(SHA512);
const SHA1 = sri('00'.repeat(20), 'sha1');

const parse = async (name: string, text: string) => await parseLockfile(name, Buffer.from(text));

/** What is found, in short: name@version, digests or the gap. */
async function found(name: string, text: string): Promise<string[]> {
  return (await parse(name, text)).map(({ name: of, version, digests, gap }) =>
    [
      `${of}@${version}`,
      ...digests.map(({ algorithm, hex }) => `${algorithm}:${hex.slice(0, 4)}`),
      ...(gap ? [gap] : []),
    ].join(' '),
  );
}

describe('package-lock.json', () => {
  const lock = (packages: object, lockfileVersion = 3) =>
    JSON.stringify({ name: 'x', lockfileVersion, packages: { '': { name: 'x' }, ...packages } });
  const tarball = 'https://registry.example.com/a.tgz';

  test.each<[string, object, string[]]>([
    [
      'a package',
      { 'node_modules/a': { version: '1.0.0', resolved: tarball, integrity: INTEGRITY } },
      ['a@1.0.0 sha512:abab'],
    ],
    [
      'one inside of another, in a scope',
      { 'node_modules/a/node_modules/@s/b': { version: '2.0.0', integrity: INTEGRITY } },
      ['@s/b@2.0.0 sha512:abab'],
    ],
    [
      'an alias is what is behind it',
      { 'node_modules/alias': { name: 'real', version: '1.0.0', resolved: tarball, integrity: INTEGRITY } },
      ['real@1.0.0 sha512:abab'],
    ],
    [
      'a workspace, and the link to it',
      { 'packages/w': { version: '1.0.0' }, 'node_modules/w': { resolved: 'packages/w', link: true } },
      ['w@ link'],
    ],
    [
      'a bundled one',
      { 'node_modules/a/node_modules/b': { version: '1.0.0', inBundle: true } },
      ['b@1.0.0 bundled'],
    ],
    [
      'from Git',
      {
        'node_modules/a': {
          version: '1.0.0',
          resolved: 'git+ssh://git@example.com/a.git#1',
          integrity: INTEGRITY,
        },
      },
      ['a@1.0.0 git'],
    ],
    [
      'from a file',
      { 'node_modules/a': { version: '1.0.0', resolved: 'file:a.tgz', integrity: INTEGRITY } },
      ['a@1.0.0 file'],
    ],
    [
      'without integrity',
      { 'node_modules/a': { version: '1.0.0', resolved: tarball } },
      ['a@1.0.0 no digest'],
    ],
    ['SHA-1 only', { 'node_modules/a': { version: '1.0.0', integrity: SHA1 } }, ['a@1.0.0 SHA-1 only']],
    [
      'SHA-1 and SHA-512',
      { 'node_modules/a': { version: '1.0.0', integrity: `${SHA1} ${INTEGRITY}` } },
      ['a@1.0.0 sha512:abab'],
    ],
    [
      'two SHA-512, of which one lies',
      { 'node_modules/a': { version: '1.0.0', integrity: `${INTEGRITY} ${sri('12'.repeat(64))}` } },
      ['a@1.0.0 several digests'],
    ],
    [
      'the same twice',
      { 'node_modules/a': { version: '1.0.0', integrity: `${INTEGRITY} ${INTEGRITY}` } },
      ['a@1.0.0 sha512:abab'],
    ],
    [
      'a digest that is cut',
      { 'node_modules/a': { version: '1.0.0', integrity: 'sha512-AAAA' } },
      ['a@1.0.0 unreadable'],
    ],
    [
      'a name of the prototype',
      { 'node_modules/__proto__': { version: '1.0.0', integrity: INTEGRITY } },
      ['__proto__@1.0.0 sha512:abab'],
    ],
  ])('%s', async (_, packages, expected) => {
    expect(await found('package-lock.json', lock(packages))).toEqual(expected);
    expect(await found('dir/npm-shrinkwrap.json', lock(packages, 2))).toEqual(expected);
  });

  test.each([
    ['version 1', JSON.stringify({ lockfileVersion: 1, dependencies: {} })],
    ['no version', '{}'],
    ['no JSON', 'yarn lockfile v1'],
    ['a list', '[]'],
    ['packages that are a list', JSON.stringify({ lockfileVersion: 3, packages: [] })],
    ['an integrity that is a number', lock({ 'node_modules/a': { version: '1', integrity: 1 } })],
    ['a name twice', lock({}).replace('"name":"x"', '"name":"x","name":"y"')],
  ])('%s is refused', async (_, text) => {
    await refusal('LOCKFILE_INVALID', async () => await parse('package-lock.json', text));
  });
});

describe('pnpm-lock.yaml', () => {
  const lock = (version: string, packages: string) =>
    `lockfileVersion: '${version}'\n\npackages:\n${packages}`;

  test.each([
    [
      '6',
      lock('6.0', `\n  /@s/a@1.0.0(react@18.0.0):\n    resolution: {integrity: ${INTEGRITY}}\n`),
      ['@s/a@1.0.0 sha512:abab'],
    ],
    ['9', lock('9.0', `\n  a@1.0.0:\n    resolution: {integrity: ${INTEGRITY}}\n`), ['a@1.0.0 sha512:abab']],
    [
      'Git',
      lock('9.0', '\n  a@1.0.0:\n    resolution: {type: git, repo: https://example.com/a.git, commit: ab}\n'),
      ['a@1.0.0 git'],
    ],
    [
      'a tarball without integrity',
      lock('9.0', '\n  a@1.0.0:\n    resolution: {tarball: https://example.com/a.tgz}\n'),
      ['a@1.0.0 url'],
    ],
    [
      'a directory',
      lock('9.0', '\n  a@file:a:\n    resolution: {type: directory, directory: a}\n'),
      ['a@file:a link'],
    ],
    ['nothing', "lockfileVersion: '9.0'\n", []],
  ])('%s', async (_, text, expected) => {
    expect(await found('pnpm-lock.yaml', text)).toEqual(expected);
  });

  test.each([
    ['version 5', 'lockfileVersion: 5.4\npackages: {}\n'],
    ['no YAML', 'a: [\n'],
    [
      'aliases',
      `lockfileVersion: '9.0'\npackages: &p\n  a@1.0.0: {resolution: {integrity: ${INTEGRITY}}}\nmore: *p\n`,
    ],
    ['a key twice', "lockfileVersion: '9.0'\nlockfileVersion: '6.0'\n"],
    ['a package without a version', `lockfileVersion: '9.0'\npackages: {a: {resolution: {}}}\n`],
  ])('%s is refused', async (_, text) => {
    await refusal('LOCKFILE_INVALID', async () => await parse('pnpm-lock.yaml', text));
  });
});

describe('requirements.txt', () => {
  test.each([
    [`a_B.c==1.0 --hash=sha256:${SHA256}`, ['a-b-c@1.0 sha256:cdcd']],
    [
      `a[x,y] == 1.0 ; python_version > "3" \\\n    --hash=sha256:${SHA256} \\\n    --hash=sha256:${'ef'.repeat(32)}`,
      ['a@1.0 sha256:cdcd sha256:efef'],
    ],
    [
      `# a comment\n\n--index-url https://example.com\na==1.0 --hash=sha256:${SHA256}  # why`,
      ['a@1.0 sha256:cdcd'],
    ],
    ['a==1.0', ['a@1.0 no digest']],
    ['a>=1.0', ['a>=1.0@ no digest']],
    [`a==1.0 --hash=md5:${'00'.repeat(16)}`, ['a@1.0 unreadable']],
    ['-r other.txt', ['-r other.txt@ file']],
    ['-e ./here', ['-e@ link']],
    ['a @ git+https://example.com/a.git', ['a@ git']],
    ['a @ https://example.com/a.whl', ['a@ url']],
  ])('%s', async (text, expected) => {
    expect(await found('requirements.txt', text)).toEqual(expected);
    expect(await found('requirements-dev.txt', text.replaceAll('\n', '\r\n'))).toEqual(expected);
  });
});

describe('pylock.toml and uv.lock', () => {
  const wheel = `[[packages.wheels]]\nname = "a-1.0-py3-none-any.whl"\nhashes = {sha256 = "${SHA256}"}\n`;
  test.each([
    [
      'a wheel and a source distribution',
      `[[packages]]\nname = "a"\nversion = "1.0"\nsdist = {hashes = {sha256 = "${'ef'.repeat(32)}"}}\n${wheel}`,
      ['a@1.0 sha256:efef sha256:cdcd'],
    ],
    [
      'a hash that is none',
      `[[packages]]\nname = "a"\nversion = "1.0"\nsdist = {hashes = {md5 = "00"}}\n`,
      ['a@1.0 unreadable'],
    ],
    ['from Git', '[[packages]]\nname = "a"\n[packages.vcs]\ntype = "git"\n', ['a@ git']],
    ['a directory', '[[packages]]\nname = "a"\n[packages.directory]\npath = "a"\n', ['a@ link']],
    ['no files', '[[packages]]\nname = "a"\nversion = "1.0"\n', ['a@1.0 no digest']],
  ])('pylock.toml: %s', async (_, text, expected) => {
    expect(await found('pylock.toml', `lock-version = "1.0"\n${text}`)).toEqual(expected);
    expect(await found('pylock.dev.toml', `lock-version = "1.0"\n${text}`)).toEqual(expected);
  });

  const source = '{ registry = "https://pypi.org/simple" }';
  test.each([
    [
      'files',
      `[[package]]\nname = "a"\nversion = "1.0"\nsource = ${source}\nsdist = { url = "u", hash = "sha256:${SHA256}" }\nwheels = [{ url = "w", hash = "sha256:${'ef'.repeat(32)}" }]\n`,
      ['a@1.0 sha256:cdcd sha256:efef'],
    ],
    ['the project itself', '[[package]]\nname = "me"\nversion = "1.0"\nsource = { editable = "." }\n', []],
    [
      'from Git',
      '[[package]]\nname = "a"\nversion = "1.0"\nsource = { git = "https://example.com/a" }\n',
      ['a@1.0 git'],
    ],
    [
      'another project of the workspace',
      '[[package]]\nname = "a"\nversion = "1.0"\nsource = { editable = "libs/a" }\n',
      ['a@1.0 link'],
    ],
  ])('uv.lock: %s', async (_, text, expected) => {
    expect(await found('uv.lock', `version = 1\n${text}`)).toEqual(expected);
  });

  test.each([
    ['pylock.toml', 'lock-version = "2.0"\n'],
    ['pylock.toml', 'lock-version = \n'],
    ['uv.lock', 'version = 2\n'],
    ['uv.lock', 'version = 1\npackage = 1\n'],
  ])('%s with %j is refused', async (name, text) => {
    await refusal('LOCKFILE_INVALID', async () => await parse(name, text));
  });
});

test.each(['yarn.lock', 'Cargo.lock', 'package.json'])('%s is refused by its name', async (name) => {
  const error = await refusal('LOCKFILE_INVALID', async () => await parse(name, ''));
  expect(error.message).toContain(name);
});

describe('for any bytes', () => {
  const names = ['package-lock.json', 'pnpm-lock.yaml', 'requirements.txt', 'pylock.toml', 'uv.lock'];
  test('a lock file is read or refused with a code', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...names),
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((text) => Buffer.from(text)),
        ),
        async (name, bytes) => {
          try {
            await parseLockfile(name, bytes);
          } catch (error) {
            expect(isStellaError(error, 'LOCKFILE_INVALID')).toBe(true);
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  test('integrity of any digest is that digest', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 64, maxLength: 64 }), (bytes) => {
        const hex = Buffer.from(bytes).toString('hex');
        expect(parseIntegrity(sri(hex))).toEqual({ algorithm: 'sha512', hex });
        expect(strongestIntegrity(`${SHA1} ${sri(hex)}?opt`)).toEqual({ algorithm: 'sha512', hex });
      }),
      { numRuns: 50 },
    );
  });
});
