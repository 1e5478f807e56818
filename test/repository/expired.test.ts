import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { TOP_ROLES } from '../../src/tuf/roles.ts';
import type { CliResult } from '../support/cli.ts';
import { days, TestRepository } from './repository.ts';

/** The commands of the hints, in order: those in backticks, and the script that stands for one. */
function commandsOf({ stderr }: CliResult): string[][] {
  return [...stderr.matchAll(/`stella ([^`]+)`|\.\/scripts\/(update-timestamp)\.sh/g)].map(
    ([, command, script]) => (command === undefined ? ['repo', script!] : command.split(' ')),
  );
}

test.each(TOP_ROLES)('an expired %s is told with the commands that renew it, and they do', async (role) => {
  const others = TOP_ROLES.filter((other) => other !== role).map((other) => `--expires=${other}=20d`);
  const repository = await new TestRepository().init(`--expires=${role}=2d`, ...others);
  await repository.ok([
    'repo',
    'add-target',
    repository.publicKey('rekor-key-v1.pub'),
    'rekor-key-v1.pub',
    '--usage',
    'Rekor',
  ]);
  const setting = (name: string) => {
    const home = join(repository.area, name);
    mkdirSync(home, { recursive: true });
    return { cwd: home, env: { HOME: home } };
  };
  const url = pathToFileURL(repository.public).href;
  const init = ['trust', 'init', '--tuf-url', url, '--root', join(repository.public, '1.root.json')];
  await repository.ok(init, setting('client'));

  repository.now = days(3);
  const late = await repository.run(['trust', 'sync', '--force'], setting('client'));
  expect([late.status, late.stderr]).toEqual([
    5,
    expect.stringMatching(new RegExp(`expired: ${role}.json.*\\[TUF_EXPIRED\\]`)),
  ]);
  const first = await repository.run(init, setting('newcomer'));
  expect([first.status, first.stderr]).toEqual([5, expect.stringContaining('`stella trust init`')]);
  expect(first.stderr).not.toContain('sync');
  expect(commandsOf(first).slice(0, -1)).toEqual(commandsOf(late).slice(0, -1));
  const verified = await repository.run(['repo', 'verify']);
  expect([verified.status, commandsOf(verified)]).toEqual([5, commandsOf(late).slice(0, -1)]);

  const commands = commandsOf(late);
  expect(commands.at(-1)).toEqual(['trust', 'sync', '--force']);
  expect(commands[0]).toEqual(role === 'timestamp' ? ['repo', 'update-timestamp'] : ['repo', 'stage', role]);
  for (const command of commands.slice(0, -1))
    await repository.ok(command, { answers: ['yes'], env: { STELLA_REPO: repository.path } });
  await repository.ok(commands.at(-1)!, setting('client'));
  await repository.ok(init, setting('newcomer'));
});

test('a forged signature is not answered with what was just done, on either side', async () => {
  const repository = await new TestRepository().init();
  const home = { cwd: repository.area, env: { HOME: repository.area } };
  await repository.ok(
    [
      'trust',
      'init',
      '--tuf-url',
      pathToFileURL(repository.public).href,
      '--root',
      join(repository.public, '1.root.json'),
    ],
    home,
  );
  const path = join(repository.public, 'timestamp.json');
  const forged = readFileSync(path, 'utf8').replace(/"version":\s*1(?!\d)/g, '"version":9');
  writeFileSync(path, forged);
  const sync = await repository.run(['trust', 'sync', '--force'], home);
  expect([sync.status, sync.stderr]).toEqual([2, expect.stringContaining('[TUF_SIGNATURE]')]);
  expect(sync.stderr).not.toContain('trust sync');
  for (const command of [
    ['repo', 'verify'],
    ['repo', 'status'],
  ]) {
    const { status, stderr } = await repository.run(command);
    expect([status, stderr]).toEqual([2, expect.stringContaining('[TUF_SIGNATURE]')]);
    expect(stderr).not.toContain('trust sync');
  }
});
