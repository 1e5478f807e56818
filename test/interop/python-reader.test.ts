import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { GOLDEN, goldenDirectory, KEYS, type KeyName } from '../../bundles/golden.ts';
import {
  CONTENTS,
  coseOf,
  framesOf,
  join as joinFrames,
  manifestOf,
  pack,
} from '../../bundles/hostile/forge.ts';
import { formatManifest } from '../../src/bundle/manifest.ts';
import { openBundle } from '../../src/bundle/open.ts';
import { temporaryDirectory } from '../support/temp.ts';

const script = fileURLToPath(new URL('read_bundle.py', import.meta.url));
const read = (file: string, ...keys: KeyName[]) =>
  spawnSync('python3', [script, file, ...keys.map((key) => join(goldenDirectory, `${key}.pub`))], {
    encoding: 'utf8',
  });

const present =
  ['python3', 'zstd'].every((tool) => spawnSync(tool, ['--version']).status === 0) &&
  spawnSync('openssl', ['version']).status === 0;
if (!present) console.warn('skipping tests of the Python reader: python3, zstd and openssl are not all here');

/** The reader needs a seek table, in one file. */
const readable = GOLDEN.filter(({ repacked, partSize }) => !repacked && partSize === undefined);

describe.skipIf(!present)('a reader of another language, written from docs/format.md', () => {
  test.each(readable)('reads the golden bundle $name', async ({ name, signers }) => {
    const file = join(goldenDirectory, `${name}.tar.zst`);
    const { stdout, stderr } = read(file, 'one', 'two', 'p256');
    const bundle = await openBundle(file, { staging: temporaryDirectory() });
    await bundle.close();
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({
      manifest_sha256: bundle.manifestSha256,
      entries: bundle.manifest.entries.length,
      signed_by: signers.map((key) => KEYS[key].publicKey.id),
    });
  });

  test('refuses a signer it does not know', () => {
    expect(read(join(goldenDirectory, 'plain.tar.zst'), 'two').stderr).toBe(
      'refused: signed by none of the keys\n',
    );
  });

  test('refuses what was altered', async () => {
    const directory = temporaryDirectory();
    const manifest = formatManifest(manifestOf(CONTENTS));
    const altered = CONTENTS.map((one, i) =>
      i === 3 ? { ...one, content: Buffer.from('{"root":2}') } : one,
    );
    const file = join(directory, 'altered');
    writeFileSync(file, joinFrames(await pack(framesOf(altered, manifest, coseOf(manifest)))));
    expect(read(file, 'one').stderr).toBe('refused: the entries are not those of the manifest\n');
    const otherwise = coseOf(manifest, { over: Buffer.from('else') });
    writeFileSync(file, joinFrames(await pack(framesOf(CONTENTS, manifest, otherwise))));
    expect(read(file, 'one').stderr).toMatch(/^refused: openssl: /);
  });
});

test('it stays short enough to read', () => {
  const code = readFileSync(script, 'utf8')
    .split('\n')
    .filter((line) => /^\s*[^\s#]/.test(line));
  expect(code.length).toBeLessThan(150);
});
