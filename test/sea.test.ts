import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { makeSite, type Site } from './support/site.ts';
import { temporaryTree } from './support/temp.ts';

// Building takes a while and 150 MB: only by `npm run test:sea`.
const wanted = process.env['STELLA_SEA'] === '1' && process.platform === 'linux';
if (!wanted)
  console.warn('the single executable is not built and tested here: npm run test:sea does it, on Linux');

const has = (command: string, ...args: string[]) =>
  spawnSync(command, args, { stdio: 'ignore' }).status === 0;

describe.skipIf(!wanted)('the single executable', { timeout: 300_000 }, () => {
  let base: string;
  let site: Site;
  let executable: string;
  let kit: string;

  beforeAll(async () => {
    base = temporaryTree();
    executable = join(base, 'stella');
    execFileSync(process.execPath, ['scripts/build-sea.ts', '--out', executable], { stdio: 'inherit' });
    site = await makeSite(base);
    kit = join(base, 'kit');
  }, 300_000);

  /** With nothing of this environment. */
  function stella(args: readonly string[], home: string, env: Record<string, string> = {}) {
    return spawnSync(executable, args, { cwd: home, encoding: 'utf8', env: { HOME: home, ...env } });
  }

  test('seals with the native compressor that it carries, byte for byte as the package does', async () => {
    const env = { HOME: site.home, SOURCE_DATE_EPOCH: String(Math.floor(site.now / 1000)) };
    const flags = ['--signing-key', 'bundle-signer.key', '--attestation', 'attestation.json'];
    const sealed = stella(['trust', 'snapshot', 'export', '--out', 'x.tar.zst', ...flags], site.home, env);
    expect(sealed.stderr).toBe('');
    expect(sealed.status).toBe(0);
    expect(stella(['trust', 'snapshot', 'inspect', 'x.tar.zst'], site.home).status).toBe(0);
  });

  test('makes a kit that carries it', () => {
    const result = stella(['kit', '--out', kit, '--bundle', 'x.tar.zst'], site.home);
    expect(result.stderr).toBe('');
    expect(readFileSync(join(kit, 'stella')).equals(readFileSync(executable))).toBe(true);
    cpSync(join(site.home, 'attestation.json'), join(kit, 'attestation.json'));
    cpSync(join(site.home, 'app.bin'), join(kit, 'app.bin'));
  });

  test('imports and verifies in an empty environment', () => {
    const home = join(base, 'home');
    mkdirSync(home);
    const imported = stella(
      [
        'trust',
        'import',
        join(kit, 'x.tar.zst'),
        '--verify-manifest',
        '--root-fingerprint',
        site.fingerprint,
      ],
      home,
    );
    expect(imported.status).toBe(0);
    const verify = ['attest', 'verify', join(kit, 'attestation.json'), '--artifact', join(kit, 'app.bin')];
    expect(stella(verify, home).stdout).toMatch(/^verified/);
    expect(stella(verify, home, { NODE_OPTIONS: '--require /nonexistent.js' }).status).toBe(0);
  });

  test('verifies a batch with worker threads', () => {
    const home = join(base, 'home');
    const one = readFileSync(join(kit, 'attestation.json'), 'utf8');
    const line = JSON.stringify(JSON.parse(one));
    writeFileSync(join(home, 'many.jsonl'), `${Array.from({ length: 3000 }, () => line).join('\n')}\n`);
    const result = stella(['attest', 'verify', 'many.jsonl', '--jobs', '2', '--quiet'], home);
    expect(result.stderr).toBe('');
    expect(result.status).toBe(0);
  });

  test('completes and explains itself', () => {
    expect(stella(['completion', 'bash'], base).stdout).toContain(
      'complete -o default -F __stella_complete stella',
    );
    expect(stella(['complete', '--', 'trust', 'im'], base).stdout).toContain('import');
    expect(stella(['trust', 'import', '--help'], base).stdout).toContain('Examples:');
  });

  const root = has('debootstrap', '--version') && process.getuid?.() === 0;
  if (!root) console.warn('debootstrap or root is missing: the executable is not tested in a minimal Debian');
  test.skipIf(!root)('runs in a root directory that holds a minimal Debian and nothing else', (context) => {
    const debian = join(base, 'debian');
    const made = spawnSync('debootstrap', ['--variant=minbase', 'bookworm', debian], { encoding: 'utf8' });
    if (made.status !== 0) {
      console.warn(`debootstrap failed: ${made.stdout.trim().split('\n').at(-1)}`);
      return context.skip();
    }
    mkdirSync(join(debian, 'medium'));
    cpSync(kit, join(debian, 'medium'), { recursive: true });
    const readme = readFileSync(join(kit, 'README.txt'), 'utf8');
    const first = /^ {3}(\.\/stella trust import .*--root-fingerprint.*)$/m
      .exec(readme)![1]!
      .replace(/sha256:_+/, site.fingerprint);
    const script = `set -e; cd /medium; sha256sum --quiet -c SHA256SUMS; ${first}
      ./stella attest verify ./attestation.json --artifact ./app.bin --offline`;
    const isolate = has('unshare', '-n', 'true') ? ['unshare', '-n'] : [];
    const [command, ...args] = [
      ...isolate,
      'chroot',
      debian,
      '/usr/bin/env',
      '-i',
      'HOME=/root',
      '/bin/sh',
      '-c',
      script,
    ];
    const result = spawnSync(command, args, { encoding: 'utf8' });
    expect(result.stderr).not.toContain('error');
    expect(result.stdout).toContain('verified');
    expect(result.status).toBe(0);
    expect(existsSync(join(debian, 'usr/bin/node'))).toBe(false);
  });

  const arm =
    process.arch === 'x64' &&
    has('qemu-aarch64-static', '--version') &&
    existsSync('/usr/aarch64-linux-gnu/lib');
  if (!arm)
    console.warn('qemu-user-static and libc6-arm64-cross are missing: the arm64 executable is not run');
  test.skipIf(!arm)('is built for arm64, too', () => {
    const out = join(base, 'stella-arm64');
    execFileSync(process.execPath, ['scripts/build-sea.ts', '--arch', 'arm64', '--out', out], {
      stdio: 'inherit',
    });
    const run = (...args: string[]) =>
      spawnSync('qemu-aarch64-static', ['-L', '/usr/aarch64-linux-gnu', out, ...args], {
        cwd: site.home,
        encoding: 'utf8',
        env: { HOME: site.home },
      });
    expect(run('--version').stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    const sealed = run(
      'trust',
      'snapshot',
      'export',
      '--out',
      'arm.tar.zst',
      '--signing-key',
      'bundle-signer.key',
    );
    expect(sealed.status).toBe(0);
  });
});
