import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { withLock } from '../../src/base/lock.ts';
import { BEGIN, days, TestRepository } from './repository.ts';

async function expectRefusal(repository: TestRepository, args: readonly string[], code: string, status = 4) {
  const before = published(repository);
  const refused = await repository.run(args);
  expect(refused.stderr).toContain(`[${code}]`);
  expect(refused.status).toBe(status);
  expect(published(repository)).toEqual(before);
  return refused;
}

function published(repository: TestRepository): string[] {
  if (!existsSync(repository.public)) return [];
  return readdirSync(repository.public, { recursive: true, encoding: 'utf8' }).sort();
}

test('a repository that cannot be made leaves nothing behind, and what was there stays', async () => {
  const repository = new TestRepository();
  mkdirSync(repository.path, { recursive: true });
  writeFileSync(join(repository.path, 'keys'), 'in the way');
  const refused = await repository.run(['repo', 'init', repository.path, '--no-passphrase']);
  expect(refused.stderr).toContain('keys is in the way: a directory is needed there [WRITE_FAILED]');
  expect(readdirSync(repository.path).filter((name) => name !== 'lock')).toEqual(['keys']);
});

test.each([
  '../escape',
  'a/../b',
  '/absolute',
  'a//b',
  '.',
  '..',
  '.hidden',
  'a/.hidden',
  'with space',
  'per%cent',
  'que?ry',
  'frag#ment',
  'back\\slash',
  'line\nfeed',
  'ünïcode',
  'nul\0',
  'constructor',
  '__proto__',
  '-flag/x',
  'x'.repeat(191),
  `${'d/'.repeat(300)}x`,
])('target name %j is refused', async (name) => {
  const repository = await new TestRepository().init();
  const file = repository.publicKey('a.pub');
  const refused = await repository.run(['repo', 'add-target', '--', file, name]);
  expect([refused.status, refused.stderr]).toEqual([4, expect.stringContaining('[TARGET_NAME]')]);
  expect(published(repository)).toHaveLength(4);
});

test('an existing target is replaced only when told so, and keeps what is said about it', async () => {
  const repository = await new TestRepository().init();
  const [first, second] = [repository.publicKey('1.pub'), repository.publicKey('2.pub')];
  await repository.ok([
    'repo',
    'add-target',
    first,
    'k.pub',
    '--usage',
    'Rekor',
    '--uri',
    'https://rekor.test',
    '--valid-until',
    '2030-01-01',
  ]);
  await expectRefusal(repository, ['repo', 'add-target', second, 'k.pub'], 'TARGET_EXISTS');
  const replaced = await repository.ok(['repo', 'add-target', second, 'k.pub', '--replace']);
  expect(replaced.stdout).toContain('usage Rekor, until 2030-01-01T00:00:00Z');
  expect(await repository.client().fetchTarget('k.pub', BEGIN)).toEqual(readFileSync(second));
});

test('a target that cannot be what it is published for is refused', async () => {
  const repository = await new TestRepository().init();
  const file = repository.file('text', 'hello');
  for (const usage of [
    'Rekor',
    'CTFE',
    'bundle-signer',
    'attestor',
    'Fulcio',
    'TSA',
    'service-map',
    'trusted-root',
  ])
    await expectRefusal(repository, ['repo', 'add-target', file, 'x', '--usage', usage], 'TARGET_INVALID', 2);
  await expectRefusal(repository, ['repo', 'add-target', file, 'rekor-key-v1.pub'], 'TARGET_INVALID', 2);
  const broken = repository.file(
    'broken.pem',
    '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
  );
  await expectRefusal(repository, ['repo', 'add-target', broken, 'fulcio-chain.pem'], 'TARGET_INVALID', 2);
  await expectRefusal(
    repository,
    ['repo', 'add-target', repository.file('empty', ''), 'x'],
    'TARGET_INVALID',
    2,
  );
  await expectRefusal(repository, ['repo', 'add-target', 'missing', 'x'], 'FILE_NOT_FOUND');
  await repository.ok(['repo', 'add-target', file, 'notes/readme.txt']);
});

test('targets that are not there are neither removed nor retired', async () => {
  const repository = await new TestRepository().init();
  const removed = await expectRefusal(repository, ['repo', 'remove-target', 'x'], 'TARGET_UNKNOWN');
  expect(removed.stderr).toMatch(/^error: Unknown target x/);
  await expectRefusal(repository, ['repo', 'remove-target', 'constructor'], 'TARGET_UNKNOWN');
  await expectRefusal(
    repository,
    ['repo', 'retire-target', 'x', '--valid-until', '2026-01-01'],
    'TARGET_UNKNOWN',
  );
  await expectRefusal(repository, ['repo', 'retire-target', 'x', '--valid-until', 'soon'], 'USAGE');
});

test('a retired key keeps its past: Active until the day has come, Expired after it', async () => {
  const repository = await new TestRepository().init();
  await repository.ok([
    'repo',
    'add-target',
    repository.publicKey('1.pub'),
    'rekor-key-v1.pub',
    '--valid-from',
    '2026-01-01',
  ]);
  const custom = (version: number) =>
    repository.published(`${version}.targets.json`).signed.targets['rekor-key-v1.pub']?.custom;
  await repository.ok(['repo', 'retire-target', 'rekor-key-v1.pub', '--valid-until', '2026-02-01']);
  expect(custom(3)).toEqual({
    sigstore: { usage: 'Rekor', status: 'Active' },
    stella: { valid_from: '2026-01-01T00:00:00Z', valid_until: '2026-02-01T00:00:00Z' },
  });
  await repository.ok(['repo', 'retire-target', 'rekor-key-v1.pub', '--valid-until', '2026-01-09T00:00:00Z']);
  expect(custom(4)).toMatchObject({ sigstore: { status: 'Expired' } });
  await expectRefusal(
    repository,
    ['repo', 'retire-target', 'rekor-key-v1.pub', '--valid-until', '2025-12-31'],
    'USAGE',
  );
});

test('a clock that was set back is refused before anything is signed', async () => {
  const repository = await new TestRepository().init();
  repository.now = days(10);
  await repository.ok(['repo', 'update-timestamp']);
  repository.now = days(9);
  await expectRefusal(repository, ['repo', 'update-timestamp'], 'CLOCK_BEHIND', 5);
  await expectRefusal(
    repository,
    ['repo', 'add-target', repository.publicKey('a.pub'), 'a.pub'],
    'CLOCK_BEHIND',
    5,
  );
});

test('a key file that others can read is not used', async () => {
  const repository = await new TestRepository().init();
  chmodSync(join(repository.path, 'keys/targets-1.pem'), 0o640);
  await expectRefusal(
    repository,
    ['repo', 'add-target', repository.publicKey('a.pub'), 'a.pub'],
    'KEY_PERMISSIONS',
  );
});

test('a key file in the place of another is named', async () => {
  const repository = await new TestRepository().init();
  copyFileSync(join(repository.path, 'keys/snapshot-1.pem'), join(repository.path, 'keys/targets-1.pem'));
  const refused = await expectRefusal(
    repository,
    ['repo', 'add-target', repository.publicKey('a.pub'), 'a.pub'],
    'KEY_INVALID',
  );
  expect(refused.stderr).toContain('keys/targets-1.pem is not the key targets-1 but snapshot-1');
});

test('two edits at once: the second is refused, none is lost', async () => {
  const repository = await new TestRepository().init();
  const file = repository.publicKey('a.pub');
  await withLock(repository.path, async () => {
    await expectRefusal(repository, ['repo', 'add-target', file, 'a.pub'], 'LOCKED');
  });
  await repository.ok(['repo', 'add-target', file, 'a.pub']);
});

test('nothing is signed on top of metadata that somebody has altered', async () => {
  const repository = await new TestRepository().init();
  const path = join(repository.public, '1.targets.json');
  writeFileSync(
    path,
    readFileSync(path, 'utf8').replace(
      '"targets": {}',
      '"targets": {"evil": {"length": 1, "hashes": {"sha256": "00"}}}',
    ),
  );
  await expectRefusal(
    repository,
    ['repo', 'add-target', repository.publicKey('a.pub'), 'a.pub'],
    'TUF_SIGNATURE',
    2,
  );
  await expectRefusal(repository, ['repo', 'verify'], 'TUF_SIGNATURE', 2);
});

test('settings with an error are refused by name', async () => {
  const repository = await new TestRepository().init();
  const path = join(repository.path, 'repo.yaml');
  const good = readFileSync(path, 'utf8');
  for (const [text, said] of [
    [good.replace('version: 1', 'version: 2'), 'field version'],
    [`${good}surprise: 1\n`, 'surprise'],
    [good.replace('365d', 'P1Y'), 'not a duration'],
    [good.replace('365d', '0d'), 'expires.root'],
    [good.replace('keys:', 'keys: ['), 'repo.yaml'],
  ] as const) {
    writeFileSync(path, text);
    const refused = await repository.run(['repo', 'status']);
    expect(refused.stderr).toContain(said);
    expect(refused.status).toBe(4);
  }
});

test('comments in repo.yaml survive a new key', async () => {
  const repository = await new TestRepository().init();
  const path = join(repository.path, 'repo.yaml');
  appendFileSync(path, '# the ceremony is on Mondays\n');
  await repository.ok(['repo', 'add-key', 'targets', '--no-passphrase']);
  const text = readFileSync(path, 'utf8');
  expect(text).toContain('# the ceremony is on Mondays');
  expect(text).toContain('targets-2:');
});

test.each([
  [['--threshold', 'root=3/2'], 'USAGE'],
  [['--threshold', 'boss=1/1'], 'USAGE'],
  [['--threshold', 'root=x'], 'USAGE'],
  [['--expires', 'root=never'], 'USAGE'],
  [['--expires', 'root=0d'], 'CONFIG_INVALID'],
  [['--target', 'no-file'], 'USAGE'],
  [['--target', '../x=repo.yaml'], 'FILE_NOT_FOUND'],
  [['--public-key', 'root=missing.pub'], 'FILE_NOT_FOUND'],
])('init with %j is refused and leaves nothing behind', async (flags, code) => {
  const repository = new TestRepository();
  await expectRefusal(repository, ['repo', 'init', repository.path, '--no-passphrase', ...flags], code);
  expect(existsSync(repository.path)).toBe(false);
});

test('init does not touch a repository that is there', async () => {
  const repository = await new TestRepository().init();
  await expectRefusal(repository, ['repo', 'init', repository.path, '--no-passphrase'], 'REPO_EXISTS');
});

test('a served directory that is a symbolic link to another volume works', async () => {
  const repository = new TestRepository();
  mkdirSync(join(repository.area, 'volume'));
  mkdirSync(repository.path);
  await repository.init('--stage');
  symlinkSync(join(repository.area, 'volume'), repository.public);
  await repository.ok(['repo', 'sign']);
  await repository.ok(['repo', 'publish']);
  await repository.client().refresh(BEGIN);
});

test('the service map is changed in one step', async () => {
  const repository = await new TestRepository().init();
  await expectRefusal(
    repository,
    ['repo', 'swap-endpoint', 'rekor', 'https://new.test'],
    'SERVICE_MAP_NOT_FOUND',
  );
  const map = {
    version: 1,
    rekor: { url: 'https://old.test', public_key_target: 'rekor-key-v1' },
    overrides: { staging: { rekor_url: 'https://s.test' } },
  };
  await repository.ok([
    'repo',
    'add-target',
    repository.file('m.json', JSON.stringify(map)),
    'sigstore-services-v1.json',
  ]);
  const swapped = await repository.ok(['repo', 'swap-endpoint', 'rekor', 'https://new.test']);
  expect(swapped.stdout).toContain('rekor is https://new.test, was https://old.test');
  await repository.ok(['repo', 'swap-endpoint', 'rekor', 'https://s2.test', '--environment', 'staging']);
  await repository.ok(['repo', 'swap-endpoint', 'fulcio', 'https://f.test']);
  const now = JSON.parse(
    (await repository.client().fetchTarget('sigstore-services-v1.json', BEGIN))!.toString(),
  ) as unknown;
  expect(now).toEqual({
    version: 1,
    rekor: { url: 'https://new.test', public_key_target: 'rekor-key-v1' },
    fulcio: { url: 'https://f.test' },
    overrides: { staging: { rekor_url: 'https://s2.test' } },
  });
  await expectRefusal(repository, ['repo', 'swap-endpoint', 'rekor', 'ftp://x'], 'TARGET_INVALID', 2);
  await expectRefusal(repository, ['repo', 'swap-endpoint', 'mail', 'https://x'], 'USAGE');
});

test('a STELLA_REPO that names no repository is said to be the variable', async () => {
  const repository = await new TestRepository().init();
  for (const [value, code] of [
    ['/nonexistent', 'REPO_NOT_FOUND'],
    ['~bob/repo', 'CONFIG_INVALID'],
  ] as const) {
    const env = { HOME: repository.area, STELLA_REPO: value };
    const { status, stderr } = await repository.run(['repo', 'status'], { env });
    expect([status, stderr]).toEqual([4, expect.stringContaining(`[${code}]`)]);
    expect(stderr).toContain('STELLA_REPO');
  }
  await repository.ok(['repo', 'status'], { env: { HOME: repository.area, STELLA_REPO: '~/repo' } });
});

test('~/ in repo.yaml is the home directory, where a key is looked for', async () => {
  const repository = await new TestRepository().init();
  const settings = join(repository.path, 'repo.yaml');
  const text = readFileSync(settings, 'utf8');
  renameSync(join(repository.path, 'keys'), join(repository.area, 'elsewhere'));
  writeFileSync(settings, text.replaceAll('file: keys/', 'file: ~/elsewhere/'));
  const renew = ['repo', 'update-timestamp', '--force'];
  const env = { STELLA_REPO: repository.path };
  await repository.ok(renew, { env: { ...env, HOME: repository.area } });
  const { status, stderr } = await repository.run(renew, { env });
  expect([status, stderr]).toEqual([
    4,
    expect.stringMatching(/repo\.yaml: key timestamp-1: .*\[CONFIG_INVALID\]/),
  ]);
});
