import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { makeSite, type Site } from '../support/site.ts';
import { temporaryTree } from '../support/temp.ts';

let base: string;
let site: Site;
const script = resolve('bin/stella.js');
const env = (home: string) => ({ PATH: process.env['PATH'] ?? '', HOME: home, LC_ALL: 'C' });

beforeAll(async () => {
  base = temporaryTree();
  site = await makeSite(base);
});

describe.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)('%s', (signal, status) => {
  test(`while an import reads: exit ${status}, staging removed, no store made`, async () => {
    const home = join(base, signal);
    mkdirSync(home);
    // It waits for a bundle on standard input, with the store's lock held.
    const child = spawn(process.execPath, [script, 'trust', 'import', '-'], { cwd: home, env: env(home) });
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    const store = join(home, '.local', 'share', 'stella');
    const staged = () => readdirSync(store).filter((name) => name.startsWith('.staging-'));
    await vi.waitUntil(
      () => {
        try {
          return staged().length > 0;
        } catch {
          return false;
        }
      },
      { timeout: 10_000 },
    );
    child.kill(signal);
    const code = await new Promise((done) => child.on('close', done));
    expect(code).toBe(status);
    expect(stderr).toMatch(/^error: interrupted \[INTERRUPTED\]\nhint: /);
    expect(readdirSync(home)).toEqual([]);
  });
});

describe('output', () => {
  test('a pipe that is closed early is no failure, and hides none', () => {
    const shell = (command: string) =>
      spawnSync('bash', ['-c', `set -o pipefail; ${command}`], {
        encoding: 'utf8',
        env: env(site.home),
        cwd: site.home,
      });
    const good = shell(`'${process.execPath}' '${script}' trust status | true`);
    expect(good).toMatchObject({ status: 0, stderr: '' });
    const bad = shell(`'${process.execPath}' '${script}' attest verify bundle-signer.pub --json | true`);
    expect(bad.status).not.toBe(0);
  });

  test.skipIf(process.platform !== 'linux')('a full disk behind a redirection is a failure', () => {
    const { status, stderr } = spawnSync(
      'sh',
      ['-c', `'${process.execPath}' '${script}' trust status > /dev/full`],
      { encoding: 'utf8', env: env(site.home) },
    );
    expect(stderr).toMatch(
      /^error: cannot write standard output: no space is left \(ENOSPC\) \[WRITE_FAILED\]\n/,
    );
    expect(status).toBe(4);
  });

  test('a full disk while a page is written: no part of it is left', () => {
    const page = join(site.home, 'page.html');
    const preload = resolve('test/support/kill-preload.ts');
    const status = (more: Record<string, string>) =>
      spawnSync(process.execPath, ['--import', preload, script, 'trust', 'status', '--html', page], {
        encoding: 'utf8',
        env: { ...env(site.home), ...more },
      });
    const callsFile = join(base, 'calls');
    expect(status({ CALLS_FILE: callsFile }).status).toBe(0);
    rmSync(page);
    const calls = JSON.parse(readFileSync(callsFile, 'utf8')) as string[];
    const writing = calls.lastIndexOf('writeSync');
    expect(writing).toBeGreaterThanOrEqual(0);
    for (const at of [writing, writing + 1]) {
      const failed = status({ KILL_AT: String(at), FAIL_WITH: 'ENOSPC' });
      expect(failed.stderr).toBe(
        `error: cannot write ${page}: no space is left (ENOSPC) [WRITE_FAILED]\n${failed.stderr.split('\n').slice(1).join('\n')}`,
      );
      expect(failed.status).toBe(4);
      expect(existsSync(page)).toBe(false);
    }
  });

  test('a locale that is not UTF-8 changes nothing', () => {
    const name = 'Prüfung-验证.tar.zst';
    const outputs = ['C.UTF-8', 'POSIX', 'de_DE.ISO-8859-1', 'ja_JP.SJIS'].map((locale) => {
      const args = ['trust', 'snapshot', 'inspect', name];
      const { stdout, stderr, status } = spawnSync(process.execPath, [script, ...args], {
        encoding: 'utf8',
        cwd: site.home,
        env: { ...env(site.home), LC_ALL: locale, LANG: locale },
      });
      return { stdout, stderr, status };
    });
    expect(outputs[0]!.stderr).toContain(name);
    for (const output of outputs) expect(output).toEqual(outputs[0]);
  });

  test('a path that is no UTF-8 is not found, and breaks nothing', () => {
    const shell = `'${process.execPath}' '${script}' trust snapshot inspect "$(printf 'a\\377b')"`;
    const { stderr, status } = spawnSync('sh', ['-c', shell], {
      encoding: 'utf8',
      env: env(site.home),
      cwd: site.home,
    });
    expect(stderr.split('\n')[0]).toMatch(/^error: no such file: .*a\ufffdb \[FILE_NOT_FOUND\]$/);
    expect(status).toBe(4);
  });

  test('paths with spaces, quotes and line feeds', async () => {
    const name = `a 'b' "c"\nd`;
    writeFileSync(join(site.home, name), 'no bundle');
    const { status, stderr } = spawnSync(process.execPath, [script, 'trust', 'snapshot', 'inspect', name], {
      encoding: 'utf8',
      env: env(site.home),
      cwd: site.home,
    });
    expect(status).toBe(2);
    expect(stderr.split('\n')[0]).toMatch(/^error: .*\[[A-Z_]+\]$/);
  });
});

/** A real terminal, by script(1) of util-linux. */
const hasScript = spawnSync('script', ['--version']).status === 0;

describe.skipIf(!hasScript)('a real terminal', () => {
  /** Runs a command on a terminal of so many columns; `type` is typed when `when` is shown. */
  async function onTerminal(
    home: string,
    command: string,
    more: Record<string, string> = {},
    typing?: { readonly when: RegExp; readonly type: string },
  ) {
    const line = `stty cols 40; '${process.execPath}' '${script}' ${command}`;
    const child = spawn('script', ['--quiet', '--return', '--command', line, '/dev/null'], {
      cwd: home,
      env: { ...env(home), TERM: 'xterm', ...more },
    });
    let [output, typed] = ['', typing === undefined];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (typed || !typing!.when.test(output)) return;
      typed = true;
      child.stdin.write(typing!.type);
    });
    const status = await new Promise((done) => child.on('close', done));
    return { status, output: output.replaceAll('\r\n', '\n') };
  }
  const ESCAPE = '\u001b';

  test('40 columns: results are wrapped and coloured', async () => {
    const { output } = await onTerminal(site.home, 'doctor');
    expect(output).toContain(ESCAPE);
    const plain = stripVTControlCharacters(output);
    for (const line of plain.split('\n').filter((one) => one.length > 40))
      expect(line.trim()).not.toContain(' ');
  });

  test('a dumb terminal: no escape sequence and no carriage return', async () => {
    const { output } = await onTerminal(site.home, 'doctor', { TERM: 'dumb' });
    expect(output).toContain('ok');
    expect(output).not.toContain(ESCAPE);
    expect(output).not.toContain('\r');
  });

  test('Ctrl-C at a question: exit 130, no store made', async () => {
    const bundle = await site.seal('asked');
    const home = join(base, 'asked');
    mkdirSync(home);
    const asked = await onTerminal(
      home,
      `trust import '${bundle}'`,
      {},
      { when: /\[yes\/no\]/, type: '\u0003' },
    );
    expect(asked.output).toContain('error: interrupted [INTERRUPTED]');
    expect(asked.status).toBe(130);
    expect(readdirSync(home)).toEqual([]);
  });
});
