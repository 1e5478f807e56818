import { spawnSync } from 'node:child_process';
import { mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { stella } from '../../../support/cli.ts';

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

test('a shell that is not known is refused', async () => {
  const { status, stderr } = await stella(['completion', 'tcsh']);
  expect(status).toBe(4);
  expect(stderr).toContain('[USAGE]');
});

/** PowerShell source without comments and the content of strings; `$(…)` inside a string is code and stays. */
function powershellCode(source: string): string {
  let code = '';
  /** Ends of what is open: a quotation mark for a string, a bracket for `$(` inside one. */
  const open: string[] = [];
  for (let at = 0; at < source.length; at += 1) {
    const [char, next] = [source[at]!, source[at + 1]];
    const inside = open.at(-1);
    if (inside === "'") {
      if (char === "'" && next === "'") at += 1;
      else if (char === "'") open.pop();
    } else if (inside === '"') {
      if (char === '`' || (char === '"' && next === '"')) at += 1;
      else if (char === '"') open.pop();
      else if (char === '$' && next === '(') {
        open.push(')');
        code += '(';
        at += 1;
      }
    } else if (char === "'" || char === '"') open.push(char);
    else if (char === '`') at += 1;
    else if (char === '#') at = source.indexOf('\n', at) - 1;
    else {
      code += char;
      if (char === '(' && open.length > 0) open.push(')');
      if (char === ')' && open.length > 0) open.pop();
    }
  }
  expect(open, 'a string that does not end').toEqual([]);
  return code;
}

// No PowerShell can be had from the registries that this project is built with: its script is examined as text.
describe('the script for PowerShell', () => {
  test('has strings that end and brackets that match', async () => {
    const code = powershellCode((await stella(['completion', 'powershell'])).stdout);
    const pairs: Record<string, string> = { '}': '{', ')': '(', ']': '[' };
    const open: string[] = [];
    for (const [bracket] of code.matchAll(/[{}()[\]]/g)) {
      if (!(bracket in pairs)) open.push(bracket);
      else expect(open.pop()).toBe(pairs[bracket]);
    }
    expect(open).toEqual([]);
    expect(() => powershellCode('Write-Host "$(1 + 2) is not closed')).toThrow('a string that does not end');
  });

  test('uses what it defines, asks this command, and is registered for it', async () => {
    const { stdout } = await stella(['completion', 'powershell']);
    const defined = [...stdout.matchAll(/^\s*(?:function|filter) (\w+)/gm)].map(([, name]) => name!);
    const used = new Set([...stdout.matchAll(/__stella_\w+/g)].map(([name]) => name));
    expect([...used].sort()).toEqual([...defined].sort());
    const [, block] = /^\[scriptblock\](\$\w+) = \{$/m.exec(stdout)!;
    expect(stdout).toContain(`Register-ArgumentCompleter -CommandName 'stella' -ScriptBlock ${block}`);
    expect(stdout).toContain(`$RequestComp = "& stella complete '--' $QuotedArgs"`);
    // The two directives that `stella complete` gives: file names, and no file names.
    expect(stdout).toContain('$ShellCompDirectiveNoFileComp=4');
    expect(stdout).toContain("[int]$Directive = $Out[-1].TrimStart(':')");
    expect(stdout).toContain('$Name, $Description = $_.Split("`t", 2)');
  });
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
