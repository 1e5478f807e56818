import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
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
    expect(staged()).toEqual([]);
    expect(readdirSync(store)).not.toContain('CURRENT');
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
    expect(stderr).toMatch(/^error: cannot write standard output \(ENOSPC\) \[WRITE_FAILED\]\n/);
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
