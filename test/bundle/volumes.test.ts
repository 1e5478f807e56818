import { execFileSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { generateKey, signerOf } from '../../src/base/keys.ts';
import { openBundle } from '../../src/bundle/open.ts';
import { addBundleSignature } from '../../src/bundle/sign.ts';
import { checkBundleSignature } from '../../src/bundle/signature.ts';
import { splitBundle } from '../../src/bundle/split.ts';
import { parseParts } from '../../src/bundle/volumes.ts';
import { makeBundle, noise, someEntries } from '../support/bundle.ts';
import { repeatedDigest } from '../support/digest.ts';
import { refusal } from '../support/errors.ts';
import { temporaryDirectory } from '../support/temp.ts';

const key = generateKey();

async function makeVolumes(partSize = 40_000) {
  const directory = temporaryDirectory();
  const entries = [...someEntries, { path: 'tuf/targets/large', source: noise(100_000, 2) }];
  const made = await makeBundle(directory, { key, entries });
  const whole = readFileSync(made.file);
  const signers = [signerOf(key)];
  const split = await splitBundle({
    file: made.file,
    manifestSha256: made.manifestSha256,
    partSize,
    signers,
  });
  return { ...made, directory, whole, split };
}

test('a bundle is split into parts and opened by its list or its first part', async () => {
  const { directory, whole, split, manifest, size } = await makeVolumes();
  const parts = Array.from({ length: Math.ceil(size / 40_000) }, (_, i) => `bundle.tar.zst.00${i + 1}`);
  expect(readdirSync(directory).sort()).toEqual(['bundle.parts.cose', 'bundle.parts.json', ...parts].sort());
  expect(execFileSync('sh', ['-c', 'cat bundle.tar.zst.???'], { cwd: directory }).equals(whole)).toBe(true);
  for (const path of [split.list, split.parts[0]!.path]) {
    const bundle = await openBundle(path, { staging: directory });
    expect(bundle.manifest).toEqual(manifest);
    expect(bundle.size).toBe(size);
    expect(checkBundleSignature(bundle, [key.publicKey], 1)).toEqual([key.publicKey]);
    expect(Buffer.from(await bundle.readEntry('tuf/targets/large')).equals(noise(100_000, 2))).toBe(true);
    await bundle.verifyAll();
    await bundle.close();
  }
});

test('a repacked bundle in parts is opened too', async () => {
  const { directory, whole, split, manifestSha256 } = await makeVolumes();
  const out = join(directory, 'repacked');
  writeFileSync(join(directory, 'w'), whole);
  execFileSync(
    'sh',
    [
      '-c',
      `mkdir ${out} && tar --zstd -xf w -C ${out} && cd ${out} && tar --zstd -cf ../bundle.tar.zst manifest.json manifest.cose tuf logs attestations`,
    ],
    { cwd: directory },
  );
  for (const { path } of split.parts) rmSync(path);
  const file = join(directory, 'bundle.tar.zst');
  const again = await splitBundle({
    file,
    manifestSha256,
    partSize: 50_000,
    signers: [signerOf(key)],
    replace: true,
  });
  const bundle = await openBundle(again.list, { staging: join(directory, 's') });
  expect(bundle.seekable).toBe(false);
  await bundle.verifyAll();
  await bundle.close();
});

describe('parts that are not as they should be', () => {
  test('are all named at once, and only those have to be carried again', async () => {
    const { directory, split } = await makeVolumes(25_000);
    const [one, two, three, four, five] = split.parts.map(({ path }) => path) as [
      string,
      string,
      string,
      string,
      string,
    ];
    const good = join(directory, 'good');
    for (const path of [one, two, three, four]) cpSync(path, join(good, path.slice(directory.length)));
    rmSync(one);
    truncateSync(two, 100);
    writeFileSync(three, Buffer.concat([readFileSync(three), Buffer.from('x')]));
    const bytes = readFileSync(four);
    bytes[1000]! ^= 1;
    writeFileSync(four, bytes);
    const { message, details } = await refusal('PARTS_INCOMPLETE', () =>
      openBundle(five, { staging: directory }),
    );
    expect(details).toEqual({
      parts: [
        { name: 'bundle.tar.zst.001', problem: 'missing' },
        { name: 'bundle.tar.zst.002', problem: 'short' },
        { name: 'bundle.tar.zst.003', problem: 'long' },
        { name: 'bundle.tar.zst.004', problem: 'damaged' },
      ],
    });
    expect(message).toContain('bundle.tar.zst.002 (short)');
    cpSync(good, directory, { recursive: true });
    const bundle = await openBundle(five, { staging: directory });
    await bundle.verifyAll();
    await bundle.close();
  });

  test('without the list or its signature', async () => {
    const { directory, split } = await makeVolumes();
    rmSync(join(directory, 'bundle.parts.cose'));
    const cose = await refusal('PARTS_INCOMPLETE', () => openBundle(split.list, { staging: directory }));
    expect(cose.message).toContain('bundle.parts.cose (missing)');
    rmSync(split.list);
    const list = await refusal('PARTS_INCOMPLETE', () =>
      openBundle(split.parts[0]!.path, { staging: directory }),
    );
    expect(list.message).toContain('bundle.parts.json (missing)');
    await refusal('FILE_NOT_FOUND', () => openBundle(split.list, { staging: directory }));
  });

  test('a list that somebody else signed', async () => {
    const stranger = generateKey();
    const { directory, split, file, whole, manifestSha256 } = await makeVolumes();
    writeFileSync(file, whole);
    const signers = [signerOf(stranger)];
    await splitBundle({ file, manifestSha256, partSize: 40_000, signers, replace: true });
    const bundle = await openBundle(split.list, { staging: directory });
    await bundle.close();
    await refusal('BUNDLE_SIGNER_UNTRUSTED', () => checkBundleSignature(bundle, [key.publicKey], 1));
  });

  test('a list that was altered after it was signed', async () => {
    const { directory, split } = await makeVolumes();
    const other = await makeVolumes(30_000);
    writeFileSync(
      join(directory, 'bundle.parts.cose'),
      readFileSync(join(other.directory, 'bundle.parts.cose')),
    );
    const bundle = await openBundle(split.list, { staging: directory });
    await bundle.close();
    await refusal('BUNDLE_SIGNATURE', () => checkBundleSignature(bundle, [key.publicKey], 1));
  });

  test('a list of another bundle', async () => {
    const { directory, split, file, whole } = await makeVolumes();
    writeFileSync(file, whole);
    const signers = [signerOf(key)];
    await splitBundle({
      file,
      manifestSha256: repeatedDigest('00'),
      partSize: 40_000,
      signers,
      replace: true,
    });
    await refusal('MANIFEST_INVALID', () => openBundle(split.list, { staging: directory }));
  });

  test('a list under another name', async () => {
    const { directory, split } = await makeVolumes();
    cpSync(split.list, join(directory, 'other.parts.json'));
    await refusal('SCHEMA_INVALID', () =>
      openBundle(join(directory, 'other.parts.json'), { staging: directory }),
    );
  });

  const list = {
    format: 'stella-parts/v1',
    manifest_sha256: repeatedDigest('00'),
    name: 'x',
    parts: [{ sha256: repeatedDigest('00'), size: 1 }],
  };
  test.each([
    ['not canonical', `${JSON.stringify(list)} \n`],
    ['no parts', `${JSON.stringify({ ...list, parts: [] })}\n`],
    ['a path for a name', `${JSON.stringify({ ...list, name: '../x' })}\n`],
    ['a drive for a name', `${JSON.stringify({ ...list, name: 'c:x' })}\n`],
    ['dots for a name', `${JSON.stringify({ ...list, name: '..' })}\n`],
    ['no JSON', 'x'],
  ])('%s', async (_, text) => {
    await refusal('SCHEMA_INVALID', () => parseParts(Buffer.from(text)));
  });
});

test('parts are neither too many nor signed one by one', async () => {
  const directory = temporaryDirectory();
  const made = await makeBundle(directory);
  const options = { file: made.file, manifestSha256: made.manifestSha256, signers: [signerOf(key)] };
  await refusal('USAGE', () => splitBundle({ ...options, partSize: 10 }));
  await refusal('USAGE', () => splitBundle({ ...options, partSize: 0 }));
  expect(readdirSync(directory)).toEqual(['bundle.tar.zst']);
  await refusal('USAGE', () => addBundleSignature(`${made.file}.001`, signerOf(key)));
});
