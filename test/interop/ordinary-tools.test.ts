import { execFileSync, spawnSync } from 'node:child_process';
import { createReadStream, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openBundle } from '../../src/bundle/open.ts';
import { checkBundleSignature } from '../../src/bundle/signature.ts';
import { type MadeBundle, makeBundle, noise, someEntries } from '../support/bundle.ts';
import { refusal } from '../support/errors.ts';
import { temporaryDirectory } from '../support/temp.ts';

const has = (tool: string) => spawnSync(tool, ['--version']).status === 0;
const present = has('tar') && has('zstd');
if (!present)
  console.warn('skipping tests with ordinary tools: tar and zstd are not both here (apt install tar zstd)');

const entries = [
  ...someEntries,
  { path: `tuf/targets/${`${'e'.repeat(60)}/`.repeat(4)}x`, source: Buffer.from('a long path') },
  { path: 'tuf/targets/schl\u00fcssel.pem', source: Buffer.from('not ASCII') },
  { path: 'tuf/targets/large', source: noise(5 * 2 ** 20, 8) },
];
const paths = ['manifest.json', 'manifest.cose', ...entries.map(({ path }) => path)];
const env = { ...process.env, LC_ALL: 'C.UTF-8' };
const lines = (output: Buffer) => output.toString().trim().split('\n').sort();

async function make(): Promise<{ made: MadeBundle; directory: string; sh: (script: string) => Buffer }> {
  const directory = temporaryDirectory();
  const made = await makeBundle(directory, { entries });
  const sh = (script: string) => execFileSync('sh', ['-ec', script], { cwd: directory, env });
  return { made, directory, sh };
}

describe.skipIf(!present)('a bundle is open to ordinary tools', () => {
  test('tar lists and unpacks it, zstd tests it', async () => {
    const { sh, directory, made } = await make();
    expect(lines(sh('tar --zstd --quoting-style=literal -tf bundle.tar.zst'))).toEqual([...paths].sort());
    expect(lines(sh('zstd -dc bundle.tar.zst | tar --quoting-style=literal -t'))).toEqual([...paths].sort());
    sh('zstd -tq bundle.tar.zst; mkdir out; tar --zstd -xf bundle.tar.zst -C out');
    for (const { path, source } of entries)
      expect(readFileSync(join(directory, 'out', path)).equals(source as Buffer), path).toBe(true);
    expect(readFileSync(join(directory, 'out/manifest.json')).toString()).toContain(
      made.manifest.entries_root,
    );
    const listing = sh('TZ=UTC tar --zstd --numeric-owner -tvf bundle.tar.zst').toString();
    for (const line of listing.trim().split('\n'))
      expect(line).toMatch(/^-rw-r--r-- 0\/0 .* 2026-01-25 12:00 /);
  });

  test('sha256sum checks it against the manifest', async () => {
    const { sh, directory, made } = await make();
    const sums = made.manifest.entries.map(({ sha256, path }) => `${sha256}  ${path}\n`);
    writeFileSync(join(directory, 'sums'), sums.join(''));
    sh('mkdir out; tar --zstd -xf bundle.tar.zst -C out; cd out; sha256sum -c --quiet ../sums');
  });
});

const ORDER = 'manifest.json manifest.cose tuf logs attestations';

describe.skipIf(!present)('a bundle that somebody unpacked and packed again still opens', () => {
  test.each([
    ['as the hint says', `tar --zstd -cf ../new.tar.zst ${ORDER}`],
    ['with ./ before names', `tar --zstd -cf ../new.tar.zst ${ORDER.replace(/(\S+)/g, './$1')}`],
    ['in pax format', `tar --zstd --format=pax -cf ../new.tar.zst ${ORDER}`],
    [
      'in ustar format, other owner and mode',
      `rm -r tuf/targets/e*; chmod -R u+x .; tar --zstd --format=ustar --owner=4711 --group=users -cf ../new.tar.zst ${ORDER}`,
    ],
    [
      'with a checksum and a large window',
      `tar -c ${ORDER} | zstd -q --long=27 -19 --check -o ../new.tar.zst`,
    ],
    [
      'in two frames',
      `tar -cf ../t ${ORDER}; head -c 100000 ../t | zstd -q > ../new.tar.zst; tail -c +100001 ../t | zstd -q >> ../new.tar.zst`,
    ],
    ...(has('pzstd')
      ? [['by pzstd, in several frames', `tar -cf ../t ${ORDER}; pzstd -q -1 -p 2 ../t -o ../new.tar.zst`]]
      : []),
  ] as [string, string][])('%s', async (name, script) => {
    const { made, directory, sh } = await make();
    sh(`mkdir out; tar --zstd -xf bundle.tar.zst -C out; cd out; ${script}`);
    const file = join(directory, 'new.tar.zst');
    for (const input of [file, createReadStream(file, { highWaterMark: 5000 })]) {
      const bundle = await openBundle(input, { staging: join(directory, 'staging') });
      expect(bundle.seekable).toBe(false);
      checkBundleSignature(bundle, [made.key.publicKey], 1);
      if (name.includes('ustar')) {
        // ustar cannot hold one of the paths, so it is not there.
        await refusal('ENTRY_MISSING', () => bundle.verifyAll());
      } else {
        await bundle.verifyAll();
        expect(Buffer.from(await bundle.readEntry('tuf/targets/large')).equals(noise(5 * 2 ** 20, 8))).toBe(
          true,
        );
      }
      await bundle.close();
    }
  });

  test('in another order, it is refused with the line that packs it right', async () => {
    const { directory, sh } = await make();
    sh(
      'mkdir out; tar --zstd -xf bundle.tar.zst -C out; cd out; tar --zstd -cf ../new.tar.zst tuf logs attestations manifest.json manifest.cose',
    );
    const file = join(directory, 'new.tar.zst');
    const { hints } = await refusal('MANIFEST_MISSING', () => openBundle(file, { staging: directory }));
    expect(hints.join('\n')).toContain(`tar --zstd -cf NEW.tar.zst ${ORDER}`);
  });

  test('with one file altered, it is refused', async () => {
    const { directory, sh } = await make();
    sh(
      `mkdir out; tar --zstd -xf bundle.tar.zst -C out; cd out; echo >> tuf/1.root.json; tar --zstd -cf ../new.tar.zst ${ORDER}`,
    );
    const bundle = await openBundle(join(directory, 'new.tar.zst'), { staging: join(directory, 's') });
    await refusal('ENTRY_DIGEST', () => bundle.extract(join(directory, 'extracted')));
    await bundle.close();
  });
});
