import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { checkPattern } from '../../src/repository/edit/path-pattern.ts';
import { binOf } from '../../src/tuf/delegation.ts';
import { refusal } from '../support/errors.ts';
import { BEGIN, days, TestRepository } from './repository.ts';

test('a team lists its own targets with its own key, and clients find them', async () => {
  const repository = await new TestRepository().init();
  await repository.ok([
    'repo',
    'delegate',
    'team',
    '--paths',
    'team/*',
    '--paths',
    'shared/*/x-?.pub',
    '--no-passphrase',
  ]);
  const client = repository.client();
  const key = repository.publicKey('a.pub');
  for (const name of ['team/a.pub', 'shared/b/x-1.pub'])
    await repository.ok(['repo', 'add-target', key, name, '--role', 'team']);
  expect(await client.fetchTarget('team/a.pub', BEGIN)).toEqual(readFileSync(key));
  expect(await client.fetchTarget('shared/b/x-1.pub', BEGIN)).toEqual(readFileSync(key));
  const outside = await repository.run(['repo', 'add-target', key, 'other/a.pub', '--role', 'team']);
  expect([outside.status, outside.stderr]).toEqual([4, expect.stringContaining('is not delegated the path')]);
  await repository.ok(['repo', 'add-target', key, 'team/a.pub', '--replace', '--usage', 'attestor']);
  await repository.ok(['repo', 'remove-target', 'team/a.pub']);
  expect(await client.fetchTarget('team/a.pub', BEGIN)).toBeUndefined();
  await repository.ok(['repo', 'verify']);
});

test('the key of a delegated role is rotated with what it signed', async () => {
  const repository = await new TestRepository().init();
  await repository.ok(['repo', 'delegate', 'team', '--paths', 'team/*', '--no-passphrase', '--terminating']);
  await repository.ok(['repo', 'add-target', repository.publicKey('a.pub'), 'team/a.pub', '--role', 'team']);
  const client = repository.client();
  await client.fetchTarget('team/a.pub', BEGIN);
  await repository.ok(['repo', 'rotate-key', 'team', '--no-passphrase']);
  expect(await client.fetchTarget('team/a.pub', BEGIN)).toBeDefined();
  await repository.ok(['repo', 'add-key', 'team', '--threshold', '2', '--no-passphrase']);
  expect(await client.fetchTarget('team/a.pub', BEGIN)).toBeDefined();
  await repository.ok(['repo', 'remove-key', 'team', 'team-2', '--threshold', '1']);
  expect(await client.fetchTarget('team/a.pub', BEGIN)).toBeDefined();
  await repository.ok(['repo', 'verify']);
});

test('a delegation to a key that is kept elsewhere waits for its signature', async () => {
  const repository = await new TestRepository().init();
  const key = repository.publicKey('elsewhere.pub');
  const direct = await repository.run(['repo', 'delegate', 'team', '--paths', 'team/*', '--public-key', key]);
  expect([direct.status, direct.stderr]).toEqual([
    2,
    expect.stringContaining('team needs 1 more signature by keys of role targets'),
  ]);
  expect(direct.stderr).toContain('stella repo sign`: elsewhere');
});

test('hash bins take all new targets, and clients find every one of them', async () => {
  const repository = await new TestRepository().init();
  const key = repository.publicKey('a.pub');
  await repository.ok(['repo', 'add-target', key, 'before.pub']);
  await repository.ok(['repo', 'delegate', 'bin', '--hash-bins', '8', '--no-passphrase']);
  expect(readdirSync(repository.public).filter((name) => name.startsWith('1.bin-'))).toHaveLength(8);
  const names = Array.from({ length: 6 }, (_, i) => `key-${i}.pub`);
  for (const name of names) await repository.ok(['repo', 'add-target', key, name]);
  const client = repository.client();
  for (const name of ['before.pub', ...names])
    expect(await client.fetchTarget(name, BEGIN)).toEqual(readFileSync(key));
  await repository.ok(['repo', 'rotate-key', 'bin', '--no-passphrase']);
  expect(await client.fetchTarget('key-0.pub', BEGIN)).toBeDefined();
  await repository.ok(['repo', 'verify']);
  repository.now = days(85);
  const soon = await repository.run(['repo', 'update-timestamp']);
  expect(soon.stderr).toMatch(/bin-2 expires in 5d and 5 more \[REPO_EXPIRING\]/);
  await repository.ok(['repo', 'stage', 'bin', 'targets']);
  await repository.ok(['repo', 'sign']);
  await repository.ok(['repo', 'publish']);
  await repository.ok(['repo', 'update-timestamp']);
  expect(await client.fetchTarget('key-1.pub', repository.now)).toBeDefined();
  const second = await repository.run(['repo', 'delegate', 'team', '--paths', 'team/*', '--no-passphrase']);
  expect(second.stderr).toContain('hash bins exclude other delegations [USAGE]');
});

test.each(['0', '1', '3', 'many', '65536', '-2'])('%s is not a number of hash bins', async (count) => {
  const repository = await new TestRepository().init();
  const refused = await repository.run([
    'repo',
    'delegate',
    'bin',
    `--hash-bins=${count}`,
    '--no-passphrase',
  ]);
  expect([refused.status, refused.stderr]).toEqual([4, expect.stringContaining('[USAGE]')]);
  expect(readdirSync(join(repository.path, 'keys')).some((name) => name.startsWith('bin'))).toBe(false);
});

test.each(['root', 'timestamp', '../x', 'a/b', '', 'constructor', '.hidden', 'x'.repeat(101)])(
  'no delegated role is called %j',
  async (name) => {
    const repository = await new TestRepository().init();
    const refused = await repository.run(['repo', 'delegate', name, '--paths', 'a/*', '--no-passphrase']);
    expect([refused.status, refused.stderr]).toEqual([4, expect.stringContaining('[USAGE]')]);
  },
);

test('a bin is chosen as TAP 15 has it', () => {
  // SHA-256("foo") begins with 2c26: the first three bits are 001.
  const binAmong = (bit_length: number) =>
    binOf({ bit_length, name_prefix: 'bin', keyids: [], threshold: 1 }, 'foo');
  expect(binAmong(3)).toBe('bin-1');
  expect(binAmong(8)).toBe('bin-2c');
  expect(binAmong(10)).toBe('bin-0b0');
});

test.each(['', '**', 'a/**', '../x', 'a//b', 'a/{b,c}', 'a/[ab]', 'a b', '/a'])(
  '%j is no path pattern',
  async (pattern) => {
    await refusal('USAGE', () => checkPattern(pattern));
  },
);

test('an expiring delegated role is reported by the daily run', async () => {
  const repository = await new TestRepository().init();
  await repository.ok(['repo', 'delegate', 'team', '--paths', 'team/*', '--no-passphrase']);
  repository.now = days(25);
  const update = await repository.run(['repo', 'update-timestamp']);
  expect(update.status).toBe(5);
  expect(update.stderr).toBe(
    [
      'Timestamp 3, valid until 2026-02-05T08:00:00Z',
      'error: snapshot expires in 5d [REPO_EXPIRING]',
      'hint: renew them with `stella repo stage ROLE...`, `stella repo sign` and `stella repo publish`',
      '',
    ].join('\n'),
  );
  await repository.ok(['repo', 'stage', 'snapshot']);
  await repository.ok(['repo', 'publish']);
  repository.now = days(80);
  await repository.ok(['repo', 'stage', 'targets']);
  await repository.ok(['repo', 'sign']);
  await repository.ok(['repo', 'publish']);
  repository.now = days(84);
  const late = await repository.run(['repo', 'update-timestamp']);
  expect([late.status, late.stderr]).toEqual([
    5,
    expect.stringContaining('team expires in 6d [REPO_EXPIRING]'),
  ]);
  await repository.client().refresh(repository.now);
});

test('a usage of a target that a delegated role lists is said not to count', async () => {
  const repository = await new TestRepository().init();
  await repository.ok(['repo', 'delegate', 'team', '--paths', 'team/*', '--no-passphrase']);
  const key = repository.publicKey('a.pub');
  const add = async (name: string, ...args: string[]) => {
    const { status, stderr } = await repository.run(['repo', 'add-target', key, name, ...args]);
    expect(status).toBe(0);
    return stderr;
  };
  expect(await add('team/a.pub', '--role', 'team', '--usage', 'attestor')).toMatch(
    /^warning: the usage attestor of team\/a\.pub does not count for clients: .* trust_roles names team$/m,
  );
  expect(await add('team/b.pub', '--role', 'team', '--usage', 'other')).not.toContain('does not count');
  expect(await add('attestor-key-v1.pub', '--usage', 'attestor')).not.toContain('does not count');
});
