import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { TOP_ROLES } from '../../src/tuf/roles.ts';
import { BEGIN, days, TestRepository } from './repository.ts';

// The other kinds are in the next test; making RSA keys takes long.
test.each(['ed25519', 'ecdsa-p256'] as const)(
  'a repository with %s keys is accepted, also after each of its keys is rotated',
  async (type) => {
    const repository = await new TestRepository().init('--key-type', type);
    await repository.ok(['repo', 'add-target', repository.publicKey('a.pub'), 'a.pub']);
    const client = repository.client();
    await client.refresh(BEGIN);
    for (const role of TOP_ROLES) {
      const rotated = await repository.ok([
        'repo',
        'rotate-key',
        role,
        '--key-type',
        type,
        '--no-passphrase',
      ]);
      expect(rotated.stdout).toContain(`Key ${role}-1 is no longer used`);
      await client.refresh(BEGIN);
      await repository.ok(['repo', 'update-timestamp', '--force']);
      expect(await client.fetchTarget('a.pub', BEGIN)).toBeDefined();
    }
    expect(client.versions()['root']).toBe(5);
    await repository.ok(['repo', 'verify']);
    const status = (await repository.ok(['repo', 'status', '--json'])).json() as {
      roles: { role: string; keys: { name: string }[] }[];
    };
    expect(status.roles.map(({ role, keys }) => [role, keys.map(({ name }) => name)])).toEqual([
      ['root', ['root-2']],
      ['timestamp', ['timestamp-2']],
      ['snapshot', ['snapshot-2']],
      ['targets', ['targets-2']],
    ]);
    expect(await repository.client().fetchTarget('a.pub', BEGIN)).toBeDefined();
  },
);

test('kinds of keys may be mixed, and a role may change from one to the other', async () => {
  const repository = await new TestRepository().init();
  const client = repository.client();
  await client.refresh(BEGIN);
  for (const [role, type] of [
    ['root', 'ecdsa-p384'],
    ['targets', 'rsa'],
    ['timestamp', 'ecdsa-p256'],
  ] as const)
    await repository.ok(['repo', 'rotate-key', role, '--key-type', type, '--no-passphrase']);
  await client.refresh(BEGIN);
  expect(client.versions()['root']).toBe(4);
});

test('a new root is signed by the old and the new keys, and all roots stay published', async () => {
  const repository = await new TestRepository().init();
  await repository.ok(['repo', 'rotate-key', 'root', '--no-passphrase']);
  const root = (version: number) => repository.published(`${version}.root.json`);
  const ids = (version: number) => root(version).signed.roles['root']!.keyids;
  expect(
    root(2)
      .signatures.map(({ keyid }) => keyid)
      .sort(),
  ).toEqual([...ids(1), ...ids(2)].sort());
  await repository.ok(['repo', 'rotate-key', 'root', '--no-passphrase']);
  for (const version of [1, 2, 3]) {
    const client = repository.client(join(repository.public, `${version}.root.json`));
    await client.refresh(BEGIN);
    expect(client.versions()['root']).toBe(3);
  }
});

test('thresholds go up with keys that are there, and never beyond them', async () => {
  const repository = await new TestRepository().init('--threshold', 'root=2/3');
  const client = repository.client();
  await client.refresh(BEGIN);
  const beyond = await repository.run(['repo', 'set-threshold', 'targets', '2']);
  expect([beyond.status, beyond.stderr]).toEqual([
    4,
    expect.stringContaining('of which 2 cannot sign [USAGE]'),
  ]);
  await repository.ok(['repo', 'add-key', 'targets', '--threshold', '2', '--no-passphrase']);
  await repository.ok(['repo', 'set-threshold', 'root', '3']);
  await client.refresh(BEGIN);
  await repository.ok(['repo', 'remove-key', 'root', 'root-2', '--threshold', '2']);
  await client.refresh(BEGIN);
  const last = await repository.run(['repo', 'remove-key', 'timestamp', 'timestamp-1']);
  expect(last.stderr).toContain('[USAGE]');
  const { signed, signatures } = repository.published('2.targets.json');
  expect([signed.version, signatures.length]).toEqual([2, 2]);
});

test('a client in the middle of synchronizing sees a valid repository before and after a rotation', async () => {
  const repository = await new TestRepository().init();
  const old = readFileSync(join(repository.public, '1.root.json'));
  await repository.ok(['repo', 'rotate-key', 'timestamp', '--no-passphrase']);
  await repository.ok(['repo', 'rotate-key', 'targets', '--no-passphrase']);
  const timestamp = repository.published('timestamp.json');
  const targets = repository.published('2.targets.json');
  // A client that looked for new roots just before: it has the second-last root and the newest timestamp.
  expect(JSON.parse(old.toString())).toMatchObject({ signed: { version: 1 } });
  expect([timestamp.signatures.length, targets.signatures.length]).toEqual([1, 2]);
});

test('a role whose key is lost gets a new one only when told so', async () => {
  const repository = await new TestRepository().init();
  const client = repository.client();
  await client.refresh(BEGIN);
  rmSync(join(repository.path, 'keys/targets-1.pem'));
  const rotate = ['repo', 'rotate-key', 'targets', '--no-passphrase'];
  const refused = await repository.run(rotate);
  expect([refused.status, refused.stderr]).toEqual([2, expect.stringContaining('[REPO_THRESHOLD]')]);
  expect(refused.stderr).toContain('targets needs 1 more signature by keys of the present root');
  expect(existsSync(join(repository.path, 'keys/targets-2.pem'))).toBe(false);
  await repository.ok([...rotate, '--without-old-keys']);
  await client.refresh(BEGIN);
  expect(client.versions()).toMatchObject({ root: 2, targets: 2 });
});

test('the root keys are never among the lost: without them there is no new root', async () => {
  const repository = await new TestRepository().init();
  rmSync(join(repository.path, 'keys/root-1.pem'));
  const refused = await repository.run([
    'repo',
    'rotate-key',
    'root',
    '--no-passphrase',
    '--without-old-keys',
  ]);
  expect(refused.stderr).toContain('[REPO_THRESHOLD]');
  await repository.client().refresh(BEGIN);
});

test('versions go up by one, whatever changes', async () => {
  const repository = await new TestRepository().init();
  const versions = async () =>
    Object.fromEntries(
      (
        (await repository.ok(['repo', 'status', '--json'])).json() as {
          roles: { role: string; version: number }[];
        }
      ).roles.map(({ role, version }) => [role, version]),
    );
  expect(await versions()).toEqual({ root: 1, timestamp: 1, snapshot: 1, targets: 1 });
  await repository.ok(['repo', 'add-target', repository.publicKey('a.pub'), 'a.pub']);
  expect(await versions()).toEqual({ root: 1, timestamp: 2, snapshot: 2, targets: 2 });
  await repository.ok(['repo', 'rotate-key', 'root', '--no-passphrase']);
  expect(await versions()).toEqual({ root: 2, timestamp: 2, snapshot: 2, targets: 2 });
  await repository.ok(['repo', 'rotate-key', 'snapshot', '--no-passphrase']);
  expect(await versions()).toEqual({ root: 3, timestamp: 3, snapshot: 3, targets: 2 });
  await repository.ok(['repo', 'rotate-key', 'timestamp', '--no-passphrase']);
  expect(await versions()).toEqual({ root: 4, timestamp: 4, snapshot: 3, targets: 2 });
  repository.now = days(0.5);
  await repository.ok(['repo', 'update-timestamp']);
  expect(await versions()).toEqual({ root: 4, timestamp: 5, snapshot: 3, targets: 2 });
});
