import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { DAY } from '../../../../src/base/clock.ts';
import { formatPublicKey, generateKey } from '../../../../src/base/keys.ts';
import { real, realIsPresent } from '../../../support/real.ts';
import { temporaryDirectory } from '../../../support/temp.ts';
import { TufRepository } from '../../../support/tuf-repository.ts';
import { writeUserConfig } from '../../../support/user-config.ts';

const command = fileURLToPath(new URL('../../../../bin/stella.js', import.meta.url));
const works = (program: string, ...args: string[]) =>
  spawnSync(program, args, { stdio: 'ignore' }).status === 0;
const emptyNetwork = works('unshare', '-rn', 'true');
const ownMounts = works('unshare', '-rm', 'sh', '-c', 'mount -t tmpfs none /mnt');
const library = [
  '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1',
  '/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1',
].find((path) => existsSync(path));
if (!emptyNetwork)
  console.warn('skipping tests in an empty network namespace: unshare -n is not allowed here');
if (!ownMounts) console.warn('skipping tests on a full or read-only disk: unshare -m is not allowed here');
if (!library)
  console.warn('skipping tests with a fake clock: scripts/install-test-servers.sh installs libfaketime');

function site(): { home: string; url: string; repository: TufRepository; directory: string } {
  const home = temporaryDirectory();
  const repository = new TufRepository(Date.now());
  repository.addTarget('rekor-key-v1.pub', formatPublicKey(generateKey().publicKey), {
    sigstore: { usage: 'Rekor' },
  });
  const directory = join(home, 'repository');
  repository.publish().writeTo(directory);
  return { home, repository, directory, url: pathToFileURL(directory).href };
}

function run(home: string, wrapper: string[], args: string[], env: Record<string, string> = {}) {
  const [program, ...rest] = [...wrapper, process.execPath, ...args];
  const { status, stdout, stderr } = spawnSync(program!, rest, {
    encoding: 'utf8',
    cwd: home,
    env: { PATH: process.env['PATH'], HOME: home, ...env },
  });
  return { status, stdout, stderr };
}

const NO_SOCKETS = ['--require', fileURLToPath(new URL('../../../support/no-sockets.cjs', import.meta.url))];

describe.each([
  ['in an empty network namespace', emptyNetwork, ['unshare', '-rn'], []],
  ['with every socket call failing', true, [], NO_SOCKETS],
] as const)('offline %s', (_, possible, wrapper, flags) => {
  test.skipIf(!possible)('init, sync, status, export and diff work on files', () => {
    const { home, url, repository, directory } = site();
    const stella = (...args: string[]) => run(home, [...wrapper], [...flags, command, ...args]);
    const init = stella('trust', 'init', '--tuf-url', url, '--offline');
    expect(init.stderr).not.toMatch(/error:|socket call/);
    expect(init.status).toBe(0);
    repository.publish().writeTo(directory);
    expect(stella('trust', 'sync', '--force', '--offline').stdout).toMatch(/^generation 2/);
    expect(stella('trust', 'status', '--show-keys').stdout).toContain('rekor-key-v1.pub');
    expect(stella('trust', 'diff').status).toBe(0);
    expect(stella('trust', 'export', '--out', 'out').status).toBe(0);
  });

  test.skipIf(!possible)('what needs the network says so with status 3', () => {
    const { home } = site();
    const offline = run(
      home,
      [...wrapper],
      [...flags, command, 'trust', 'init', '--tuf-url', 'https://trust.example/', '--offline'],
    );
    expect(offline.status).toBe(3);
    expect(offline.stderr).toContain('[OFFLINE]');
    expect(offline.stderr).not.toContain('socket call');
    writeUserConfig(home, 'attestor: {trust_repo: {network: {retries: 0}}}');
    const online = [...flags, command, 'trust', 'init', '--tuf-url', 'http://127.0.0.1:9/'];
    expect(run(home, [...wrapper], online).stderr).toMatch(/\[FETCH_FAILED\]/);
  });
});

describe.skipIf(!ownMounts)('a disk', () => {
  /** Runs shell lines with the store on a small file system of its own. */
  function onDisk(size: string, lines: (setting: { url: string; home: string }) => string[]): string[] {
    const { home, url, repository, directory } = site();
    const store = join(home, 'store');
    mkdirSync(store);
    repository.writeTo(directory);
    repository.addTarget('large', Buffer.alloc(60_000, 'x'));
    repository.publish().writeTo(join(home, 'next'));
    const script = [
      'set -u',
      `mount -t tmpfs -o size=${size} none ${store}`,
      `stella() { ${process.execPath} ${command} "$@" 2>&1; echo "status $?"; }`,
      ...lines({ url, home }),
    ].join('\n');
    const result = execFileSync('unshare', ['-rm', 'sh', '-c', script], {
      encoding: 'utf8',
      cwd: home,
      env: { PATH: process.env['PATH'], HOME: home, XDG_DATA_HOME: store },
    });
    return result.split('\n');
  }
  const next = (home: string) => pathToFileURL(join(home, 'next')).href;

  test('that is full refuses the sync, and the generation before it is whole', () => {
    const lines = onDisk('1m', ({ url, home }) => [
      `stella trust init -q --tuf-url ${url}`,
      // Leaves less room than the next generation needs.
      `dd if=/dev/zero of=${home}/store/filler bs=1k 2>/dev/null; truncate -s -24k ${home}/store/filler`,
      `stella trust sync -q --force --tuf-url ${next(home)}`,
      'stella trust status -q',
      `rm ${home}/store/filler`,
      `stella trust sync --force --tuf-url ${next(home)}`,
    ]);
    expect(lines.filter((line) => /status/.test(line))).toEqual([
      'status 0',
      'status 4',
      'status 0',
      'status 0',
    ]);
    expect(lines.find((line) => line.startsWith('error:'))).toMatch(/ENOSPC|full.*\[STORE_UNWRITABLE\]/);
    expect(lines.join('\n')).toContain('generation 2');
  });

  test('that is read-only refuses the sync, and reading goes on', () => {
    const lines = onDisk('1m', ({ url, home }) => [
      `stella trust init -q --tuf-url ${url}`,
      `mount -o remount,ro ${home}/store`,
      `stella trust sync -q --force --tuf-url ${next(home)}`,
      'stella trust status -q',
    ]);
    expect(lines.filter((line) => /^status/.test(line))).toEqual(['status 0', 'status 4', 'status 0']);
    expect(lines.find((line) => line.startsWith('error:'))).toContain('[STORE_UNWRITABLE]');
  });
});

describe.skipIf(!library)('a process-wide fake clock', () => {
  const at = (time: string) => ({
    LD_PRELOAD: library!,
    FAKETIME: `@${time}`,
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    TZ: 'UTC',
  });

  test('decides what is expired', () => {
    const { home, url } = site();
    expect(run(home, [], [command, 'trust', 'init', '-q', '--tuf-url', url]).status).toBe(0);
    const later = new Date(Date.now() + 2 * DAY).toISOString().slice(0, 19).replace('T', ' ');
    const { status, stderr } = run(home, [], [command, 'trust', 'sync', '--force'], at(later));
    expect(stderr).toContain('error: TUF metadata expired');
    expect(status).toBe(5);
    const before = new Date(Date.now() - DAY).toISOString().slice(0, 19).replace('T', ' ');
    expect(run(home, [], [command, 'trust', 'sync', '--force'], at(before)).stderr).toContain(
      '[CLOCK_BEHIND]',
    );
  });

  test.skipIf(!realIsPresent)('opens the Sigstore repository as of August 2026', () => {
    const home = temporaryDirectory();
    execFileSync('tar', ['--zstd', '-xf', join(real, 'sigstore-tuf.tar.zst'), '-C', home]);
    const source = join(home, 'sigstore-tuf');
    const init = [
      command,
      'trust',
      'init',
      '--tuf-url',
      pathToFileURL(source).href,
      '--root',
      join(source, '1.root.json'),
      '--offline',
    ];
    const { status, stdout } = run(home, [], init, at('2026-08-22 00:00:00'));
    expect(status).toBe(0);
    expect(stdout).toContain('root 15');
    const state = readFileSync(join(home, '.local/share/stella/generations/1/state.json'), 'utf8');
    expect(state).toContain('"created_at":"2026-08-22T00:00:0');
    expect(run(home, [], init).status).not.toBe(0);
  });
});

test('a watch ends cleanly on SIGTERM', async () => {
  const { home, url } = site();
  expect(run(home, [], [command, 'trust', 'init', '-q', '--tuf-url', url]).status).toBe(0);
  const { spawn } = await import('node:child_process');
  const child = spawn(process.execPath, [command, 'trust', 'sync', '--watch'], {
    cwd: home,
    env: { HOME: home },
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
    if (stderr.includes('unchanged')) child.kill('SIGTERM');
  });
  const status = await new Promise((resolve) => child.on('close', resolve));
  expect(status).toBe(0);
  expect(stdout).toBe('stopped after 1 syncs and 0 failures\n');
});
