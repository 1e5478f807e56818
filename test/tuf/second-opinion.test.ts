import { join } from 'node:path';
import { Key, MetaFile } from '@tufjs/models';
import { describe, expect, test } from 'vitest';
import { formatPublicKey, generateKey, type PrivateKey, sign } from '../../src/base/keys.ts';
import { formatTufCanonicalJson } from '../../src/tuf/canonical-json.ts';
import { refreshTuf } from '../../src/tuf/refresh.ts';
import { judgedView, secondOpinion } from '../../src/tuf/second-opinion.ts';
import { refusal } from '../support/errors.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { NOW, REPOSITORY_URL, signAnything, TufRepository } from '../support/tuf-repository.ts';

async function followed(repository: TufRepository) {
  const view = await refreshTuf({
    url: REPOSITORY_URL,
    fetcher: repository,
    directory: join(temporaryDirectory(), 'tuf'),
    now: NOW,
    trustedRoot: repository.firstRoot,
  });
  return judgedView(view);
}

test('tuf-js agrees with what was found good, through rotations and delegations', async () => {
  const repository = new TufRepository();
  repository.delegate('team', { paths: ['team/*'] });
  repository.delegate('below', { parent: 'team', paths: ['team/*'] });
  repository.addTarget('team/x', 'x', undefined, 'below');
  repository.publish();
  for (const role of ['root', 'timestamp', 'snapshot', 'targets'] as const) repository.rotate(role);
  const judged = await followed(repository.publish());
  expect(judged.rootVersions.length).toBeGreaterThan(3);
  expect(judged.roles.map(({ name }) => name)).toContain('below');
  expect(await secondOpinion(judged)).toEqual({ verdict: 'agrees' });
});

describe('a refusal of tuf-js refuses', () => {
  test.each<[string, (files: Map<string, Buffer>, repository: TufRepository) => void]>([
    [
      'a timestamp that has expired',
      (files, repository) => {
        const { signed } = JSON.parse(String(files.get('timestamp'))) as { signed: object };
        const expired = { ...signed, expires: '2020-01-01T00:00:00Z' };
        files.set('timestamp', signAnything(expired, repository.keys.timestamp[0]!));
      },
    ],
    [
      'a role that its keys have not signed',
      (files) => {
        const { signed } = JSON.parse(String(files.get('team'))) as { signed: object };
        files.set('team', signAnything(signed, generateKey()));
      },
    ],
    [
      'a snapshot of another version',
      (files, repository) => {
        const { signed } = JSON.parse(String(files.get('snapshot'))) as { signed: object };
        files.set('snapshot', signAnything({ ...signed, version: 9 }, repository.keys.snapshot[0]!));
      },
    ],
  ])('%s', async (_, spoil) => {
    const repository = new TufRepository();
    repository.withHashes = false;
    repository.delegate('team', {});
    const judged = await followed(repository.publish());
    const files = new Map(
      ['timestamp', 'snapshot', 'targets', 'team'].map((role) => [
        role,
        Buffer.from(judged.read(role, judged.roles.find(({ name }) => name === role)!.version)!),
      ]),
    );
    spoil(files, repository);
    const read = (role: string, version: number | undefined) => files.get(role) ?? judged.read(role, version);
    const error = await refusal('TUF_SECOND_OPINION', () => secondOpinion({ ...judged, read }));
    expect(error.hints.join()).toContain('stella repo verify');
  });
});

describe('what tuf-js cannot read as it was meant is said, and is no refusal', () => {
  const reasonOf = async (repository: TufRepository) => {
    const opinion = await secondOpinion(await followed(repository));
    return opinion.verdict === 'cannot judge' ? opinion.reason : opinion.verdict;
  };

  test('more targets than it can read in time', async () => {
    const repository = new TufRepository();
    repository.withHashes = false;
    repository.publish();
    const { signed } = JSON.parse(String(Buffer.from(repository.files.get('1.targets.json')!))) as {
      signed: object;
    };
    const one = { length: 100_000_000, hashes: { sha256: '00' } };
    const targets = Object.fromEntries(Array.from({ length: 2001 }, (_, i) => [`t${i}`, one]));
    repository.files.set('1.targets.json', signAnything({ ...signed, targets }, repository.keys.targets[0]!));
    expect(await reasonOf(repository)).toMatch(/2001 entries/);
  });

  test('delegated roles whose order it changes', async () => {
    const repository = new TufRepository();
    repository.withHashes = false;
    for (const name of ['2', '1']) repository.delegate(name, {});
    repository.publish();
    const { signed } = JSON.parse(String(Buffer.from(repository.files.get('1.targets.json')!))) as {
      signed: { delegations: { roles: { name: string }[] } };
    };
    signed.delegations.roles.sort((a, b) => b.name.localeCompare(a.name));
    repository.files.set('1.targets.json', signAnything(signed, repository.keys.targets[0]!));
    expect(await reasonOf(repository)).toMatch(/reads targets\.json as something else/);
  });

  test('a root that says nothing of consistent snapshots', async () => {
    const repository = new TufRepository(NOW, false);
    const { signed } = JSON.parse(String(Buffer.from(repository.firstRoot))) as {
      signed: { consistent_snapshot?: boolean };
    };
    delete signed.consistent_snapshot;
    repository.files.set('1.root.json', signAnything(signed, repository.keys.root[0]!));
    expect(await reasonOf(repository.publish())).toMatch(/consistent snapshots/);
  });

  test('a scheme that it does not know, where it is needed', async () => {
    const repository = new TufRepository();
    const key = generateKey('rsa');
    const pem = formatPublicKey(key.publicKey);
    repository.root.addKey(
      new Key({ keyID: 'f00', keyType: 'rsa', scheme: 'rsa-pkcs1v15-sha256', keyVal: { public: pem } }),
      'timestamp',
    );
    repository.publishRoot();
    repository.publish();
    // Somebody else's key is listed: that alone is no reason.
    expect(await reasonOf(repository)).toBe('agrees');
    repository.root.roles['timestamp']!.keyIDs.splice(0, 1);
    repository.publishRoot();
    const { signed } = JSON.parse(String(Buffer.from(repository.files.get('timestamp.json')!))) as {
      signed: object;
    };
    repository.files.set('timestamp.json', signedAs('f00', signed, key));
    expect(await reasonOf(repository)).toMatch(/timestamp\.json is signed with keys of a type/);
  });

  test('a role that it cannot hold by its name', async () => {
    const repository = new TufRepository();
    repository.withHashes = false;
    repository.delegate('placeholder', {});
    repository.publish();
    const rename = (bytes: Uint8Array) =>
      (JSON.parse(String(Buffer.from(bytes)).replaceAll('placeholder', 'constructor')) as { signed: object })
        .signed;
    repository.files.set(
      '1.targets.json',
      signAnything(rename(repository.files.get('1.targets.json')!), repository.keys.targets[0]!),
    );
    repository.snapshot.meta['constructor.json'] = new MetaFile({ version: 1 });
    repository.publishSnapshot();
    repository.files.set('1.constructor.json', repository.files.get('1.placeholder.json')!);
    expect(await reasonOf(repository)).toMatch(/called constructor/);
  });
});

/** A file that an RSA key has signed as securesystemslib does it. */
function signedAs(keyid: string, signed: object, key: PrivateKey): Buffer {
  const data = Buffer.from(formatTufCanonicalJson(signed));
  const sig = Buffer.from(sign(key, data, { hash: 'sha256', padding: 'pkcs1' })).toString('hex');
  return Buffer.from(JSON.stringify({ signed, signatures: [{ keyid, sig }] }));
}
