import { execFileSync, spawn } from 'node:child_process';
import {
  createReadStream,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { coseOf, headOf, manifestOf, pack } from '../../bundles/hostile/forge.ts';
import { parseSeekTable } from '../../src/archive/seek-table.ts';
import { generateKey, signerOf } from '../../src/base/keys.ts';
import { entriesRoot, formatManifest } from '../../src/bundle/manifest.ts';
import { openBundle } from '../../src/bundle/open.ts';
import { checkBundleSignature, signerIds } from '../../src/bundle/signature.ts';
import { makeBundle, manifestFacts, noise, someEntries } from '../support/bundle.ts';
import { repeatedDigest } from '../support/digest.ts';
import { refusal } from '../support/errors.ts';
import { temporaryDirectory } from '../support/temp.ts';

const listed = [...someEntries].sort((a, b) => (a.path < b.path ? -1 : 1));

test.each(['file', 'pipe'])('what was sealed comes out again from a %s', async (kind) => {
  const directory = temporaryDirectory();
  const made = await makeBundle(directory);
  const input = kind === 'file' ? made.file : createReadStream(made.file, { highWaterMark: 1000 });
  const bundle = await openBundle(input, { staging: join(directory, 'staging') });
  expect(bundle.seekable).toBe(kind === 'file');
  expect(bundle.manifest).toEqual(made.manifest);
  expect(bundle.manifestSha256).toBe(made.manifestSha256);
  expect(bundle.manifest.entries.map(({ path }) => path)).toEqual(listed.map(({ path }) => path));
  expect(checkBundleSignature(bundle, [made.key.publicKey], 1)).toEqual([made.key.publicKey]);
  for (const { path, source } of listed)
    expect(Buffer.from(await bundle.readEntry(path)).equals(source as Buffer), path).toBe(true);
  await bundle.verifyAll();
  await bundle.extract(join(directory, 'out'));
  for (const { path, source } of listed) expect(readFileSync(join(directory, 'out', path))).toEqual(source);
  await bundle.extract(join(directory, 'some'), { select: ({ path }) => path.startsWith('tuf/') });
  expect(readdirSync(join(directory, 'some'))).toEqual(['tuf']);
  await bundle.close();
  expect(readdirSync(directory).sort()).toEqual(
    kind === 'file' ? ['bundle.tar.zst', 'out', 'some'] : ['bundle.tar.zst', 'out', 'some', 'staging'],
  );
});

test('entries larger than a frame, and files as sources', async () => {
  const directory = temporaryDirectory();
  const large = noise(9 * 1024 * 1024 + 17, 9);
  writeFileSync(join(directory, 'large'), large);
  const made = await makeBundle(directory, {
    entries: [...someEntries, { path: 'tuf/targets/large', source: { file: join(directory, 'large') } }],
  });
  const bundle = await openBundle(made.file, { staging: directory });
  expect(Buffer.from(await bundle.readEntry('tuf/targets/large')).equals(large)).toBe(true);
  await bundle.extract(join(directory, 'out'));
  expect(readFileSync(join(directory, 'out/tuf/targets/large')).equals(large)).toBe(true);
  await bundle.close();
});

test('a bundle without entries', async () => {
  const directory = temporaryDirectory();
  const made = await makeBundle(directory, { entries: [] });
  for (const input of [made.file, createReadStream(made.file)]) {
    const bundle = await openBundle(input, { staging: join(directory, 'staging') });
    await bundle.verifyAll();
    expect(bundle.manifest.entries).toEqual([]);
    await bundle.close();
  }
});

test('signers are named, trusted and counted', async () => {
  const [one, two, stranger] = [generateKey(), generateKey('ecdsa-p256'), generateKey()];
  const directory = temporaryDirectory();
  const made = await makeBundle(directory, { signers: [signerOf(one), signerOf(two)] });
  const bundle = await openBundle(made.file, { staging: directory });
  await bundle.close();
  expect(signerIds(bundle)).toEqual([
    { kid: one.publicKey.id, alg: 'EdDSA' },
    { kid: two.publicKey.id, alg: 'ES256' },
  ]);
  const check = (keys: (typeof one)[], threshold: number) =>
    checkBundleSignature(
      bundle,
      keys.map(({ publicKey }) => publicKey),
      threshold,
    ).map(({ id }) => id);
  expect(check([two, one, stranger], 2)).toEqual([one.publicKey.id, two.publicKey.id]);
  expect(check([two], 1)).toEqual([two.publicKey.id]);
  await refusal('BUNDLE_SIGNER_UNTRUSTED', () => check([stranger], 1));
  await refusal('BUNDLE_SIGNER_UNTRUSTED', () => check([], 1));
  await refusal('BUNDLE_THRESHOLD', () => check([one, one, stranger], 2));
});

test('an entry that the bundle does not have is ENTRY_MISSING', async () => {
  const directory = temporaryDirectory();
  const made = await makeBundle(directory);
  const bundle = await openBundle(made.file, { staging: directory });
  await refusal('ENTRY_MISSING', () => bundle.readEntry('tuf/2.root.json'));
  await bundle.close();
});

test('an extraction never overwrites, and takes back what it wrote', async () => {
  const directory = temporaryDirectory();
  const made = await makeBundle(directory);
  const bundle = await openBundle(made.file, { staging: directory });
  const out = join(directory, 'out');
  await bundle.extract(out, { select: ({ path }) => path === 'tuf/timestamp.json' });
  await refusal('FILE_EXISTS', () => bundle.extract(out));
  expect(readdirSync(out, { recursive: true })).toEqual(['tuf', 'tuf/timestamp.json']);
  await bundle.close();
});

test('a file that is missing or changes is refused and nothing is left', async () => {
  const directory = temporaryDirectory();
  await refusal('FILE_NOT_FOUND', () =>
    makeBundle(directory, { entries: [{ path: 'tuf/x', source: { file: join(directory, 'absent') } }] }),
  );
  await refusal('FILE_UNREADABLE', () =>
    makeBundle(directory, { entries: [{ path: 'tuf/x', source: { file: directory } }] }),
  );
  const file = join(directory, 'growing');
  writeFileSync(file, 'a');
  await refusal('FILE_UNREADABLE', () =>
    makeBundle(directory, {
      entries: [
        { path: 'attestations/a', source: Buffer.from('x') },
        { path: 'tuf/x', source: { file } },
      ],
      onProgress: () => writeFileSync(file, 'longer than before'),
    }),
  );
  expect(readdirSync(directory)).toEqual(['growing']);
});

test('a manifest larger than a frame takes as many as it needs', async () => {
  const directory = temporaryDirectory();
  const empty = new Uint8Array(0);
  const entries = Array.from({ length: 40_000 }, (_, i) => ({ path: `tuf/targets/${i}`, source: empty }));
  const made = await makeBundle(directory, { entries });
  for (const input of [made.file, createReadStream(made.file)]) {
    const bundle = await openBundle(input, { staging: join(directory, 'staging') });
    expect(bundle.manifestBytes.length).toBeGreaterThan(4 * 2 ** 20);
    checkBundleSignature(bundle, [made.key.publicKey], 1);
    if (bundle.seekable) await bundle.verifyAll();
    await bundle.close();
  }
});

test('nothing is written through a link that was there before', async () => {
  const directory = temporaryDirectory();
  const made = await makeBundle(directory);
  for (const link of ['out/tuf', 'out/tuf/1.root.json']) {
    mkdirSync(join(directory, link, '..'), { recursive: true });
    mkdirSync(join(directory, 'elsewhere'), { recursive: true });
    symlinkSync(join(directory, 'elsewhere'), join(directory, link));
    for (const input of [made.file, createReadStream(made.file)]) {
      const bundle = await openBundle(input, { staging: join(directory, 'staging') });
      await refusal('FILE_EXISTS', () => bundle.extract(join(directory, 'out')));
      await bundle.close();
    }
    expect(readdirSync(join(directory, 'elsewhere'))).toEqual([]);
    rmSync(join(directory, 'out'), { recursive: true });
  }
});

test('from a pipe, a manifest that claims more than the disk holds is refused before the disk is full', async () => {
  const directory = temporaryDirectory();
  const entries = Array.from({ length: 50_000 }, (_, i) => ({
    path: `tuf/${String(i).padStart(5, '0')}`,
    size: 16 * 2 ** 30,
    sha256: repeatedDigest('00'),
  }));
  const manifest = formatManifest(
    manifestOf([], {
      entries,
      entries_root: entriesRoot(entries),
    }),
  );
  const { frames } = await pack({ head: headOf(manifest, coseOf(manifest)), sections: [] });
  const bundle = await openBundle(Readable.from(frames), { staging: join(directory, 'staging') });
  const { message } = await refusal('WRITE_FAILED', () => bundle.verifyAll());
  expect(message).toContain('unpacks to');
  await bundle.close();
  expect(readdirSync(directory, { recursive: true })).toEqual(['staging']);
});

test('a path that FIFOs and devices have is read as a pipe', async () => {
  const directory = temporaryDirectory();
  const made = await makeBundle(directory);
  const fifo = join(directory, 'fifo');
  execFileSync('mkfifo', [fifo]);
  const writer = spawn('sh', ['-c', 'cat "$0" > "$1"', made.file, fifo], { stdio: 'ignore' });
  const bundle = await openBundle(fifo, { staging: join(directory, 'staging') });
  expect(bundle.seekable).toBe(false);
  await bundle.verifyAll();
  await bundle.close();
  await new Promise((resolve) =>
    writer.exitCode === null ? writer.once('exit', resolve) : resolve(undefined),
  );
});

test('a stream that fails is an unreadable file, not a bad bundle', async () => {
  const directory = temporaryDirectory();
  const made = await makeBundle(directory);
  const failing = async function* (): AsyncGenerator<Buffer> {
    yield readFileSync(made.file).subarray(0, 2000);
    throw Object.assign(new Error('EIO'), { code: 'EIO' });
  };
  const bundle = await openBundle(Readable.from(failing()), { staging: join(directory, 'staging') });
  await refusal('FILE_UNREADABLE', () => bundle.verifyAll());
  await bundle.close();
});

test.each([
  ['a level at which the pinned compressor can corrupt data', { level: 16 }, 'USAGE'],
  ['no signer', { signers: [] }, 'USAGE'],
  [
    'a key that COSE has no algorithm for here',
    { signers: [signerOf(generateKey('ecdsa-p384'))] },
    'KEY_INVALID',
  ],
  [
    'a time that does not exist',
    { manifest: { ...manifestFacts, sealed_at: '2026-02-30T00:00:00Z' } },
    'MANIFEST_INVALID',
  ],
  ['a fact that is none', { manifest: { ...manifestFacts, sequence: 0 } }, 'MANIFEST_INVALID'],
  ['a path twice', { entries: [someEntries[0]!, someEntries[0]!] }, 'ENTRY_DUPLICATE'],
  ['a path that leaves', { entries: [{ path: 'tuf/../x', source: Buffer.of(1) }] }, 'ENTRY_PATH'],
  ['a path outside of the folders', { entries: [{ path: 'etc/x', source: Buffer.of(1) }] }, 'ENTRY_PATH'],
] as const)('sealing %s is refused, and nothing is left', async (_, options, code) => {
  const directory = temporaryDirectory();
  await refusal(code, () => makeBundle(directory, options));
  expect(readdirSync(directory)).toEqual([]);
});

test('opening reads the head and the seek table only, and an entry only the frames it lies in', async () => {
  const directory = temporaryDirectory();
  const made = await makeBundle(directory);
  const bytes = readFileSync(made.file);
  const table = parseSeekTable(bytes.subarray(-(17 + 8 * 4)));
  const [head, attestations, logs] = table.map(({ compressed }) => compressed) as [number, number, number];
  bytes.fill(0xff, head, head + attestations + logs);
  writeFileSync(made.file, bytes);
  const bundle = await openBundle(made.file, { staging: directory });
  checkBundleSignature(bundle, [made.key.publicKey], 1);
  expect(Buffer.from(await bundle.readEntry('tuf/1.root.json')).toString()).toBe('{"root":1}');
  await bundle.extract(join(directory, 'out'), { select: ({ path }) => path.startsWith('tuf/') });
  await refusal('ARCHIVE_INVALID', () => bundle.readEntry(listed[1]!.path));
  await refusal('ARCHIVE_INVALID', () => bundle.verifyAll());
  await bundle.close();
});

test('entries may be read while everything is being extracted', async () => {
  const directory = temporaryDirectory();
  const large = noise(6 * 2 ** 20, 5);
  const entries = [...someEntries, { path: 'tuf/targets/large', source: large }];
  const made = await makeBundle(directory, { entries });
  const bundle = await openBundle(made.file, { staging: directory });
  const read = async () => Buffer.from(await bundle.readEntry('tuf/targets/large')).equals(large);
  const extracted = bundle.extract(join(directory, 'out'));
  expect(await Promise.all([read(), read(), bundle.verifyAll(), read()])).toEqual([
    true,
    true,
    undefined,
    true,
  ]);
  await extracted;
  await bundle.close();
});
