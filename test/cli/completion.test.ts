import { spawnSync } from 'node:child_process';
import { mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { stella } from '../support/cli.ts';

const complete = async (...words: string[]) => {
  const { stdout, status } = await stella(['complete', '--', ...words]);
  expect(status).toBe(0);
  const lines = stdout.trimEnd().split('\n');
  return { values: lines.slice(0, -1).map((line) => line.split('\t')[0]), directive: lines.at(-1) };
};
const NO_FILES = ':4';
const FILES = ':0';

describe('completion offers', () => {
  test('groups and commands', async () => {
    expect((await complete('')).values).toEqual(
      expect.arrayContaining(['trust', 'attest', 'repo', 'doctor']),
    );
    expect(await complete('trust', 'snap')).toEqual({ values: ['snapshot'], directive: NO_FILES });
    expect((await complete('trust', 'snapshot', '')).values).toEqual(
      expect.arrayContaining(['export', 'inspect', 'verify', 'sign']),
    );
  });

  test('nothing that is hidden', async () => {
    expect((await complete('compl')).values).toEqual(['completion']);
  });

  test('flags of this command and of no other', async () => {
    const { values } = await complete('trust', 'import', '--');
    expect(values).toEqual(expect.arrayContaining(['--reject-if-stale', '--log-file']));
    expect(values).not.toContain('--depth');
  });

  test('values of a flag that has a fixed set of them', async () => {
    expect((await complete('repo', 'add-target', '--usage', 'Re')).values).toEqual(['Rekor']);
    expect((await complete('completion', '')).values).toEqual(['bash', 'zsh', 'fish', 'powershell']);
  });

  test('files where a file is wanted, and nothing where something else is', async () => {
    expect((await complete('trust', 'import', '')).directive).toBe(FILES);
    expect((await complete('attest', 'verify', 'a.json', '--artifact', '')).directive).toBe(FILES);
    expect((await complete('attest', 'verify', 'a.json', '')).directive).toBe(FILES);
    expect((await complete('trust', 'import', 'x', '')).directive).toBe(NO_FILES);
    expect((await complete('trust', 'import', 'x', '--reject-if-stale', '')).directive).toBe(NO_FILES);
    expect((await complete('trust', 'sync', '')).directive).toBe(NO_FILES);
  });
});

describe.each([
  ['bash', ['-n'], '.sh'],
  ['zsh', ['-n'], '.zsh'],
  ['fish', ['--no-execute'], '.fish'],
])('the script for %s', (shell, check, suffix) => {
  const present = spawnSync(shell, ['-c', 'true']).status === 0;
  if (!present) console.warn(`${shell} is not installed: its completion script is not parsed by it here`);
  test.skipIf(!present)('is one that the shell can read', async () => {
    const { stdout } = await stella(['completion', shell]);
    const file = join(mkdtempSync(join(tmpdir(), 'stella-test-')), `script${suffix}`);
    writeFileSync(file, stdout);
    const { status, stderr } = spawnSync(shell, [...check, file], { encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(status).toBe(0);
  });
});

test('PowerShell gets a script too, and another shell a refusal', async () => {
  expect((await stella(['completion', 'powershell'])).stdout).toContain('Register-ArgumentCompleter');
  const { status, stderr } = await stella(['completion', 'tcsh']);
  expect(status).toBe(4);
  expect(stderr).toContain('[USAGE]');
});

test('bash really completes with it', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'stella-test-'));
  symlinkSync(resolve('bin/stella.js'), join(directory, 'stella'));
  writeFileSync(join(directory, 'script.sh'), (await stella(['completion', 'bash'])).stdout);
  const { stdout, stderr } = spawnSync(
    'bash',
    [
      '--norc',
      '-c',
      `source ${directory}/script.sh
      # Of the package bash-completion, which every system with completion has.
      _get_comp_words_by_ref() { cur=stat prev=trust words=(stella trust stat) cword=2; }
      compopt() { :; }
      name=$(complete -p stella | sed 's/.*-F \\([^ ]*\\).*/\\1/')
      COMP_WORDS=(stella trust stat) COMP_CWORD=2 COMP_LINE='stella trust stat' COMP_POINT=17
      $name stella stat trust
      printf '%s\\n' "\${COMPREPLY[@]}"`,
    ],
    {
      encoding: 'utf8',
      env: { PATH: `${directory}:${resolve('node_modules/.bin')}:${process.env['PATH']}`, HOME: directory },
    },
  );
  expect(stderr).toBe('');
  expect(stdout.trim()).toMatch(/^status/);
});
