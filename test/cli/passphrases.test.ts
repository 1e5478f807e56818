import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { loadKeyFile } from '../../src/repository/keys/key-ring.ts';
import { stella } from '../support/cli.ts';
import { refusal } from '../support/errors.ts';
import { temporaryTree } from '../support/temp.ts';

const RIGHT = 'correct horse';
const now = '2026-02-01T00:00:00Z';
let base: string;
let key: string;

beforeAll(async () => {
  base = temporaryTree();
  const env = { STELLA_KEY_PASSPHRASE: RIGHT };
  const made = await stella(['repo', 'init', 'repo'], { cwd: base, env, now });
  expect(made.status).toBe(0);
  key = join(base, 'repo', 'keys', 'timestamp-1.pem');
});

const renew = (answers: string[] | undefined, env: Record<string, string> = {}, ...more: string[]) =>
  stella(['repo', 'update-timestamp', '--force', '--repo', 'repo', ...more], {
    ...{ cwd: base, env, now },
    ...(answers ? { answers } : {}),
  });
const questions = (stderr: string) => stderr.split('Passphrase of key').length - 1;

describe('a passphrase that is typed', () => {
  test('is asked for again when it was wrong, and says so', async () => {
    const { status, stderr } = await renew(['wrong', RIGHT]);
    expect(status).toBe(0);
    expect(stderr).toContain('That was wrong (attempt 2 of 3). Passphrase of key timestamp-1: ');
    expect(questions(stderr)).toBe(2);
  });

  test('is asked for three times at most', async () => {
    const { status, stderr } = await renew(['wrong', '', 'wrong', RIGHT]);
    expect(status).toBe(4);
    expect(questions(stderr)).toBe(3);
    expect(stderr).toContain('[KEY_PASSPHRASE]');
  });

  test('for new keys is asked for again when the two differ or are empty', async () => {
    const directory = mkdtempSync(join(base, 'new-'));
    const init = (answers: string[]) =>
      stella(['repo', 'init', 'repo'], { cwd: directory, env: {}, now, answers });
    const refused = await init(['a', 'b', '', '', 'a', 'b', RIGHT, RIGHT]);
    expect(refused.status).toBe(4);
    expect(refused.stderr).toContain('the two passphrases differ or are empty [KEY_PASSPHRASE]');
    const made = await init(['a', 'b', RIGHT, RIGHT]);
    expect(made.stderr).toContain('They differed or were empty. Passphrase for the new keys: ');
    expect(made.status).toBe(0);
  });
});

describe('a passphrase that is given', () => {
  test('in the environment is tried once, and nobody is asked', async () => {
    const { status, stderr } = await renew([RIGHT], { STELLA_KEY_PASSPHRASE: 'wrong' });
    expect(status).toBe(4);
    expect(questions(stderr)).toBe(0);
    expect(stderr).toContain('the passphrase does not open the private key [KEY_PASSPHRASE]');
  });

  test('in a file, too', async () => {
    writeFileSync(join(base, 'passphrase'), 'wrong\n');
    const { status, stderr } = await renew([RIGHT], {}, '--key-passphrase-file', 'passphrase');
    expect(status).toBe(4);
    expect(questions(stderr)).toBe(0);
  });

  test('by nobody is what is said where nobody can be asked', async () => {
    const { status, stderr } = await renew(undefined);
    expect(status).toBe(4);
    expect(stderr).toContain('no passphrase was given [KEY_PASSPHRASE]');
  });
});

test('a program is told which attempt it is, and ends them by giving none', async () => {
  const attempts: number[] = [];
  await refusal('KEY_PASSPHRASE', () =>
    loadKeyFile(key, 'timestamp-1', async (_, attempt) => {
      attempts.push(attempt);
      return attempt < 2 ? 'wrong' : undefined;
    }),
  );
  expect(attempts).toEqual([1, 2]);
});

const hasScript = spawnSync('script', ['--version']).status === 0;

test.skipIf(!hasScript)('on a real terminal the second answer is heard, and neither is shown', async () => {
  const command = `'${process.execPath}' '${resolve('bin/stella.js')}' repo update-timestamp --force --repo repo`;
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    cwd: base,
    env: { PATH: process.env['PATH'] ?? '', HOME: base, TERM: 'xterm' },
  });
  let [output, asked] = ['', 0];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    if (questions(output) === asked) return;
    asked += 1;
    child.stdin.write(asked === 1 ? 'mistyped\r' : `${RIGHT}\r`);
  });
  // The other roles were made long ago: exit status 5 says that they have expired.
  expect(await new Promise((done) => child.on('close', done)), output).toBe(5);
  expect(asked).toBe(2);
  expect(output).not.toContain('KEY_PASSPHRASE');
  expect(output).not.toContain('mistyped');
  expect(output).not.toContain(RIGHT);
});
