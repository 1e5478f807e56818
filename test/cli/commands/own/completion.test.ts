import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
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
    expect((await complete('attest', 'verify', 'a.json', '--artifact=a')).directive).toBe(FILES);
    expect((await complete('trust', 'import', 'x', '--reject-if-stale=')).directive).toBe(NO_FILES);
  });

  test('common flags before the command, their values, and the command after them', async () => {
    expect((await complete('--js')).values).toEqual(['--json']);
    expect((await complete('trust', '--quie')).values).toEqual(['--quiet']);
    expect((await complete('--config', '')).directive).toBe(FILES);
    expect((await complete('--config=x')).directive).toBe(FILES);
    expect((await complete('--json', '--config', 'x', 'trust', 'stat')).values).toEqual(['status']);
    expect((await complete('--config=x', 'tru')).values).toEqual(['trust']);
  });

  test('commands after help, and nothing after a whole one', async () => {
    expect((await complete('help', 'trust', 'imp')).values).toEqual(['import']);
    expect(await complete('help', 'trust', 'import', '')).toEqual({ values: [], directive: NO_FILES });
    expect(await complete('nonsense', '')).toEqual({ values: [], directive: NO_FILES });
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

/** A real terminal, by script(1) of util-linux. */
const hasScript = spawnSync('script', ['--version']).status === 0;

test.skipIf(!hasScript)(
  'bash really completes with it: alone, without the package bash-completion',
  async () => {
    const directory = mkdtempSync(join(tmpdir(), 'stella-test-'));
    // Prints what it was called with, and is stella where it is asked to complete.
    writeFileSync(
      join(directory, 'stella'),
      `#!/bin/sh\n[ "$1" = complete ] && exec '${process.execPath}' '${resolve('bin/stella.js')}' "$@"\nprintf '<%s>' "$@"\necho\n`,
      { mode: 0o755 },
    );
    writeFileSync(join(directory, 'script.sh'), (await stella(['completion', 'bash'])).stdout);
    mkdirSync(join(directory, 'carried'));
    writeFileSync(join(directory, 'carried', 'my bundle'), '');
    const lines = [
      ['source script.sh; source script.sh', ''],
      ['stella --json tru\tsnap\tver\tcarr\tmy\t', '<--json><trust><snapshot><verify><carried/my bundle>'],
      ['./stella repo add-target --usage=Re\t', '<repo><add-target><--usage=Rekor>'],
      ['stella trust import `touch evaluated`\t', ''],
    ] as const;
    const child = spawn('script', ['-qec', 'bash --norc --noprofile', '/dev/null'], {
      cwd: directory,
      env: { PATH: `${directory}:${process.env['PATH']}`, HOME: directory, PS1: 'ready> ', TERM: 'dumb' },
    });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    const prompts = () => output.split('ready> ').length - 1;
    for (const [i, [typed]] of lines.entries()) {
      await vi.waitUntil(() => prompts() > i, { timeout: 10_000, interval: 5 });
      // The last line is only completed, never run.
      child.stdin.write(`${typed}${i === lines.length - 1 ? '\u0003' : '\r'}`);
    }
    await vi.waitUntil(() => prompts() > lines.length, { timeout: 10_000, interval: 5 });
    child.stdin.write('exit\r');
    await new Promise((done) => child.on('close', done));
    for (const [, printed] of lines) expect(output).toContain(printed);
    expect(readdirSync(directory)).not.toContain('evaluated');
  },
);
