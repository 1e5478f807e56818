import { Metadata, MetaFile, Signature } from '@tufjs/models';
import { Role } from '@tufjs/models/dist/role.js';
import { describe, expect, test } from 'vitest';
import { DAY, HOUR } from '../../src/base/clock.ts';
import type { ErrorCode } from '../../src/base/codes.ts';
import { formatPublicKey, generateKey, sign } from '../../src/base/keys.ts';
import { loadSyncRecord } from '../../src/store/sync-record.ts';
import { refusal } from '../support/errors.ts';
import { processorTime } from '../support/processor-time.ts';
import { type TrustClient, trustClient } from '../support/trust-client.ts';
import { NOW, signAnything, signed, TufRepository, tufKey } from '../support/tuf-repository.ts';

/** A repository with a few versions behind it, and a client that holds the newest. */
async function followed(): Promise<{ repository: TufRepository; client: TrustClient }> {
  const repository = new TufRepository();
  repository.addTarget('rekor-key-v1.pub', PEM, { sigstore: { usage: 'Rekor', status: 'Active' } });
  repository.publish().publish().publish();
  return { repository, client: await trustClient(repository) };
}

const PEM = `-----BEGIN PUBLIC KEY-----\n${Buffer.from(generateKey().publicKey.spki).toString('base64')}\n-----END PUBLIC KEY-----\n`;

/** The same bytes with one value of `signed` replaced, signatures as they were. */
function altered(bytes: Uint8Array, change: (signed: Record<string, unknown>) => void): Buffer {
  const document = JSON.parse(Buffer.from(bytes).toString()) as { signed: Record<string, unknown> };
  change(document.signed);
  return Buffer.from(JSON.stringify(document));
}

describe('arbitrary software attack', () => {
  const REKOR = { sigstore: { usage: 'Rekor' } };
  test.each<[string, ErrorCode, (files: Map<string, Uint8Array>, path: string) => void]>([
    ['with other content', 'TUF_MISMATCH', (files, path) => files.set(path, Buffer.alloc(PEM.length))],
    ['of another length', 'FETCH_TOO_LARGE', (files, path) => files.set(path, Buffer.alloc(1000))],
    ['that is listed and not served', 'TUF_MISMATCH', (files, path) => files.delete(path)],
  ])('a target %s is refused where trust needs it, and left out otherwise', async (_, code, spoil) => {
    const { repository, client } = await followed();
    const change = (name: string) => {
      const path = [...repository.files.keys()].find((file) => file.endsWith(name))!;
      spoil(repository.files, path);
    };
    repository.addTarget('new.txt', PEM);
    repository.publish();
    change('new.txt');
    const { generation } = await client.sync();
    expect(client.warnings).toEqual([expect.stringMatching(`\\[${code}\\]; no trust rests on it`)]);
    expect(generation.number).toBe(2);
    expect((await client.view()).isHeld('new.txt')).toBe(false);
    // It is asked for again, and makes no generation as long as it is not there.
    expect((await client.sync()).changed).toBe(false);
    delete repository.targets.targets['new.txt'];
    repository.addTarget('key.pub', PEM, REKOR);
    repository.publish();
    await client.sync();
    repository.addTarget('another.pub', formatPublicKey(generateKey().publicKey), REKOR);
    repository.publish();
    change('another.pub');
    await client.refuses(code);
  });

  test.each(['timestamp', 'snapshot', 'targets'] as const)('an altered %s is refused', async (role) => {
    const { repository, client } = await followed();
    repository.withHashes = false;
    repository.publish();
    const name = role === 'timestamp' ? 'timestamp.json' : repository.nameOf(role, repository[role].version);
    repository.files.set(
      name,
      altered(repository.files.get(name)!, (fields) => Object.assign(fields, { x: 1 })),
    );
    await client.refuses('TUF_SIGNATURE');
  });
});

describe('rollback attack', () => {
  test('an older timestamp is refused', async () => {
    const { repository, client } = await followed();
    const old = repository.files.get('timestamp.json')!;
    repository.publish();
    await client.sync();
    repository.files.set('timestamp.json', old);
    await client.refuses('TUF_ROLLBACK');
  });

  test('a newer timestamp that names an older snapshot is refused', async () => {
    const { repository, client } = await followed();
    repository.timestamp.snapshotMeta = new MetaFile({ version: 2 });
    repository.publishTimestamp();
    await client.refuses('TUF_ROLLBACK');
  });

  test('a newer snapshot that names older targets is refused', async () => {
    const { repository, client } = await followed();
    repository.snapshot.meta['targets.json'] = new MetaFile({ version: 1 });
    repository.publishSnapshot();
    await client.refuses('TUF_ROLLBACK');
  });

  test('a newer snapshot that no longer lists a delegated role is refused', async () => {
    const repository = new TufRepository();
    repository.delegate('team', {});
    repository.publish();
    const client = await trustClient(repository);
    delete repository.snapshot.meta['team.json'];
    repository.publishSnapshot();
    await client.refuses('TUF_ROLLBACK');
  });

  test('an older root under the next number is refused', async () => {
    const { repository, client } = await followed();
    repository.files.set('2.root.json', repository.files.get('1.root.json')!);
    await client.refuses('TUF_ROLLBACK');
  });

  test('a root that skips a version is refused', async () => {
    const { repository, client } = await followed();
    repository.root.version = 3;
    repository.files.set('2.root.json', signed(repository.root, repository.keys.root));
    await client.refuses('TUF_MISMATCH');
  });

  test('the mirror that is one version behind does not replace what is held', async () => {
    const { repository, client } = await followed();
    const behind = new Map(repository.files);
    repository.publish();
    await client.sync();
    for (const [path, bytes] of behind) repository.files.set(path, bytes);
    await client.refuses('TUF_ROLLBACK');
  });
});

describe('indefinite freeze attack', () => {
  test('a timestamp that is served again and again ends with its expiry', async () => {
    const { client } = await followed();
    await client.sync(NOW + 23 * HOUR);
    const error = await client.refuses('TUF_EXPIRED', NOW + 25 * HOUR);
    expect(error.message).toMatch(/^TUF metadata expired: timestamp\.json/);
    expect(error.exit).toBe(5);
  });

  test.each([
    ['root', 400],
    ['snapshot', 8],
    ['targets', 31],
  ] as const)('an expired %s is refused', async (role, days) => {
    const { repository, client } = await followed();
    const now = NOW + days * DAY;
    for (const other of ['root', 'timestamp', 'snapshot', 'targets'] as const)
      if (other !== role) repository[other].expires = '2030-01-01T00:00:00Z';
    if (role !== 'root') {
      repository.root.version = 2;
      repository.publishRoot();
    }
    repository.publish();
    const error = await client.refuses('TUF_EXPIRED', now);
    expect(error.message).toContain(`${role}.json`);
    expect(error.details).toMatchObject({ role });
  });

  test.each<[string, (repository: TufRepository) => void]>([
    ['has a name of the configuration', (repository) => repository.delegate('team', {})],
    [
      'lists a key',
      (repository) => {
        repository.delegate('team', { paths: ['team/*'] });
        repository.addTarget('team/key.pub', PEM, { sigstore: { usage: 'Rekor' } }, 'team');
      },
    ],
    [
      'delegates further',
      (repository) => {
        repository.delegate('team', { paths: ['team/*'] });
        repository.delegate('below', { parent: 'team', paths: ['team/*'] });
      },
    ],
    [
      'comes before the role of a target',
      (repository) => {
        repository.delegate('team', { paths: ['team/*'] });
        repository.delegate('later', { paths: ['team/*'] });
        repository.addTarget('team/x', 'x', undefined, 'later');
      },
    ],
  ])('an expired delegated role that %s is refused where trust_roles names it only', async (_, prepare) => {
    const { repository, client } = await followed();
    prepare(repository);
    repository.delegated.get('team')!.role.expires = '2026-01-01T00:00:00Z';
    repository.publish();
    client.trustRoles = ['team'];
    const error = await client.refuses('TUF_EXPIRED');
    expect(error.message).toMatch(/^TUF metadata expired: team\.json/);
    client.trustRoles = [];
    await client.sync();
    expect(client.warnings).toEqual([
      expect.stringMatching(/^warning: TUF metadata expired: team\.json .*left out$/),
    ]);
    const view = await client.view();
    expect(view.targetNames()).toEqual(['rekor-key-v1.pub']);
    expect(view.roles.map(({ name }) => name)).toContain('team');
  });

  test('an expired delegated role that nothing depends on is left out, and said so', async () => {
    const { repository, client } = await followed();
    const { role } = repository.delegate('team', { paths: ['team/*'] });
    repository.delegate('other', { paths: ['other/*'] });
    repository.addTarget('team/x', 'x', undefined, 'team');
    repository.addTarget('other/y', 'y', undefined, 'other');
    role.expires = '2026-01-26T00:00:00Z';
    repository.timestamp.expires = '2026-01-30T00:00:00Z';
    repository.publish();
    await client.sync();
    expect((await client.view()).targetNames()).toEqual(['rekor-key-v1.pub', 'team/x', 'other/y']);
    expect(client.warnings).toEqual([]);
    expect((await client.sync(NOW + 2 * DAY)).changed).toBe(false);
    repository.publish();
    const { generation } = await client.sync(NOW + 2 * DAY);
    expect(client.warnings).toEqual(
      Array(2).fill(expect.stringMatching(/^warning: TUF metadata expired: team\.json .* left out$/)),
    );
    expect((await client.view()).targetNames()).toEqual(['rekor-key-v1.pub', 'other/y']);
    expect(generation.state.tuf.roles['team']).toMatchObject({ expires: '2026-01-26T00:00:00Z' });
    // What is left out is guarded like the rest.
    role.version = 1;
    repository.snapshot.meta['team.json'] = new MetaFile({ version: 1 });
    repository.publishSnapshot();
    await client.refuses('TUF_ROLLBACK', NOW + 2 * DAY);
  });

  test('exactly at its expiry a role is expired', async () => {
    const { repository, client } = await followed();
    const at = Date.parse(repository.timestamp.expires);
    await client.sync(at - 1);
    await client.refuses('TUF_EXPIRED', at);
  });

  test('an expiry that is no time is refused', async () => {
    const { repository, client } = await followed();
    repository.timestamp.expires = 'never';
    repository.publishTimestamp();
    await client.refuses('TUF_INVALID');
  });
});

describe('a clock that was set back', () => {
  test('does not make expired metadata valid again', async () => {
    const { repository, client } = await followed();
    repository.timestamp.expires = '2026-02-25T12:00:00Z';
    repository.publish();
    await client.sync(NOW + 3 * DAY);
    await client.refuses('CLOCK_BEHIND', NOW + 2 * DAY);
    await client.sync(NOW + 3 * DAY - 4 * 60_000);
  });
});

describe('endless data attack', () => {
  test.each(['2.root.json', 'timestamp.json', '4.snapshot.json', '4.targets.json'])(
    '%s is not read beyond its bound',
    async (path) => {
      const { repository, client } = await followed();
      repository.withHashes = false;
      repository.publish();
      repository.files.set(path, Buffer.alloc(6_000_000, 0x20));
      await client.refuses('FETCH_TOO_LARGE');
    },
  );

  test('a length in signed metadata is the bound where there is one', async () => {
    const { repository, client } = await followed();
    repository.publish();
    const bytes = repository.files.get('4.snapshot.json')!;
    repository.files.set('4.snapshot.json', Buffer.concat([bytes, Buffer.from(' ')]));
    await client.refuses('FETCH_TOO_LARGE');
  });

  test('more roots than any repository has are refused', async () => {
    const { repository, client } = await followed();
    for (let i = 0; i < 1030; i += 1) {
      repository.root.version += 1;
      repository.publishRoot();
    }
    await client.refuses('TUF_INVALID');
  });

  test('a role with a great many targets that its keys have not signed is refused in little time', async () => {
    const { repository, client } = await followed();
    const target = repository.addTarget('t', 't');
    repository.publish();
    const name = repository.nameOf('targets', 4);
    repository.withHashes = false;
    const many = Object.fromEntries(
      Array.from({ length: 60_000 }, (_, i) => [`t${i}`, { length: target.length, hashes: {} }]),
    );
    const bytes = altered(repository.files.get(name)!, (fields) => Object.assign(fields, { targets: many }));
    repository.files.set(name, bytes);
    repository.snapshot.meta['targets.json'] = new MetaFile({ version: 4 });
    repository.publishSnapshot();
    const spent = processorTime();
    await client.refuses('TUF_SIGNATURE');
    expect(spent()).toBeLessThan(10_000);
  });
});

describe('mix and match attack', () => {
  test('a snapshot of another version than the timestamp names is refused', async () => {
    const { repository, client } = await followed();
    repository.withHashes = false;
    repository.publish();
    repository.files.set('4.snapshot.json', repository.files.get('3.snapshot.json')!);
    await client.refuses('TUF_MISMATCH');
  });

  test('targets of another version than the snapshot names are refused', async () => {
    const { repository, client } = await followed();
    repository.withHashes = false;
    repository.publish();
    repository.files.set('4.targets.json', repository.files.get('3.targets.json')!);
    await client.refuses('TUF_MISMATCH');
  });

  test('a snapshot with another hash than the timestamp gives is refused', async () => {
    const { repository, client } = await followed();
    repository.publish();
    const other = signed(repository.snapshot, [...repository.keys.snapshot, generateKey()]);
    repository.timestamp.snapshotMeta = new MetaFile({ version: 4, hashes: { sha256: '0'.repeat(64) } });
    repository.publishTimestamp();
    repository.files.set('4.snapshot.json', other);
    await client.refuses('TUF_MISMATCH');
  });

  test('metadata of one role in the place of another is refused', async () => {
    const { repository, client } = await followed();
    repository.files.set('timestamp.json', repository.files.get('3.snapshot.json')!);
    await client.refuses('TUF_INVALID');
  });
});

describe('wrong key', () => {
  test.each(['timestamp', 'snapshot', 'targets'] as const)(
    '%s signed by a stranger is refused',
    async (role) => {
      const { repository, client } = await followed();
      repository.keys[role] = [generateKey()];
      repository.publish();
      const error = await client.refuses('TUF_SIGNATURE');
      expect(error.message).toMatch(/^Signature verification failed/);
      expect(error.exit).toBe(2);
    },
  );

  test('a root that the old root has not signed is refused', async () => {
    const { repository, client } = await followed();
    const stranger = generateKey();
    repository.rotate('root', [stranger]);
    repository.publishRoot([stranger]);
    await client.refuses('TUF_SIGNATURE');
  });

  test('a root that has not signed itself is refused', async () => {
    const { repository, client } = await followed();
    const [old] = repository.keys.root;
    repository.rotate('root');
    repository.publishRoot([old!]);
    await client.refuses('TUF_SIGNATURE');
  });
});

describe('threshold', () => {
  async function withTwoOfTwo() {
    const { repository, client } = await followed();
    const second = generateKey();
    repository.keys.targets.push(second);
    repository.root.addKey(tufKey(second), 'targets');
    repository.setThreshold('targets', 2);
    repository.root.version += 1;
    repository.publishRoot();
    return { repository, client };
  }

  test('met by different keys is accepted', async () => {
    const { repository, client } = await withTwoOfTwo();
    repository.publish();
    expect((await client.sync()).changed).toBe(true);
  });

  test('with too few signatures is refused', async () => {
    const { repository, client } = await withTwoOfTwo();
    repository.keys.targets.pop();
    repository.publish();
    await client.refuses('TUF_SIGNATURE');
  });

  test('with the same signature twice is refused', async () => {
    const { repository, client } = await withTwoOfTwo();
    repository.withHashes = false;
    repository.publish();
    const name = repository.nameOf('targets', 4);
    const document = JSON.parse(Buffer.from(repository.files.get(name)!).toString()) as {
      signatures: unknown[];
    };
    document.signatures = [document.signatures[0], document.signatures[0]];
    repository.files.set(name, Buffer.from(JSON.stringify(document)));
    await client.refuses('TUF_INVALID');
  });

  test('with one key under two ids is refused', async () => {
    const { repository, client } = await followed();
    const [key] = repository.keys.targets;
    repository.root.addKey(tufKey(key!, 'f'.repeat(64)), 'targets');
    repository.setThreshold('targets', 2);
    repository.root.version += 1;
    repository.publishRoot();
    repository.withHashes = false;
    repository.publish();
    const metadata = new Metadata(repository.targets as never);
    for (const keyID of [key!.publicKey.id, 'f'.repeat(64)])
      metadata.sign((data) => new Signature({ keyID, sig: Buffer.from(sign(key!, data)).toString('hex') }));
    repository.files.set(repository.nameOf('targets', 4), Buffer.from(JSON.stringify(metadata.toJSON())));
    const error = await client.refuses('TUF_SIGNATURE');
    expect(error.message).toContain('signed by 1 of the 2 keys it needs');
  });

  test('that lists a key id twice is refused', async () => {
    const { repository, client } = await followed();
    const [key] = repository.keys.timestamp;
    const role = new Role({ keyIDs: [key!.publicKey.id], threshold: 1 });
    (role as { keyIDs: string[] }).keyIDs.push(key!.publicKey.id);
    repository.root.roles['timestamp'] = role;
    repository.root.version += 1;
    repository.publishRoot();
    await client.refuses('TUF_INVALID');
  });
});

describe('fast-forward attack', () => {
  test('a timestamp of an enormous version is recovered from by rotating its key', async () => {
    const { repository, client } = await followed();
    repository.timestamp.version = 1_000_000;
    repository.publishTimestamp();
    await client.sync();
    repository.timestamp.version = 10;
    repository.publishTimestamp();
    await client.refuses('TUF_ROLLBACK');
    repository.rotate('timestamp');
    repository.timestamp.version = 10;
    repository.publishTimestamp();
    expect((await client.sync()).generation.state.tuf.roles['timestamp']?.version).toBe(11);
  });

  test('a snapshot of an enormous version is recovered from by rotating its key', async () => {
    const { repository, client } = await followed();
    repository.snapshot.version = 1_000_000;
    repository.publishSnapshot();
    await client.sync();
    repository.snapshot.version = 10;
    repository.publishSnapshot();
    await client.refuses('TUF_ROLLBACK');
    repository.rotate('snapshot');
    repository.publishSnapshot();
    expect((await client.sync()).generation.state.tuf.roles['snapshot']?.version).toBe(12);
  });

  test('targets of an enormous version are recovered from by rotating the snapshot key', async () => {
    const { repository, client } = await followed();
    repository.targets.version = 1_000_000;
    repository.publish();
    await client.sync();
    repository.targets.version = 10;
    repository.publish();
    await client.refuses('TUF_ROLLBACK');
    repository.rotate('snapshot');
    repository.publish();
    expect((await client.sync()).generation.state.tuf.roles['targets']?.version).toBe(12);
  });
});

describe('key compromise', () => {
  test.each(['timestamp', 'snapshot', 'targets', 'root'] as const)(
    'after %s was rotated, the stolen key signs nothing that is believed',
    async (role) => {
      const { repository, client } = await followed();
      const stolen = repository.keys[role];
      repository.rotate(role);
      repository.publish();
      await client.sync();
      repository.keys[role] = stolen;
      if (role === 'root') {
        repository.root.version += 1;
        repository.publishRoot(stolen);
      } else repository.publish();
      await client.refuses('TUF_SIGNATURE');
    },
  );
});

describe('what a careless client would stumble over', () => {
  test.each(['constructor', '__proto__', 'toString'])(
    'a delegated role called %s is a role like any other',
    async (name) => {
      const { repository, client } = await followed();
      repository.delegate('placeholder', {});
      repository.publish();
      const file = repository.nameOf('targets', repository.targets.version);
      const text = Buffer.from(repository.files.get(file)!).toString().replaceAll('placeholder', name);
      const fields = (JSON.parse(text) as { signed: object }).signed;
      repository.files.set(file, signAnything(fields, repository.keys.targets[0]!));
      repository.snapshot.meta['targets.json'] = new MetaFile({ version: repository.targets.version });
      repository.publishSnapshot();
      const meta = new MetaFile({ version: 1 });
      Object.defineProperty(repository.snapshot.meta, `${name}.json`, { value: meta, enumerable: true });
      repository.publishSnapshot();
      repository.files.set(`1.${name}.json`, repository.files.get('1.placeholder.json')!);
      const { generation } = await client.sync();
      expect(client.warnings).toEqual([]);
      expect((await client.view()).roles.map((role) => role.name)).toContain(name);
      expect(generation.state.second_opinion?.verdict).toBe('cannot judge');
    },
  );

  test('a delegated role called by half a surrogate pair is refused', async () => {
    const { repository, client } = await followed();
    repository.delegate('placeholder', {});
    repository.publish();
    const file = repository.nameOf('targets', repository.targets.version);
    const text = Buffer.from(repository.files.get(file)!).toString();
    repository.files.set(file, Buffer.from(text.replaceAll('placeholder', String.raw`\ud800`)));
    repository.snapshot.meta['targets.json'] = new MetaFile({ version: repository.targets.version });
    repository.publishSnapshot();
    await client.refuses('TUF_INVALID');
  });

  test('a target that has no hash is listed and never believed', async () => {
    const { repository, client } = await followed();
    const target = repository.addTarget('empty.txt', 'x');
    for (const key of Object.keys(target.hashes)) delete target.hashes[key];
    repository.publish();
    await client.sync();
    const view = await client.view();
    expect(view.isHeld('rekor-key-v1.pub')).toBe(true);
    await refusal('TARGET_INVALID', () => view.readTarget('empty.txt'));
  });

  test('every hash of a target must hold, and one of them be strong', async () => {
    const { repository, client } = await followed();
    const { hashes } = repository.addTarget('x.txt', 'x');
    const md5 = '9dd4e461268c8034f5c8564e155c67a6';
    Object.assign(hashes, { md5, unknown: '00' });
    repository.publish();
    await client.sync();
    expect((await client.view()).isHeld('x.txt')).toBe(true);
    Object.assign(hashes, { md5: md5.replace('9', '8') });
    repository.addTarget('y.txt', 'y').hashes['md5'] = md5;
    repository.publish();
    await client.sync();
    const reasons = client.warnings.map((line) => /does not have the (\w+)/.exec(line)?.[1]);
    expect(reasons).toEqual(['md5', 'md5']);
  });

  test.each(['../escape', 'a/../../b', '/etc/passwd', 'a\\b', 'c:d', 'nul', 'a//b', 'x\u0000y', '.'])(
    'a target called %j is written nowhere, and asking for it is refused',
    async (name) => {
      const { repository, client } = await followed();
      repository.addTarget(name, 'x');
      repository.publish();
      await client.sync();
      const view = await client.view();
      expect(view.targetNames()).toContain(name);
      await refusal('TARGET_INVALID', () => view.readTarget(name));
    },
  );

  test('names of what every object has are no targets', async () => {
    const { client } = await followed();
    const view = await client.view();
    for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty'])
      expect(view.target(name)).toBeUndefined();
  });

  test('a target name with characters that mean something in a URL is fetched as it is', async () => {
    const { repository, client } = await followed();
    repository.addTarget('50% #1.txt', 'x');
    repository.publish();
    await client.sync();
    expect(Buffer.from(await (await client.view()).readTarget('50% #1.txt')).toString()).toBe('x');
  });

  test.each([0, -1, 1.5, Number.MAX_SAFE_INTEGER + 1, '7'])('a version %j is refused', async (version) => {
    const { repository, client } = await followed();
    const bytes = altered(repository.files.get('timestamp.json')!, (fields) =>
      Object.assign(fields, { version }),
    );
    repository.files.set('timestamp.json', bytes);
    await client.refuses('TUF_INVALID');
  });

  test.each([
    ['HTML', '<!doctype html><title>Sign in</title>'],
    ['nothing', ''],
    ['null', 'null'],
    ['a list', '[]'],
    ['deep nesting', `${'['.repeat(5000)}${']'.repeat(5000)}`],
    ['a truncated file', '{"signatures": [], "signed": {"_type": "timesta'],
  ])('%s with status 200 in place of the timestamp is refused', async (_, text) => {
    const { repository, client } = await followed();
    repository.files.set('timestamp.json', Buffer.from(text));
    await client.refuses('TUF_INVALID');
  });
});

test('a refusal is remembered, with its reason, until a sync succeeds', async () => {
  const { repository, client } = await followed();
  const good = repository.files.get('timestamp.json')!;
  repository.files.set('timestamp.json', Buffer.from('{}'));
  await client.refuses('TUF_INVALID');
  await client.refuses('TUF_INVALID');
  expect(loadSyncRecord(client.store.directory)).toMatchObject({
    failures_since: 2,
    last_failure: { code: 'TUF_INVALID' },
  });
  repository.files.set('timestamp.json', good);
  await client.sync();
  expect(loadSyncRecord(client.store.directory)).toMatchObject({ failures_since: 0, failures: 2 });
});
