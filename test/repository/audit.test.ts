import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { canonicalize } from '@tufjs/canonical-json';
import { Metadata, MetadataKind } from '@tufjs/models';
import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import { parseInstant } from '../../src/base/clock.ts';
import { StellaError } from '../../src/base/errors.ts';
import { generateKey, loadPrivateKey, signerOf } from '../../src/base/keys.ts';
import { auditRepository, type RepositoryReader } from '../../src/repository/directory/audit.ts';
import { KEY_TYPES } from '../../src/repository/directory/vocabulary.ts';
import { directoryReader } from '../../src/repository/directory/working-directory.ts';
import { verifyRepository } from '../../src/repository/verify.ts';
import { formatTufKey, parseTufKey, tufKeyId } from '../../src/tuf/key.ts';
import { formatMetadata } from '../../src/tuf/metadata.ts';
import { parseMetadata } from '../../src/tuf/parse-metadata.ts';
import { addSignature } from '../../src/tuf/signature.ts';
import { refusal } from '../support/errors.ts';
import { real, realIsPresent } from '../support/real.ts';
import { temporaryDirectory, temporaryTree } from '../support/temp.ts';
import { BEGIN, days, TestRepository } from './repository.ts';

const asOf = parseInstant('2026-08-22T00:00:00Z');

test.skipIf(!realIsPresent)(
  'the real repository holds as of 2026-08-22, every root and every target',
  async () => {
    const directory = temporaryDirectory();
    const archive = join(directory, 'archive.tar');
    execFileSync('sh', [
      '-c',
      `zstd -dqo ${archive} ${join(real, 'sigstore-tuf.tar.zst')} && tar -xf ${archive} -C ${directory}`,
    ]);
    const repository = join(directory, 'sigstore-tuf');
    const verified = verifyRepository(repository, asOf);
    expect(verified.rootVersions).toEqual(Array.from({ length: 15 }, (_, i) => i + 1));
    expect(verified.targets).toBe(12);
    expect(verified.roles.map(({ role, version }) => [role, version])).toEqual([
      ['root', 15],
      ['timestamp', 762],
      ['snapshot', 165],
      ['targets', 14],
      ['registry.npmjs.org', 8],
    ]);
    const tenth = readFileSync(join(repository, '10.root.json'));
    expect(verifyRepository(repository, asOf, tenth).rootVersions).toEqual([10, 11, 12, 13, 14, 15]);
    const error = await refusal('TUF_EXPIRED', () =>
      verifyRepository(repository, parseInstant('2026-11-22T00:00:00Z')),
    );
    expect(error.message).toMatch(/^TUF metadata expired/);

    const last = join(
      repository,
      'targets/6494e21ea73fa7ee769f85f57d5a3e6a08725eae1e38c755fc3517c9e6bc0b66.trusted_root.json',
    );
    writeFileSync(last, readFileSync(last).subarray(1));
    await refusal('TUF_MISMATCH', () => verifyRepository(repository, asOf));
    rmSync(last);
    await refusal('TUF_MISMATCH', () => verifyRepository(repository, asOf));
  },
);

/** A small repository as a map, so that it can be altered. */
let files: Map<string, Buffer>;
beforeAll(async () => {
  const repository = await new TestRepository(temporaryTree()).init();
  await repository.ok(['repo', 'add-target', repository.publicKey('a.pub'), 'dir/a.pub']);
  await repository.ok(['repo', 'delegate', 'team', '--paths', 'team/*', '--no-passphrase']);
  await repository.ok(['repo', 'rotate-key', 'root', '--no-passphrase']);
  const read = directoryReader(repository.public);
  const audit = auditRepository(read, { files: true });
  const [digest] = Object.values(audit.roles.get('targets')!.signed.targets['dir/a.pub']!.hashes);
  files = new Map(
    ['1.root.json', ...audit.files.keys(), `targets/dir/${digest}.a.pub`].map((path) => [
      path,
      Buffer.from(read(path)!),
    ]),
  );
});

const readerOf =
  (map: ReadonlyMap<string, Uint8Array>): RepositoryReader =>
  (path) =>
    map.get(path);

interface Parsed {
  readonly signed: Record<string, unknown>;
  signatures: unknown[];
}

/** The repository with one JSON file changed. */
function altered(path: string, change: (value: Parsed) => void) {
  const value = JSON.parse(files.get(path)!.toString()) as Parsed;
  change(value);
  return readerOf(new Map(files).set(path, Buffer.from(JSON.stringify(value))));
}

test('the repository of the tests holds', () => {
  expect([...files.keys()].sort()).toHaveLength(7);
  expect(auditRepository(readerOf(files), { files: true }).rootVersions).toEqual([1, 2]);
});

test.each([
  '1.root.json',
  '2.root.json',
  'timestamp.json',
  '3.snapshot.json',
  '3.targets.json',
  '1.team.json',
])('an altered %s is refused', async (path) => {
  const code = path === '3.snapshot.json' ? 'TUF_MISMATCH' : 'TUF_SIGNATURE';
  const later = altered(path, ({ signed }) => {
    signed['expires'] = '2036-01-01T00:00:00Z';
  });
  await refusal(code, () => auditRepository(later));
  const unsigned = altered(path, (value) => {
    value.signatures = [];
  });
  await refusal(code, () => auditRepository(unsigned));
});

test('the same signature twice does not count twice', async () => {
  await refusal('TUF_INVALID', () =>
    auditRepository(altered('timestamp.json', ({ signatures }) => void signatures.push(signatures[0]))),
  );
});

test('a missing file is refused by name, a root that skips a version too', async () => {
  for (const path of ['timestamp.json', '3.snapshot.json', '3.targets.json', '1.team.json']) {
    const fewer = new Map(files);
    fewer.delete(path);
    const error = await refusal('TUF_MISMATCH', () => auditRepository(readerOf(fewer)));
    expect(error.message).toContain(path);
  }
  const skipped = new Map(files).set('3.root.json', files.get('2.root.json')!);
  await refusal('TUF_ROLLBACK', () => auditRepository(readerOf(skipped)));
  await refusal('TUF_MISMATCH', () => auditRepository(readerOf(new Map())));
});

test('whatever is served, the refusal is one of ours', () => {
  const names = [...files.keys()];
  fc.assert(
    fc.property(
      fc.constantFrom(...names),
      fc.oneof(
        fc.uint8Array({ maxLength: 40 }).map((bytes) => () => Buffer.from(bytes)),
        fc.json().map((text) => () => Buffer.from(text)),
        fc.tuple(fc.nat(), fc.nat(255)).map(([at, value]) => (old: Buffer) => {
          const bytes = Buffer.from(old);
          bytes[at % bytes.length] = value;
          return bytes;
        }),
        fc.tuple(fc.nat(), fc.jsonValue()).map(([at, value]) => (old: Buffer) => {
          const text = old.toString();
          const places = [...text.matchAll(/: ("[^"]*"|\d+|true|false)/g)];
          const place = places[at % places.length];
          if (!place) return old;
          return Buffer.from(
            `${text.slice(0, place.index)}: ${JSON.stringify(value)}${text.slice(place.index + place[0].length)}`,
          );
        }),
      ),
      (name, change) => {
        const map = new Map(files).set(name, change(files.get(name)!));
        try {
          auditRepository(readerOf(map), { files: true });
        } catch (error) {
          expect(error).toBeInstanceOf(StellaError);
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('metadata as it is written reads back, and tuf-js finds the same signatures valid', () => {
  const root = parseMetadata('root', files.get('2.root.json')!, 'root');
  expect(Buffer.from(formatMetadata(root))).toEqual(files.get('2.root.json'));
  const theirs = Metadata.fromJSON(
    MetadataKind.Root,
    JSON.parse(files.get('2.root.json')!.toString()) as ReturnType<Metadata<never>['toJSON']>,
  );
  theirs.verifyDelegate('root', theirs);
});

test.each([...KEY_TYPES])('%s keys have one TUF form and one id', (type) => {
  const { publicKey } = generateKey(type);
  const key = formatTufKey(publicKey);
  expect(parseTufKey(key).publicKey.id).toBe(publicKey.id);
  expect(tufKeyId(key)).toMatch(/^[0-9a-f]{64}$/);
  expect(tufKeyId(JSON.parse(JSON.stringify(key)) as typeof key)).toBe(tufKeyId(key));
});

test.each([
  { keytype: 'rsa', scheme: 'rsassa-pss-sha256', keyval: { public: 'aa' } },
  { keytype: 'ed25519', scheme: 'ed25519', keyval: { public: 'aa' } },
  { keytype: 'ed25519', scheme: 'rsassa-pss-sha256', keyval: { public: 'aa'.repeat(32) } },
  { keytype: 'ecdsa', scheme: 'ecdsa-sha2-nistp256', keyval: { public: 'ff'.repeat(65) } },
  { keytype: 'ecdsa', scheme: 'constructor', keyval: { public: '' } },
  { keytype: 'sphincs', scheme: 'sphincs', keyval: { public: '' } },
])('a key %j is refused', async (key) => {
  await refusal('KEY_INVALID', () => parseTufKey(key));
});

test('TUF has no scheme for P-521', async () => {
  await refusal('KEY_INVALID', () => formatTufKey(generateKey('ecdsa-p521').publicKey));
});

test('canonical JSON of TUF is the one of the specification', () => {
  expect(canonicalize({ b: [1, true, null], a: 'line\nfeed "quoted" \\ ü' })).toBe(
    '{"a":"line\nfeed \\"quoted\\" \\\\ ü","b":[1,true,null]}',
  );
});

test('publish refuses what clients would refuse', async () => {
  const repository = await new TestRepository().init('--no-passphrase');
  await repository.ok(['repo', 'add-target', repository.publicKey('a.pub'), 'a.pub']);
  rmSync(join(repository.public, 'targets'), { recursive: true });
  mkdirSync(join(repository.public, 'targets'));
  const refused = await repository.run(['repo', 'add-target', repository.publicKey('b.pub'), 'b.pub']);
  expect([refused.status, refused.stderr]).toEqual([2, expect.stringContaining('[REPO_INVALID]')]);
  const client = repository.client();
  await client.refresh(BEGIN);
  expect(client.versions()).toMatchObject({ targets: 2 });
});

test('a staged change whose metadata has expired before it was published is refused', async () => {
  const repository = new TestRepository();
  await repository.init('--expires', 'targets=2d', '--expires', 'root=400d');
  await repository.ok(['repo', 'stage', 'targets']);
  await repository.ok(['repo', 'sign']);
  repository.now = days(3);
  const refused = await repository.run(['repo', 'publish']);
  expect([refused.status, refused.stderr]).toEqual([
    4,
    expect.stringContaining('the staged targets metadata expired at'),
  ]);
});

test('a repository without consistent snapshots is verified, but not authored', async () => {
  const repository = await new TestRepository().init();
  const path = join(repository.public, '1.root.json');
  const root = parseMetadata('root', readFileSync(path), 'root');
  root.signed.consistent_snapshot = false;
  const [keyid] = root.signed.roles.root.keyids as [string];
  const signer = signerOf(loadPrivateKey(join(repository.path, 'keys/root-1.pem')));
  writeFileSync(path, formatMetadata(await addSignature(root, keyid, root.signed.keys[keyid]!, signer)));
  for (const role of ['snapshot', 'targets'])
    renameSync(join(repository.public, `1.${role}.json`), join(repository.public, `${role}.json`));
  await repository.ok(['repo', 'verify', repository.public]);
  const refused = await repository.run(['repo', 'update-timestamp']);
  expect([refused.status, refused.stderr]).toEqual([2, expect.stringContaining('[REPO_INVALID]')]);
});
