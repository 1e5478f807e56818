import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { formatPrivateKey, formatPublicKey, generateKey } from '../../src/base/keys.ts';
import { BEGIN, days, TestRepository } from './repository.ts';

/** A person who holds a key on a machine of their own. */
function holder(repository: TestRepository, name: string) {
  const key = generateKey();
  const file = repository.file(`${name}/${name}.pem`, formatPrivateKey(key, `${name}'s passphrase`));
  repository.file(`${name}/${name}.pub`, formatPublicKey(key.publicKey));
  chmodSync(file, 0o600);
  const passphrase = repository.file(`${name}/passphrase`, `${name}'s passphrase`);
  return {
    publicKey: join(repository.area, name, `${name}.pub`),
    /** Signs a copy of the staged change, with nothing else of the repository at hand. */
    async sign(staged: string) {
      const copy = join(repository.area, name, 'carried');
      cpSync(staged, copy, { recursive: true });
      const args = ['repo', 'sign', copy, '--key', file, '--key-passphrase-file', passphrase];
      const result = await repository.run(args, { env: {}, cwd: join(repository.area, name) });
      return { ...result, copy };
    },
  };
}

test('a root of 2 of 3 keys on three machines: stage, carry, sign, carry back, publish', async () => {
  const repository = new TestRepository();
  const [alice, bob, carol] = ['alice', 'bob', 'carol'].map((name) => holder(repository, name)) as [
    ReturnType<typeof holder>,
    ReturnType<typeof holder>,
    ReturnType<typeof holder>,
  ];
  const staged = join(repository.path, 'staged');
  const init = ['repo', 'init', repository.path, '--no-passphrase', '--threshold', 'root=2/3', '--stage'];
  for (const { publicKey } of [alice, bob, carol]) init.push('--public-key', `root=${publicKey}`);
  const made = await repository.ok(init);
  expect(made.stdout).toContain('root: alice, bob, carol');
  expect(readFileSync(join(staged, 'summary.txt'), 'utf8')).toContain('root is signed by 2 of 3 keys');
  expect(existsSync(repository.public)).toBe(false);

  // Nothing is published with one signature of two.
  await repository.ok(['repo', 'sign']);
  const first = await alice.sign(staged);
  expect([first.status, first.stdout]).toEqual([0, expect.stringContaining('root: 1 of 2 signatures')]);
  const early = await repository.run(['repo', 'publish', first.copy]);
  expect([early.status, early.stderr]).toEqual([2, expect.stringContaining('root needs 1 more signature')]);
  expect(early.stderr).toMatch(/hint: .*bob, carol/);
  expect(existsSync(join(repository.public, 'timestamp.json'))).toBe(false);

  const second = await carol.sign(staged);
  await repository.ok(['repo', 'publish', second.copy]);
  expect(existsSync(staged)).toBe(false);
  const client = repository.client();
  await client.refresh(BEGIN);

  // The next root: bob replaces alice's key with a new one, and alice signs for the last time.
  const dave = holder(repository, 'dave');
  await repository.ok([
    'repo',
    'rotate-key',
    'root',
    '--key',
    'alice',
    '--public-key',
    dave.publicKey,
    '--stage',
  ]);
  const copies = [];
  for (const person of [alice, bob]) copies.push((await person.sign(staged)).copy);
  const half = await repository.run(['repo', 'publish', ...copies]);
  expect(half.stderr).toContain('root needs 1 more signature by keys of the new root');
  const published = await repository.ok(['repo', 'publish', (await dave.sign(staged)).copy]);
  expect(published.stdout).toContain('Key alice is no longer used');
  await client.refresh(BEGIN);
  expect(client.versions()['root']).toBe(2);
});

test('the person who signs sees what the metadata does, not what the carried summary says', async () => {
  const repository = await new TestRepository().init();
  await repository.ok([
    'repo',
    'add-target',
    repository.publicKey('evil.pub'),
    'rekor-key-v2.pub',
    '--stage',
  ]);
  const staged = join(repository.path, 'staged');
  writeFileSync(join(staged, 'summary.txt'), 'nothing to see here\n');
  const asked = await repository.run(['repo', 'sign'], { answers: ['n'] });
  expect(asked.status).toBe(1);
  expect(asked.stderr).toContain('+ target "rekor-key-v2.pub"');
  expect(asked.stderr).toContain('[INTERRUPTED]');
  expect(JSON.parse(readFileSync(join(staged, 'metadata/targets.json'), 'utf8'))).toMatchObject({
    signatures: [],
  });
  const agreed = await repository.run(['repo', 'sign'], { answers: ['y'] });
  expect(agreed.status).toBe(0);
  await repository.ok(['repo', 'publish']);
  expect(await repository.client().fetchTarget('rekor-key-v2.pub', BEGIN)).toBeDefined();
});

test('several edits are staged together and published as one version', async () => {
  const repository = await new TestRepository().init();
  for (const name of ['a.pub', 'b.pub'])
    await repository.ok(['repo', 'add-target', repository.publicKey(name), name, '--stage']);
  await repository.ok(['repo', 'rotate-key', 'targets', '--no-passphrase', '--stage']);
  await repository.ok(['repo', 'remove-target', 'a.pub', '--stage']);
  expect(readdirSync(join(repository.path, 'staged/files/targets'))).toHaveLength(1);
  const direct = await repository.run(['repo', 'add-target', repository.publicKey('c.pub'), 'c.pub']);
  expect([direct.status, direct.stderr]).toEqual([4, expect.stringContaining('[REPO_STAGE]')]);
  expect(await repository.ok(['repo', 'stage'])).toMatchObject({
    stdout: expect.stringContaining('targets: 0 of 1 signatures by keys of the present root'),
  });
  await repository.ok(['repo', 'sign']);
  await repository.ok(['repo', 'publish']);
  const client = repository.client();
  expect(await client.fetchTarget('b.pub', BEGIN)).toBeDefined();
  expect(client.versions()).toEqual({ root: 2, timestamp: 2, snapshot: 2, targets: 2 });
});

test('an unsigned change is not published', async () => {
  const repository = await new TestRepository().init();
  await repository.ok(['repo', 'add-target', repository.publicKey('a.pub'), 'a.pub', '--stage']);
  const refused = await repository.run(['repo', 'publish']);
  expect([refused.status, refused.stderr]).toEqual([2, expect.stringContaining('[REPO_THRESHOLD]')]);
  expect(await repository.client().fetchTarget('a.pub', BEGIN)).toBeUndefined();
});

test('a staged change is refused when it is too old', async () => {
  const repository = await new TestRepository().init();
  await repository.ok(['repo', 'stage', 'targets']);
  repository.now = days(14);
  for (const command of ['sign', 'publish', 'stage']) {
    const refused = await repository.run(['repo', command]);
    expect([refused.status, refused.stderr]).toEqual([
      4,
      expect.stringContaining('too long ago [REPO_STAGE]'),
    ]);
  }
  await repository.ok(['repo', 'stage', '--discard']);
  expect(existsSync(join(repository.path, 'staged'))).toBe(false);
});

test('a staged change is refused when something else was published in the meantime', async () => {
  const repository = await new TestRepository().init();
  const staged = join(repository.path, 'staged');
  await repository.ok(['repo', 'add-target', repository.publicKey('a.pub'), 'a.pub', '--stage']);
  renameSync(staged, join(repository.area, 'late'));
  await repository.ok(['repo', 'add-target', repository.publicKey('b.pub'), 'b.pub']);
  renameSync(join(repository.area, 'late'), staged);
  await repository.ok(['repo', 'sign']);
  const refused = await repository.run(['repo', 'publish']);
  expect(refused.stderr).toContain('snapshot 2 are published now [REPO_STAGE]');
});

test('the daily timestamp goes on while a change is staged', async () => {
  const repository = await new TestRepository().init();
  await repository.ok(['repo', 'rotate-key', 'timestamp', '--no-passphrase', '--stage']);
  repository.now = days(1);
  await repository.ok(['repo', 'update-timestamp']);
  await repository.ok(['repo', 'sign']);
  await repository.ok(['repo', 'publish']);
  const client = repository.client();
  await client.refresh(repository.now);
  expect(client.versions()).toEqual({ root: 2, timestamp: 3, snapshot: 1, targets: 1 });
});

test('a key of another role signs nothing of a staged change', async () => {
  const repository = await new TestRepository().init();
  await repository.ok(['repo', 'stage', 'targets']);
  const key = join(repository.path, 'keys/timestamp-1.pem');
  const refused = await repository.run(['repo', 'sign', '--key', key]);
  expect([refused.status, refused.stderr]).toEqual([
    4,
    expect.stringContaining('no key at hand is a key of a staged role (targets, snapshot) [KEY_INVALID]'),
  ]);
});

test('a copy of another change lends no signatures', async () => {
  const repository = await new TestRepository().init();
  await repository.ok(['repo', 'stage', 'targets']);
  cpSync(join(repository.path, 'staged'), join(repository.area, 'other'), { recursive: true });
  await repository.ok(['repo', 'add-target', repository.publicKey('a.pub'), 'a.pub', '--stage']);
  const refused = await repository.run(['repo', 'publish', join(repository.area, 'other')]);
  expect([refused.status, refused.stderr]).toEqual([
    4,
    expect.stringContaining('not of the change that is staged here [REPO_STAGE]'),
  ]);
});

test('a damaged staged change is refused by name, whatever is damaged', async () => {
  const repository = await new TestRepository().init();
  const staged = join(repository.path, 'staged');
  for (const [file, content] of [
    ['change.json', '{'],
    [
      'change.json',
      JSON.stringify({
        version: 1,
        base: { root: 1, snapshot: 1 },
        made: '2026-01-10T08:00:00Z',
        roles: ['../../x'],
        files: [],
      }),
    ],
    [
      'change.json',
      JSON.stringify({
        version: 1,
        base: { root: 1, snapshot: 1 },
        made: '2026-01-10T08:00:00Z',
        roles: [],
        files: ['targets/../../../x'],
      }),
    ],
    ['metadata/targets.json', '{"signed": {}}'],
    ['base/timestamp.json', '[]'],
  ] as const) {
    await repository.ok(['repo', 'stage', '--discard']);
    await repository.ok(['repo', 'stage', 'targets']);
    writeFileSync(join(staged, file), content);
    const refused = await repository.run(['repo', 'sign']);
    expect([refused.status, refused.stderr]).toEqual([4, expect.stringContaining('[REPO_STAGE]')]);
  }
});

test('interrupted initialization goes on with sign and publish', async () => {
  const repository = new TestRepository();
  await repository.ok(['repo', 'init', repository.path, '--no-passphrase', '--stage']);
  const again = await repository.run(['repo', 'init', repository.path, '--no-passphrase']);
  expect(again.stderr).toContain('[REPO_EXISTS]');
  const early = await repository.run(['repo', 'update-timestamp']);
  expect(early.stderr).toContain('[REPO_NOT_FOUND]');
  await repository.ok(['repo', 'add-target', repository.publicKey('a.pub'), 'a.pub', '--stage']);
  await repository.ok(['repo', 'sign']);
  await repository.ok(['repo', 'publish']);
  expect(await repository.client().fetchTarget('a.pub', BEGIN)).toBeDefined();
});

test('a first version that was discarded is not continued', async () => {
  const repository = await new TestRepository().init('--stage');
  await repository.ok(['repo', 'stage', '--discard']);
  for (const args of [
    ['stage', 'root'],
    ['rotate-key', 'root', '--no-passphrase'],
  ]) {
    const refused = await repository.run(['repo', ...args]);
    expect([refused.status, refused.stderr]).toEqual([4, expect.stringContaining('[REPO_NOT_FOUND]')]);
  }
});

test('a copy whose past was forged is refused by the holder who knows a root', async () => {
  const repository = await new TestRepository().init();
  const known = repository.file('known.json', readFileSync(join(repository.public, '1.root.json')));
  await repository.ok(['repo', 'rotate-key', 'targets', '--no-passphrase', '--stage']);
  const key = join(repository.path, 'keys/root-1.pem');
  const sign = (copy: string) =>
    repository.run(['repo', 'sign', copy, '--key', key, '--root', known, '--yes'], { env: {} });
  // Somebody makes a repository of their own with the holder's root key in it, and stages the next root on that.
  const forger = new TestRepository();
  const holders = join(repository.path, 'keys/root-1.pub');
  await forger.ok([
    'repo',
    'init',
    forger.path,
    '--no-passphrase',
    '--threshold',
    'root=1/2',
    '--public-key',
    `root=${holders}`,
  ]);
  await forger.ok(['repo', 'stage', 'root']);
  const forged = join(forger.path, 'staged');
  const refused = await sign(forged);
  expect([refused.status, refused.stderr]).toEqual([4, expect.stringContaining('[REPO_STAGE]')]);
  const blind = await repository.run(['repo', 'sign', forged, '--key', key, '--yes'], { env: {} });
  expect(blind.stderr).toMatch(/= key of targets [0-9a-f]{64}/);
  const honest = await sign(join(repository.path, 'staged'));
  expect([honest.status, honest.stdout]).toEqual([0, expect.stringContaining('Signed root')]);
});
