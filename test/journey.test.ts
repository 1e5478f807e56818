import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, test, vi } from 'vitest';
import { makeSite, type Site } from './support/site.ts';
import { temporaryTree } from './support/temp.ts';

/** The built command as a process, with nothing of this environment but PATH. */
async function stella(
  home: string,
  args: readonly string[],
  options: { offline?: boolean; env?: Record<string, string> } = {},
) {
  const isolate = options.offline && canUnshare ? ['unshare', '-rn'] : [];
  const [command, ...rest] = [...isolate, process.execPath, resolve('bin/stella.js'), ...args];
  const child = spawn(command!, rest, {
    cwd: home,
    env: { PATH: process.env['PATH'] ?? '', HOME: home, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const status = await new Promise<number | null>((done) => child.on('close', done));
  return { status, stdout, stderr };
}

const canUnshare = spawnSync('unshare', ['-rn', 'true'], { stdio: 'ignore' }).status === 0;
if (!canUnshare)
  console.warn('unshare -rn does not work here: the enclave keeps its network, --offline alone is tested');

let base: string;
let site: Site;
let enclave: string;

beforeAll(async () => {
  base = temporaryTree();
  site = await makeSite(base);
  await site.seal('x');
  enclave = join(base, 'enclave');
  mkdirSync(enclave);
  for (const file of ['x.tar.zst', 'attestation.json', 'app.bin'])
    cpSync(join(site.home, file), join(enclave, file));
});

const verify = ['attest', 'verify', './attestation.json', '--artifact', 'app.bin', '--offline'];

describe('the journey, with the built command', () => {
  test('import into an empty home directory, with the network taken away', async () => {
    const result = await stella(
      enclave,
      [
        'trust',
        'import',
        './x.tar.zst',
        '--verify-manifest',
        '--reject-if-stale',
        '7d',
        '--root-fingerprint',
        site.fingerprint,
      ],
      { offline: true },
    );
    expect(result.stderr).not.toContain('error');
    expect(result.status).toBe(0);
    expect(result.stdout).toContain('generation 1');
  });

  test('the attestation verifies, with signer, log index, sealed time and freshness', async () => {
    const result = await stella(enclave, verify, { offline: true });
    expect(result.status).toBe(0);
    for (const part of ['verified', 'attestor-key-v1.pub', 'index 600', 'fresh: sealed'])
      expect(result.stdout).toContain(part);
  });

  test('and without artifact, as the guide types it', async () => {
    const result = await stella(enclave, ['attest', 'verify', './attestation.json', '--offline'], {
      offline: true,
    });
    expect(result.status).toBe(0);
    expect(result.stdout).toContain('not checked');
  });

  test('JSON is one document', async () => {
    const { stdout, status } = await stella(enclave, [...verify, '--json'], { offline: true });
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toBeTypeOf('object');
  });

  test('refused: another artifact', async () => {
    writeFileSync(join(enclave, 'other.bin'), 'another artifact\n');
    const result = await stella(enclave, [
      'attest',
      'verify',
      './attestation.json',
      '--artifact',
      'other.bin',
      '--offline',
    ]);
    expect(result.status).toBe(2);
    expect(result.stderr).toMatch(/^error: .+ \[ARTIFACT_MISMATCH\]\nhint: /);
  });

  test('refused: a byte flipped in the archive', async () => {
    const bytes = readFileSync(join(enclave, 'x.tar.zst'));
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(join(enclave, 'flipped.tar.zst'), bytes);
    const result = await stella(enclave, ['trust', 'import', './flipped.tar.zst', '--verify-manifest']);
    expect(result.status).toBe(2);
    expect(result.stderr).toMatch(/error: .+ \[(?:ENTRY_DIGEST|ARCHIVE_INVALID)\]\nhint: /);
  });

  test('refused: a bundle older than the window', async () => {
    const tenDaysAgo = Math.floor(Date.now() / 1000) - 10 * 86_400;
    const file = await site.seal('old', [], {
      env: { HOME: site.home, SOURCE_DATE_EPOCH: String(tenDaysAgo) },
    });
    const result = await stella(enclave, [
      'trust',
      'import',
      file,
      '--verify-manifest',
      '--reject-if-stale',
      '7d',
    ]);
    expect(result.status).toBe(5);
    expect(result.stderr).toMatch(/error: .+ \[BUNDLE_STALE\]\nhint: /);
  });

  test('refused: a bundle signed by a key that TUF does not name', async () => {
    const file = await site.seal('stranger', ['--signing-key', 'stranger.key']);
    const result = await stella(enclave, ['trust', 'import', file, '--verify-manifest']);
    expect(result.status).toBe(2);
    expect(result.stderr).toMatch(/error: .+ \[BUNDLE_SIGNER_UNTRUSTED\]\nhint: /);
  });

  test('after every refusal the store is the good one, with nothing left behind', async () => {
    expect((await stella(enclave, verify)).status).toBe(0);
    const store = join(enclave, '.local', 'share', 'stella');
    expect(readFileSync(join(store, 'CURRENT'), 'utf8')).toBe('1\n');
    expect(readdirSync(store).filter((name) => name.startsWith('.'))).toEqual([]);
  });
});

describe('bad input: one error line with its code, a hint, the right exit status, the store untouched', () => {
  const config = (text: string) => {
    writeFileSync(join(base, 'bad.yaml'), text);
    return join(base, 'bad.yaml');
  };
  test.each<[string, () => string[], number, string]>([
    ['a missing file', () => ['trust', 'import', './none.tar.zst'], 4, 'FILE_NOT_FOUND'],
    ['a directory', () => ['trust', 'import', '.'], 4, 'FILE_UNREADABLE'],
    ['not an archive', () => ['trust', 'import', './app.bin'], 2, 'ARCHIVE_INVALID'],
    [
      'an unknown config key',
      () => [
        'trust',
        'status',
        '--config',
        config('attestor:\n  trust_repo:\n    tuf_ulr: https://x.example/\n'),
      ],
      4,
      'CONFIG_INVALID',
    ],
    ['a missing configuration', () => ['trust', 'status', '--config', './none.yaml'], 4, 'CONFIG_NOT_FOUND'],
    ['a bad URL', () => ['trust', 'init', '--replace', '--tuf-url', 'gopher://x'], 4, 'CONFIG_INVALID'],
    ['a bad duration', () => ['trust', 'import', './x.tar.zst', '--reject-if-stale', '7 days'], 4, 'USAGE'],
    ['an unknown flag', () => ['trust', 'import', './x.tar.zst', '--force'], 4, 'USAGE'],
    ['an unknown command', () => ['trust', 'imprt'], 4, 'USAGE'],
    [
      'the network, where it is forbidden',
      () => ['trust', 'init', '--replace', '--offline', '--tuf-url', 'http://127.0.0.1:9/'],
      3,
      'OFFLINE',
    ],
    [
      'an unwritable store',
      () => [
        'trust',
        'import',
        './x.tar.zst',
        '--config',
        config(`attestor:\n  trust_repo:\n    local_cache_path: ${join(enclave, 'app.bin')}/store\n`),
      ],
      4,
      'STORE_UNWRITABLE',
    ],
  ])('%s', async (_, args, status, code) => {
    const result = await stella(enclave, args());
    expect(result.stderr).toMatch(new RegExp(`^error: .+ \\[${code}\\]\\nhint: .+\\n`, 'm'));
    expect(result.status).toBe(status);
    expect(result.stdout).toBe('');
    expect((await stella(enclave, verify)).status).toBe(0);
  });

  test('a truncated archive', async () => {
    const whole = readFileSync(join(enclave, 'x.tar.zst'));
    for (const keep of [0.1, 0.5, 0.9, 0.999]) {
      writeFileSync(join(enclave, 'cut.tar.zst'), whole.subarray(0, Math.floor(whole.length * keep)));
      const result = await stella(enclave, ['trust', 'import', './cut.tar.zst']);
      expect(result.stderr).toMatch(
        /error: .+ \[(?:ARCHIVE_TRUNCATED|ARCHIVE_INVALID|MANIFEST_MISSING)\]\nhint: /,
      );
      expect(result.status).toBe(2);
    }
  });

  test('an error is JSON too when JSON was asked for', async () => {
    const result = await stella(enclave, ['trust', 'import', './none.tar.zst', '--json']);
    expect(JSON.parse(result.stdout)).toMatchObject({ error: { code: 'FILE_NOT_FOUND', exit: 4 } });
  });

  test('a second import running', async () => {
    const store = join(enclave, '.local', 'share', 'stella');
    const fifo = join(base, 'fifo');
    execFileSync('mkfifo', [fifo]);
    // The first waits for its medium with the lock held.
    const first = stella(enclave, ['trust', 'import', fifo]);
    await vi.waitUntil(() => readdirSync(store).some((name) => name.startsWith('.staging-')), 10_000);
    const second = await stella(enclave, ['trust', 'import', './x.tar.zst']);
    expect(second.stderr).toMatch(/^error: .+ \[LOCKED\]\nhint: /);
    expect(second.status).toBe(4);
    expect((await stella(enclave, verify)).status).toBe(0);
    writeFileSync(fifo, 'no archive');
    expect((await first).status).toBe(2);
  });

  test('a Node that is too old is told so in one line', () => {
    const result = spawnSync(
      process.execPath,
      [
        '-e',
        "Object.defineProperty(process.versions,'node',{value:'20.20.2'}); await import('./bin/stella.js')",
        '--input-type=module',
      ],
      { encoding: 'utf8' },
    );
    expect(result.stderr).toBe(
      'error: stella needs Node 22.22.2, 24.15.0, 26 or newer; this is Node 20.20.2 [USAGE]\n',
    );
    expect(result.status).toBe(4);
  });
});
