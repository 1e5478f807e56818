import { describe, expect, test } from 'vitest';
import { sha256Hex } from '../../src/base/bytes.ts';
import { parseInstant } from '../../src/base/clock.ts';
import type { ErrorCode } from '../../src/base/codes.ts';
import { formatPublicKey, generateKey } from '../../src/base/keys.ts';
import { entriesRoot, formatManifest, type Manifest, parseManifest } from '../../src/bundle/manifest.ts';
import { openBundle } from '../../src/bundle/open.ts';
import { manifestFacts } from '../support/bundle.ts';
import { refusal } from '../support/errors.ts';
import {
  asItIs,
  HandEnclave,
  instanceRepository,
  type ManifestRepository,
  rolesOf,
} from '../support/instances.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { NOW, TufRepository } from '../support/tuf-repository.ts';

function instances() {
  const [good, hub] = [instanceRepository('good').repository, instanceRepository('hub').repository];
  return { good, hub };
}

describe('further repositories of a bundle', () => {
  test('are pinned by the bundle at first, and from then on by the store', async () => {
    const enclave = new HandEnclave();
    const further = instances();
    const { generation, acceptance } = await enclave.carry({ further });
    expect(generation.state).toMatchObject({
      format: 'stella-store/v2',
      repositories: [
        { name: 'good', pin: { how: 'bundle', version: 1 }, reference_time: '2026-01-25T12:00:00Z' },
        { name: 'hub', pin: { how: 'bundle', version: 1 } },
      ],
    });
    expect(acceptance.trust.instances.map(({ name, builtIn }) => [name, builtIn])).toEqual([
      ['home', undefined],
      ['good', undefined],
      ['hub', undefined],
    ]);
    expect(acceptance.trust.trustedRoot.certificateAuthorities).toHaveLength(2);
    further.hub.rotate('timestamp');
    further.hub.publish();
    const next = await enclave.carry({ further });
    expect(
      next.generation.repositories.map(({ name, pin, tuf }) => [
        name,
        pin.version,
        tuf.roles['root']!.version,
      ]),
    ).toEqual([
      ['home', 1, 1],
      ['good', 1, 1],
      ['hub', 1, 2],
    ]);
  });

  test('without any, bundle and store stay in format v1', async () => {
    const enclave = new HandEnclave();
    const file = await enclave.seal({});
    const bundle = await openBundle(file, { staging: temporaryDirectory() });
    expect(bundle.manifest.format).toBe('stella-bundle/v1');
    await bundle.close();
    expect((await enclave.import(file)).generation.state.format).toBe('stella-store/v1');
  });

  test('cannot be dropped without a word', async () => {
    const enclave = new HandEnclave();
    const { good, hub } = instances();
    await enclave.carry({ further: { good, hub } });
    const error = await enclave.refuses('REPOSITORY_DROPPED', { further: { good } });
    expect(error.hints.join(' ')).toContain('--drop-repository hub');
    await enclave.refuses('REPOSITORY_DROPPED', {});
    const dropRepositories = new Set(['hub']);
    await enclave.refuses('USAGE', { further: { good, hub } }, { dropRepositories });
    await enclave.refuses('USAGE', { further: { good } }, { dropRepositories: new Set(['hub', 'nix']) });
    const { generation } = await enclave.carry({ further: { good } }, { dropRepositories });
    expect(generation.repositories.map(({ name }) => name)).toEqual(['home', 'good']);
  });

  test('keep their names: neither swapped, nor of another root, nor that of the home repository', async () => {
    const enclave = new HandEnclave();
    const { good, hub } = instances();
    await enclave.carry({ further: { good, hub } });
    const swapped = await enclave.refuses('PIN_MISMATCH', { further: { good: hub, hub: good } });
    expect(swapped.message).toContain('calls by the name good what this trust store holds as hub');
    const other = await enclave.refuses('PIN_MISMATCH', { further: { good, hub: instances().hub } });
    expect(other.message).toContain('another root version 1 of the repository hub');
    await enclave.refuses('PIN_MISMATCH', { further: { good, hub, third: good } });
    await enclave.refuses('PIN_MISMATCH', { further: { good, hub, third: enclave.home } });
    await new HandEnclave().refuses('MANIFEST_INVALID', { further: { good, same: good } });
    const empty = new HandEnclave();
    await empty.refuses('MANIFEST_INVALID', { further: { same: empty.home } });
  });

  test('of a built-in name must be of the built-in chain', async () => {
    for (const name of ['github', 'sigstore']) {
      const error = await new HandEnclave().refuses('PIN_MISMATCH', { further: { [name]: instances().hub } });
      expect(error.message).toContain(`not of the chain of the built-in instance ${name}`);
    }
  });

  test('never say who may seal bundles or sign, and have no service map', async () => {
    const enclave = new HandEnclave();
    const thief = generateKey();
    const { hub } = instances();
    const pem = formatPublicKey(thief.publicKey);
    hub.addTarget('bundle-signer-v1.pub', pem, { stella: { usage: 'bundle-signer' } });
    hub.addTarget('attestor.pub', pem, { stella: { usage: 'attestor' } });
    hub.addTarget('sigstore-services-v1.json', '{}', { stella: { usage: 'service-map' } });
    hub.publish();
    await enclave.refuses('BUNDLE_SIGNER_UNTRUSTED', { further: { hub }, key: thief });
    const { acceptance } = await enclave.carry({ further: { hub } });
    await enclave.refuses('BUNDLE_SIGNER_UNTRUSTED', { further: { hub }, key: thief });
    expect(acceptance.trust.targets.map(({ name }) => name)).toEqual(['bundle-signer-v1.pub']);
    expect(acceptance.trust.services).toBeUndefined();
  });

  test('do not go back, unless their root has rotated the key that a thief may have had', async () => {
    const enclave = new HandEnclave();
    const { good } = instances();
    const early = asItIs(good);
    good.publish();
    await enclave.carry({ further: { good } });
    const error = await enclave.refuses('TUF_ROLLBACK', { further: { good: early } });
    expect(error.message).toContain('of the repository good');
    good.timestamp.version = 1000;
    good.publishTimestamp();
    await enclave.carry({ further: { good } });
    good.rotate('timestamp');
    good.timestamp.version = 2;
    good.publish();
    const { generation } = await enclave.carry({ further: { good } });
    expect(generation.repositories[1]!.tuf.roles['timestamp']!.version).toBe(3);
  });

  test('that had expired are held and not believed, and keep no other from being imported', async () => {
    const enclave = new HandEnclave();
    const further = instances();
    await enclave.carry({ further });
    const day = parseInstant('2026-01-27T12:00:00Z');
    enclave.home.timestamp.expires = '2026-02-25T12:00:00Z';
    further.good.timestamp.expires = '2026-02-25T12:00:00Z';
    enclave.home.publish();
    further.good.publish();
    const sealedAt = '2026-01-27T12:00:00Z';
    const { generation, acceptance } = await enclave.carry({ further, sealedAt }, { now: day });
    expect(generation.repositories.map(({ name, expired }) => [name, expired])).toEqual([
      ['home', undefined],
      ['good', undefined],
      ['hub', 'timestamp.json'],
    ]);
    expect(generation.repositories[2]!.referenceTime).toBeLessThan(day);
    expect(acceptance.trust.instances.map(({ blocked }) => blocked?.code)).toEqual([
      undefined,
      undefined,
      'TUF_EXPIRED',
    ]);
    expect(acceptance.trust.trustedRoot.certificateAuthorities).toHaveLength(1);
    // What the producer says of its age counts as it is.
    const aged = await enclave.carry(
      {
        further,
        sealedAt,
        repositories: ([good, hub]) => [good!, { ...hub!, as_of: '2026-01-25T12:30:00Z' }],
      },
      { now: day },
    );
    expect(aged.generation.repositories[2]).toMatchObject({
      expired: undefined,
      referenceTime: parseInstant('2026-01-25T12:30:00Z'),
    });
  });
});

describe('a manifest is refused', () => {
  const entry = { path: 'tuf+hub/1.root.json', size: 0, sha256: sha256Hex(Buffer.alloc(0)) };
  const honest = {
    format: 'stella-bundle/v2',
    ...manifestFacts,
    repositories: ['good', 'hub'].map((name) => ({ ...manifestFacts.tuf, name })),
    entries: [entry],
    entries_root: entriesRoot([entry]),
  } satisfies Manifest;
  const [good, hub] = honest.repositories as [ManifestRepository, ManifestRepository];
  const parse = (change: Partial<Manifest>) => parseManifest(formatManifest({ ...honest, ...change }));

  test('unless all is as it should be', () => {
    expect(parse({}).repositories).toHaveLength(2);
  });

  test.each<[string, ErrorCode, Partial<Manifest>]>([
    ['that lists a repository twice', 'MANIFEST_INVALID', { repositories: [hub, hub] }],
    ['that does not list them by name', 'MANIFEST_INVALID', { repositories: [hub, good] }],
    ['that calls one home', 'MANIFEST_INVALID', { repositories: [{ ...good, name: 'home' }, hub] }],
    ['with a name that is a path', 'MANIFEST_INVALID', { repositories: [{ ...good, name: '../x' }, hub] }],
    ['with a name too long', 'MANIFEST_INVALID', { repositories: [good, { ...hub, name: 'x'.repeat(33) }] }],
    ['of format v1', 'MANIFEST_INVALID', { format: 'stella-bundle/v1' }],
    ['that lists none', 'MANIFEST_INVALID', { repositories: [] }],
    [
      'that has one as of later than it was sealed',
      'MANIFEST_INVALID',
      { repositories: [good, { ...hub, as_of: '2026-01-25T12:00:01Z' }] },
    ],
    [
      'with a password in an address',
      'URL_CREDENTIALS',
      { repositories: [good, { ...hub, url: 'https://me:secret@hub.example/' }] },
    ],
    ['with files of a repository that it does not list', 'ENTRY_PATH', { repositories: [good] }],
    ['of a format that is not known', 'MANIFEST_VERSION', { format: 'stella-bundle/v3' as never }],
  ])('%s', async (_, code, change) => {
    await refusal(code, () => parse(change));
  });
});

describe('a bundle is refused', () => {
  const honest = instances();

  test('that begins with another root than it says', async () => {
    await new HandEnclave().refuses('TUF_MISMATCH', {
      further: honest,
      repositories: (all) => all.map((one) => ({ ...one, first_root: 2 })),
    });
  });

  test('that speaks of other metadata than it carries', async () => {
    await new HandEnclave().refuses('TUF_MISMATCH', {
      further: honest,
      repositories: (all) => all.map((one) => ({ ...one, roles: rolesOf(instances().hub) })),
    });
  });

  test('that lists a repository without files', async () => {
    const entries = (all: { path: string }[]) => all.filter(({ path }) => !path.startsWith('tuf+hub/'));
    await new HandEnclave().refuses('TUF_INVALID', { further: honest, entries: entries as never });
  });

  test('whose further repository is not what its root says', async () => {
    const [good, bad] = [instances().good, instances().good];
    bad.files.set('1.root.json', good.firstRoot);
    await new HandEnclave().refuses('TUF_SIGNATURE', { further: { bad } });
  });

  test('whose further repository has no trusted root', async () => {
    const none = new TufRepository(NOW).publish();
    await new HandEnclave().refuses('TARGET_UNKNOWN', { further: { none } });
  });
});
