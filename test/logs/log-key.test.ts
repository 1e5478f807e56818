import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { geteuid } from 'node:process';
import { expect, test } from 'vitest';
import { foreignOwnerOf } from '../../src/base/safety/ownership.ts';
import { stella } from '../support/cli.ts';
import { temporaryDirectory } from '../support/temp.ts';

const isRoot = geteuid?.() === 0;
if (!isRoot) console.warn('skipping directories of other users: only root can give them away');
const STRANGER = 4242;

async function makeLog(): Promise<{
  area: string;
  append: (...args: string[]) => ReturnType<typeof stella>;
}> {
  const area = temporaryDirectory();
  mkdirSync(join(area, 'keys'));
  const run = (args: readonly string[]) => stella(args, { cwd: area, env: { HOME: area }, stdin: 'entry\n' });
  const made = await run(['log', 'init', 'log', '--origin', 'log.test', '--key', 'keys/log.key']);
  expect(made.status, made.stderr).toBe(0);
  return { area, append: (...args) => run(['log', 'append', 'log', ...args]) };
}

test.runIf(isRoot)('a log key in a directory of another user is not used', async () => {
  const { area, append } = await makeLog();
  expect((await append()).status).toBe(0);
  chownSync(join(area, 'keys'), STRANGER, STRANGER);
  for (const args of [[], ['--key', 'keys/log.key']]) {
    const refused = await append(...args);
    expect([refused.status, refused.stderr]).toEqual([4, expect.stringContaining('[KEY_PERMISSIONS]')]);
    expect(refused.stderr).toContain(`belongs to another user (uid ${STRANGER})`);
  }
});

test('a log that others can write does not say which key signs', async () => {
  const { area, append } = await makeLog();
  chmodSync(join(area, 'log'), 0o777);
  const refused = await append();
  expect([refused.status, refused.stderr]).toEqual([4, expect.stringContaining('[KEY_PERMISSIONS]')]);
  expect((await append('--key', join(area, 'keys/log.key'))).status).toBe(0);
});

test.runIf(isRoot)('directories of this user and of root are not foreign', () => {
  const area = temporaryDirectory();
  expect(foreignOwnerOf(area)).toBeUndefined();
  expect(foreignOwnerOf(join(area, 'absent'))).toBeUndefined();
  chownSync(area, STRANGER, STRANGER);
  expect(foreignOwnerOf(area)).toContain(`uid ${STRANGER}`);
});
