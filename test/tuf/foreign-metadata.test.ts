import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Key, MetaFile } from '@tufjs/models';
import { describe, expect, test } from 'vitest';
import { formatPublicKey, generateKey, sign } from '../../src/base/keys.ts';
import { formatTufCanonicalJson } from '../../src/tuf/canonical-json.ts';
import { loadTuf } from '../../src/tuf/load.ts';
import { type RefreshedTuf, refreshTuf } from '../../src/tuf/refresh.ts';
import { refusal } from '../support/errors.ts';
import { real, realIsPresent } from '../support/real.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { NOW, REPOSITORY_URL, signAnything, TufRepository, tufKey } from '../support/tuf-repository.ts';

async function refresh(repository: TufRepository): Promise<RefreshedTuf> {
  return await refreshTuf({
    url: REPOSITORY_URL,
    fetcher: repository,
    directory: join(temporaryDirectory(), 'tuf'),
    now: NOW,
    trustedRoot: repository.firstRoot,
  });
}

type Fields = Record<string, unknown>;

function fieldsOf(bytes: Uint8Array): Fields {
  return (JSON.parse(Buffer.from(bytes).toString()) as { signed: Fields }).signed;
}

/** A repository whose timestamp another implementation has written. */
function withTimestamp(change: (fields: Fields) => void): TufRepository {
  const repository = new TufRepository().publish();
  const fields = fieldsOf(repository.files.get('timestamp.json')!);
  change(fields);
  repository.files.set('timestamp.json', signAnything(fields, repository.keys.timestamp[0]!));
  return repository;
}

describe('what other implementations sign is read as they meant it', () => {
  test('a timestamp that lists more than the snapshot', async () => {
    const repository = withTimestamp(({ meta }) =>
      Object.assign(meta as Fields, { 'root.json': { version: 1 } }),
    );
    expect((await refresh(repository)).rootVersions).toEqual([1]);
  });

  test('a root that says nothing of consistent snapshots has none', async () => {
    const repository = new TufRepository(NOW, false);
    const { consistent_snapshot: _, ...fields } = fieldsOf(repository.firstRoot);
    repository.files.set('1.root.json', signAnything(fields, repository.keys.root[0]!));
    repository.addTarget('a.txt', 'a');
    const view = await refresh(repository.publish());
    expect(Buffer.from(await view.readTarget('a.txt')).toString()).toBe('a');
    expect(repository.requests).toContain('targets/a.txt');
  });

  test('roles whose names are numbers keep their order of trust', async () => {
    const repository = new TufRepository();
    for (const name of ['2', '1']) repository.delegate(name, {});
    for (const name of ['2', '1']) repository.addTarget('x', `from ${name}`, undefined, name);
    repository.withHashes = false;
    repository.publish();
    const fields = fieldsOf(repository.files.get('1.targets.json')!);
    const delegations = fields['delegations'] as { roles: { name: string }[] };
    delegations.roles.sort((a, b) => b.name.localeCompare(a.name));
    repository.files.set('1.targets.json', signAnything(fields, repository.keys.targets[0]!));
    expect((await refresh(repository)).target('x')?.role).toBe('2');
  });

  test.each(['2026-01-26T00:00:00.123456Z', '2026-01-26T00:00:00-06:00'])(
    'the expiry %s',
    async (expires) => {
      expect((await refresh(withTimestamp((fields) => Object.assign(fields, { expires })))).changed).toBe(
        true,
      );
    },
  );

  const pem = (key: { export(options: { format: 'pem'; type: 'spki' }): string | Buffer }) =>
    String(key.export({ format: 'pem', type: 'spki' }));
  test.each([
    ['GPG', '-----BEGIN PGP PUBLIC KEY BLOCK-----\nxyz\n-----END PGP PUBLIC KEY BLOCK-----'],
    ['a broken PEM', '-----BEGIN PUBLIC KEY-----\nxyz\n-----END PUBLIC KEY-----'],
    ['DSA', pem(generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 }).publicKey)],
    ['Ed448', pem(generateKeyPairSync('ed448').publicKey)],
    ['another curve', pem(generateKeyPairSync('ec', { namedCurve: 'brainpoolP256r1' }).publicKey)],
  ])('a key that nothing here can use (%s) is passed over, and does not count', async (_, text) => {
    const repository = new TufRepository();
    repository.root.addKey(
      new Key({ keyID: 'f00', keyType: 'rsa', scheme: 'rsassa-pss-sha256', keyVal: { public: text } }),
      'timestamp',
    );
    repository.publishRoot();
    expect((await refresh(repository.publish())).changed).toBe(true);
    repository.setThreshold('timestamp', 2);
    repository.publishRoot();
    await refusal('TUF_SIGNATURE', () => refresh(repository));
  });

  test('a key of a type that nobody here knows, whatever is in it', async () => {
    const repository = new TufRepository();
    const fields = fieldsOf(repository.firstRoot) as {
      keys: Fields;
      roles: { timestamp: { keyids: string[]; threshold: number } };
    };
    fields.keys['f00'] = { keytype: 'new', scheme: 'new', keyval: { public: { n: 'x', e: ['y'] } } };
    fields.roles.timestamp.keyids.push('f00');
    const sign = () => repository.files.set('1.root.json', signAnything(fields, repository.keys.root[0]!));
    sign();
    expect((await refresh(repository.publish())).changed).toBe(true);
    fields.roles.timestamp.threshold = 2;
    sign();
    await refusal('TUF_SIGNATURE', () => refresh(repository));
    fields.keys['f00'] = { keytype: 'rsa', scheme: 'rsassa-pss-sha256', keyval: { public: {} } };
    sign();
    await refusal('TUF_INVALID', () => refresh(repository));
  });
});

describe('signatures by keys of other schemes', () => {
  test('RSA PKCS#1 v1.5, as securesystemslib has signed with, counts', async () => {
    const repository = new TufRepository();
    const key = generateKey('rsa');
    const keyVal = { public: formatPublicKey(key.publicKey) };
    repository.root.addKey(
      new Key({ keyID: 'f00', keyType: 'rsa', scheme: 'rsa-pkcs1v15-sha256', keyVal }),
      'timestamp',
    );
    repository.root.roles['timestamp']!.keyIDs.splice(0, 1);
    repository.publishRoot();
    repository.publish();
    const fields = fieldsOf(repository.files.get('timestamp.json')!);
    const data = Buffer.from(formatTufCanonicalJson(fields));
    const sig = Buffer.from(sign(key, data, { hash: 'sha256', padding: 'pkcs1' })).toString('hex');
    const file = { signed: fields, signatures: [{ keyid: 'f00', sig }] };
    repository.files.set('timestamp.json', Buffer.from(JSON.stringify(file)));
    expect((await refresh(repository)).changed).toBe(true);
    file.signatures[0]!.sig = `00${sig.slice(2)}`;
    repository.files.set('timestamp.json', Buffer.from(JSON.stringify(file)));
    await refusal('TUF_SIGNATURE', () => refresh(repository));
  });

  test.each([
    ['ml-dsa', 'ml-dsa-44/1'],
    ['sigstore-oidc', 'Fulcio'],
    ['rsa', 'rsa-unheard-of'],
    ['__proto__', 'constructor'],
  ])('of type %s, scheme %s: the refusal names them', async (keyType, scheme) => {
    const repository = new TufRepository();
    const [old] = repository.root.roles['timestamp']!.keyIDs;
    repository.root.addKey(new Key({ keyID: 'f00', keyType, scheme, keyVal: { public: 'x' } }), 'timestamp');
    repository.root.roles['timestamp']!.keyIDs.splice(0, 1);
    delete repository.root.keys[old!];
    repository.publishRoot();
    repository.publish();
    const { message } = await refusal('TUF_SIGNATURE', () => refresh(repository));
    expect(message).toContain('signed by 0 of the 1 keys it needs');
    expect(message).toContain(scheme);
  });

  test.skipIf(!realIsPresent)(
    'a root of a public repository with ML-DSA keys is told apart from a bad one',
    async () => {
      const root = readFileSync(join(real, 'pqc/repository-2/1.root.json'));
      const error = await refusal('TUF_SIGNATURE', () =>
        loadTuf({ url: 'pqc', directory: join(real, 'pqc/repository-2'), trustedRoot: root, asOf: NOW }),
      );
      expect(error.message).toContain('ml-dsa');
    },
  );
});

test('names beyond the Basic Multilingual Plane are signed in the order of code points, as Python and Go sort them', () => {
  // U+FF5E comes before U+1F37A by code points and after it by UTF-16 units.
  expect(formatTufCanonicalJson({ '\u{1f37a}': 1, '\uff5e': 2 })).toBe('{"\uff5e":2,"\u{1f37a}":1}');
  expect(formatTufCanonicalJson({ b: [true, null, 'x"\\\n'], a: -1 })).toBe(
    '{"a":-1,"b":[true,null,"x\\"\\\\\n"]}',
  );
  for (const odd of [1.5, 2 ** 53, Number.NaN]) expect(() => formatTufCanonicalJson({ odd })).toThrow();
});

describe('what is not as it is specified is refused', () => {
  test.each([
    '2030',
    '2030-01-01',
    'Jan 1 2030',
    '2030-01-01T00:00:00',
    '2030-02-30T00:00:00Z',
    '2030-01-01T24:00:00Z',
    '2030-01-01T00:00Z',
    '2030-01-01 00:00:00Z',
    '+002030-01-01T00:00:00Z',
  ])('the expiry %j', async (expires) => {
    await refusal('TUF_INVALID', () =>
      refresh(withTimestamp((fields) => Object.assign(fields, { expires }))),
    );
  });

  test.each(['1', '1.', '1..0', '2.0.0', '1.0.0.0', '1.0.x', ''])(
    'specification version %j',
    async (version) => {
      const repository = withTimestamp((fields) => Object.assign(fields, { spec_version: version }));
      await refusal('TUF_INVALID', () => refresh(repository));
    },
  );

  test('text that is not UTF-8', async () => {
    const repository = withTimestamp((fields) => Object.assign(fields, { comment: '\ufffd' }));
    expect((await refresh(repository)).changed).toBe(true);
    const good = repository.files.get('timestamp.json')!;
    const text = Buffer.from(good).toString('latin1').replace('\u00ef\u00bf\u00bd', '\u00ff');
    expect(text).toHaveLength(good.length - 2);
    repository.files.set('timestamp.json', Buffer.from(text, 'latin1'));
    await refusal('TUF_INVALID', () => refresh(repository));
  });

  test.each([
    ['more digits and then something else', (sig: string) => `${sig}zz`],
    ['an odd number of digits', (sig: string) => `${sig}0`],
    ['no digits', () => ''],
  ])('a signature with %s', async (_, change) => {
    const repository = new TufRepository().publish();
    const document = JSON.parse(Buffer.from(repository.files.get('timestamp.json')!).toString()) as {
      signatures: { sig: string }[];
    };
    const [signature] = document.signatures;
    signature!.sig = signature!.sig.toUpperCase();
    repository.files.set('timestamp.json', Buffer.from(JSON.stringify(document)));
    expect((await refresh(repository)).changed).toBe(true);
    signature!.sig = change(signature!.sig);
    repository.files.set('timestamp.json', Buffer.from(JSON.stringify(document)));
    await refusal('TUF_SIGNATURE', () => refresh(repository));
  });

  test('a signature of an ed25519 key under a scheme that nobody knows', async () => {
    const repository = new TufRepository();
    const [key] = repository.keys.timestamp;
    const known = tufKey(key!);
    repository.root.keys[known.keyID] = new Key({
      keyID: known.keyID,
      keyType: known.keyType,
      keyVal: known.keyVal,
      scheme: 'new',
    });
    repository.publishRoot();
    await refusal('TUF_SIGNATURE', () => refresh(repository.publish()));
  });

  test('more hash bins than there can be metadata for, without making all their names: none is there', async () => {
    const repository = new TufRepository().publish();
    const key = generateKey();
    const fields = fieldsOf(repository.files.get('1.targets.json')!);
    const bins = { keyids: [key.publicKey.id], threshold: 1, bit_length: 32, name_prefix: 'bin' };
    fields['delegations'] = { keys: { [key.publicKey.id]: tufKey(key).toJSON() }, succinct_roles: bins };
    repository.files.set('1.targets.json', signAnything(fields, repository.keys.targets[0]!));
    repository.snapshot.meta['targets.json'] = new MetaFile({ version: 1 });
    repository.publishSnapshot();
    expect((await refresh(repository)).targetNames()).toEqual([]);
  });
});
