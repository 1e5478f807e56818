import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseInstant } from '../../src/base/clock.ts';
import { formatPrivateKey, generateKey } from '../../src/base/keys.ts';
import { resembledName } from '../../src/repository/edit/target.ts';
import { BEGIN, days, TestRepository } from './repository.ts';

const serviceMap = JSON.stringify({
  version: 1,
  rekor: { url: 'http://127.0.0.1:1/', public_key_target: 'rekor-key-v1' },
});

test('the repository of the guide is accepted by tuf-js, target by target', async () => {
  const repository = new TestRepository();
  const rekor = repository.publicKey('rekor.pub', 'ecdsa-p256');
  const services = repository.file('services.json', serviceMap);
  await repository.init('--target', `rekor-key-v1.pub=${rekor},Rekor`);
  await repository.ok(['repo', 'add-target', services, 'sigstore-services-v1.json']);
  await repository.ok(['repo', 'add-target', repository.publicKey('signer.pub'), 'bundle-signer-v1.pub']);
  const attestor = repository.publicKey('attestor.pub');
  await repository.ok([
    'repo',
    'add-target',
    attestor,
    'attestor-key-v1.pub',
    '--usage',
    'attestor',
    '--valid-from',
    '2026-01-01',
    '--valid-until',
    '2027-01-01T00:00:00Z',
  ]);

  const client = repository.client();
  expect(await client.fetchTarget('rekor-key-v1.pub', BEGIN)).toEqual(readFileSync(rekor));
  expect(await client.fetchTarget('sigstore-services-v1.json', BEGIN)).toEqual(readFileSync(services));
  expect(await client.fetchTarget('nothing', BEGIN)).toBeUndefined();
  expect(client.versions()).toEqual({ root: 1, timestamp: 4, snapshot: 4, targets: 4 });

  const { signed } = repository.published('4.targets.json');
  const customOf = (name: string) => signed.targets[name]?.custom;
  expect(customOf('rekor-key-v1.pub')).toEqual({ sigstore: { usage: 'Rekor', status: 'Active' } });
  expect(customOf('sigstore-services-v1.json')).toEqual({ stella: { usage: 'service-map' } });
  expect(customOf('bundle-signer-v1.pub')).toEqual({ stella: { usage: 'bundle-signer' } });
  expect(customOf('attestor-key-v1.pub')).toEqual({
    stella: { usage: 'attestor', valid_from: '2026-01-01T00:00:00Z', valid_until: '2027-01-01T00:00:00Z' },
  });
});

test('private keys stay out of the served directory and are for their owner only', async () => {
  const repository = await new TestRepository().init();
  expect(readdirSync(repository.public).sort()).toEqual([
    '1.root.json',
    '1.snapshot.json',
    '1.targets.json',
    'timestamp.json',
  ]);
  expect(statSync(join(repository.path, 'keys')).mode & 0o777).toBe(0o700);
  for (const name of readdirSync(join(repository.path, 'keys')).filter((file) => file.endsWith('.pem')))
    expect(statSync(join(repository.path, 'keys', name)).mode & 0o777).toBe(0o600);
});

test('new keys need a passphrase or a word that they are to be plain', async () => {
  const repository = new TestRepository();
  const refused = await repository.run(['repo', 'init', repository.path]);
  expect(refused.status).toBe(4);
  expect(refused.stderr).toContain('[KEY_PASSPHRASE]');
  expect(refused.stderr).toContain('--no-passphrase');
  expect(existsSync(repository.path)).toBe(false);
});

test('encrypted keys sign with the passphrase of a file, the environment or a terminal, and with no other', async () => {
  const repository = new TestRepository();
  const passphrase = repository.file('passphrase', 'correct horse\n');
  await repository.ok(['repo', 'init', repository.path, '--key-passphrase-file', passphrase]);
  expect(readFileSync(join(repository.path, 'keys/root-1.pem'), 'utf8')).toContain(
    'BEGIN ENCRYPTED PRIVATE KEY',
  );
  const key = repository.publicKey('a.pub');
  const add = (name: string) => ['repo', 'add-target', key, name];
  await repository.ok([...add('a.pub'), '--key-passphrase-file', passphrase]);
  const env = { STELLA_REPO: repository.path, STELLA_KEY_PASSPHRASE: 'correct horse' };
  await repository.ok(add('b.pub'), { env });
  await repository.ok(add('c.pub'), { answers: ['correct horse', 'correct horse', 'correct horse'] });
  const wrong = await repository.run(add('d.pub'), {
    env: { ...env, STELLA_KEY_PASSPHRASE: 'battery staple' },
  });
  expect([wrong.status, wrong.stderr]).toEqual([4, expect.stringContaining('[KEY_PASSPHRASE]')]);
  const none = await repository.run(add('d.pub'));
  expect(none.stderr).toContain('key targets-1 is encrypted and no passphrase was given [KEY_PASSPHRASE]');
  await repository.client().refresh(BEGIN);
});

test('the daily timestamp is renewed once a quarter of its life has passed, and otherwise left alone', async () => {
  const repository = await new TestRepository().init();
  const client = repository.client();
  const update = async () => (await repository.ok(['repo', 'update-timestamp', '--json'])).json();
  expect(await update()).toMatchObject({ version: 1, renewed: false });
  repository.now = days(0.3);
  expect(await update()).toMatchObject({ version: 2, renewed: true, expires: '2026-01-11T15:12:00Z' });
  expect(await update()).toMatchObject({ version: 2, renewed: false });
  repository.now = days(2);
  await expect(client.refresh(repository.now)).rejects.toThrow(/expired/);
  await repository.ok(['repo', 'update-timestamp']);
  await client.refresh(repository.now);
});

test('a repository that expired is refused by repo verify, and named', async () => {
  const repository = await new TestRepository().init();
  await repository.ok(['repo', 'verify']);
  repository.now = days(1);
  const refused = await repository.run(['repo', 'verify']);
  expect(refused.status).toBe(5);
  expect(refused.stderr).toMatch(
    /^error: TUF metadata expired: timestamp .*\[TUF_EXPIRED\]\nhint: .*update-timestamp\.sh/,
  );
});

test('the repository is found by flag, environment, and from the directories below it', async () => {
  const repository = await new TestRepository().init();
  const status = (args: string[], setting: object) =>
    repository.run(['repo', 'status', '--json', ...args], setting);
  for (const [args, setting] of [
    [['--repo', 'repo'], { env: {} }],
    [[], { env: { STELLA_REPO: repository.path } }],
    [[], { env: {}, cwd: join(repository.path, 'public') }],
  ] as const)
    expect((await status([...args], setting)).json()).toMatchObject({ repository: repository.path });
  const lost = await status([], { env: {} });
  expect([lost.status, lost.stderr]).toEqual([4, expect.stringContaining('[REPO_NOT_FOUND]')]);
});

test('equal edits give equal bytes', async () => {
  const repository = await new TestRepository().init();
  const bytes = (path: string) => readFileSync(join(repository.public, path), 'utf8');
  for (const path of ['1.root.json', '1.targets.json', '1.snapshot.json', 'timestamp.json']) {
    const text = bytes(path);
    const value = JSON.parse(text) as unknown;
    expect(text).toBe(`${JSON.stringify(value, null, 1)}\n`);
    expect(text).not.toMatch(/\.\d{3}Z/);
  }
  expect(parseInstant(repository.published('1.root.json').signed.expires)).toBe(days(365));
});

describe('private keys and misspelt names', () => {
  test('a private key is not published, whatever it is called', async () => {
    const repository = await new TestRepository().init();
    const key = generateKey();
    writeFileSync(join(repository.area, 'attestor.key'), formatPrivateKey(key), { mode: 0o600 });
    for (const args of [['attestor-key-v1.pub'], ['readme.txt'], ['x', '--usage', 'other', '--stage']]) {
      const refused = await repository.run([
        'repo',
        'add-target',
        join(repository.area, 'attestor.key'),
        ...args,
      ]);
      expect(refused).toMatchObject({ status: 4 });
      expect(refused.stderr).toContain('[PRIVATE_KEY]');
    }
  });

  test('a name with a slip is warned of, as clients would use it for nothing', async () => {
    const repository = await new TestRepository().init();
    const key = repository.publicKey('a.pub');
    const misspelt = await repository.run(['repo', 'add-target', key, 'bundle-signr-v1.pub']);
    expect(misspelt.status).toBe(0);
    expect(misspelt.stderr).toContain('Did you mean bundle-signer-v1.pub?');
    const meant = await repository.run(['repo', 'add-target', key, 'attestro.pub', '--usage', 'other']);
    expect(meant.stderr).not.toContain('Did you mean');
  });

  test('which names resemble which', () => {
    for (const [name, meant] of [
      ['bundle-signr-v1.pub', 'bundle-signer-v1.pub'],
      ['team/reko-key-v2.pub', 'team/rekor-key-v2.pub'],
      ['sigstore-service-v1.json', 'sigstore-services-v1.json'],
      ['trusted-root.json', 'trusted_root.json'],
      ['rekor-key-v1.pub', undefined],
      ['readme.md', undefined],
      ['rsa.pub', undefined],
      ['app-v1.tar', undefined],
    ] as const)
      expect({ name, meant: resembledName(name) }).toEqual({ name, meant });
  });
});
