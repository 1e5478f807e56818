/**
 * The main job on this machine: author trust, log and sign an attestation, follow it all over HTTP, seal it, carry it
 * into an empty home directory without network, import it, verify – and four refusals. Every step is an ordinary
 * command. Leaves nothing behind.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, normalize, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { initializeCA } from '@sigstore/mock';
import { formatPrivateKey, formatPublicKey, generateKey, loadPrivateKey } from '../src/base/keys.ts';

const root = fileURLToPath(new URL('../', import.meta.url));
/** With `STELLA=dist/stella` the executable alone does all of it. */
const executable = process.env['STELLA'];
const stellaCommand = executable ? [resolve(executable)] : [process.execPath, join(root, 'bin', 'stella.js')];
const base = mkdtempSync(join(tmpdir(), 'stella-demo-'));
const connected = join(base, 'connected');
const medium = join(base, 'medium');
const enclave = join(base, 'enclave');
for (const directory of [connected, medium, enclave]) mkdirSync(directory);

const canUnshare = spawnSync('unshare', ['-rn', 'true'], { stdio: 'ignore' }).status === 0;

function say(text: string): void {
  console.log(`\n# ${text}`);
}

interface Ran {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface Setting {
  readonly home: string;
  readonly offline?: boolean;
  readonly env?: Record<string, string>;
  /** The exit status that the demo is about; anything else ends it. */
  readonly expect?: number;
}

/** Types a command: shows it, runs it in `home` with nothing else of this environment, shows what it prints. */
async function type(args: readonly string[], setting: Setting): Promise<Ran> {
  const shown = args.map((arg) => (/^[\w./:=@%+,-]+$/.test(arg) ? arg : `'${arg}'`)).join(' ');
  console.log(`\n$ stella ${shown}`);
  const isolate = setting.offline && canUnshare;
  const [command, ...rest] = [...(isolate ? ['unshare', '-rn'] : []), ...stellaCommand, ...args];
  const child = spawn(command!, rest, {
    cwd: setting.home,
    env: { PATH: process.env['PATH'] ?? '', HOME: setting.home, ...setting.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const status = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject).on('close', resolve);
  });
  process.stdout.write(indent(stderr + stdout));
  const expected = setting.expect ?? 0;
  if (expected !== 0) console.log(`  (exit status ${status})`);
  if (status !== expected) throw new Error(`exit status ${status} where ${expected} was expected`);
  return { status, stdout, stderr };
}

const indent = (text: string) => text.replace(/^(?=.)/gm, '  ');

/** Serves a directory over HTTP on loopback, as any static web server would. */
async function serve(directory: string) {
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url!, 'http://x').pathname));
    try {
      const body = readFileSync(join(directory, path));
      response.writeHead(200, { 'content-length': body.length }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close: () => server.close() };
}

async function main(): Promise<void> {
  const site = join(connected, 'site');
  mkdirSync(join(site, 'log'), { recursive: true });
  const server = await serve(site);
  try {
    await journey(site, server.url);
  } finally {
    server.close();
  }
}

async function journey(site: string, url: string): Promise<void> {
  const here = { home: connected };
  const there = { home: enclave, offline: true };

  say(
    '1. The trust team: an embedded transparency log, keys, a service map, a TUF repository that distributes them.',
  );
  await type(['log', 'init', 'site/log', '--origin', 'log.example.com/demo', '--key', 'log.key'], here);
  const lines = Array.from({ length: 1100 }, (_, i) => `release ${i + 1}`);
  writeFileSync(join(connected, 'releases.txt'), `${lines.join('\n')}\n`);
  await type(['log', 'append', 'site/log', '--lines', 'releases.txt'], here);
  await makeKeys();
  writeFileSync(
    join(connected, 'sigstore-services-v1.json'),
    `${JSON.stringify({ version: 1, rekor: { url: `${url}/log`, public_key_target: 'rekor-key-v1', api: 'tiles', origin: 'log.example.com/demo' }, fulcio: { url: `${url}/fulcio`, root_cert_target: 'fulcio-chain.pem' } }, null, 2)}\n`,
  );
  await type(['repo', 'init', 'trust-repo', '--no-passphrase'], here);
  for (const [file, name, usage] of [
    ['log.pub', 'rekor-key-v1.pub', 'Rekor'],
    ['fulcio-chain.pem', 'fulcio-chain.pem', 'Fulcio'],
    ['bundle-signer.pub', 'bundle-signer-v1.pub', 'bundle-signer'],
    ['attestor.pub', 'attestor-key-v1.pub', 'attestor'],
    ['sigstore-services-v1.json', 'sigstore-services-v1.json', 'service-map'],
  ] as const) {
    await type(['repo', 'add-target', file, name, '--usage', usage, '--repo', 'trust-repo'], here);
  }
  cpSync(join(connected, 'trust-repo', 'public'), join(site, 'tuf'), { recursive: true });

  say('2. A build signs an attestation about its artifact and logs it.');
  writeFileSync(join(connected, 'app.bin'), 'the artifact\n');
  await type(
    ['attest', 'sign', 'app.bin', '--key', 'attestor.key', '--log', 'site/log', '--out', 'attestation.json'],
    here,
  );

  say('3. Connected staff follow the repository over HTTP.');
  await type(['trust', 'init', '--tuf-url', `${url}/tuf/`, '--root', 'trust-repo/public/1.root.json'], here);
  await type(['trust', 'sync'], here);
  await type(['trust', 'status', '--show-keys', '--show-endpoints'], here);

  say('4. They seal what verification will need.');
  const seal = (out: string, key: string, env: Record<string, string> = {}) =>
    type(
      [
        'trust',
        'snapshot',
        'export',
        '--out',
        out,
        '--depth',
        '10000',
        '--attestation',
        'attestation.json',
        '--signing-key',
        key,
        ...('SOURCE_DATE_EPOCH' in env ? ['--any-sealed-time'] : []),
      ],
      { ...here, env },
    );
  await seal('./x.tar.zst', 'bundle-signer.key');
  await type(['trust', 'snapshot', 'inspect', './x.tar.zst'], here);

  say(
    `5. The medium is carried into an empty home directory${canUnshare ? ', where the network is taken away' : ''}.`,
  );
  for (const file of ['x.tar.zst', 'attestation.json', 'app.bin']) {
    cpSync(join(connected, file), join(medium, file));
    cpSync(join(medium, file), join(enclave, file));
  }
  const pinned = readFileSync(join(connected, 'trust-repo', 'public', '1.root.json'));
  const fingerprint = `sha256:${createHash('sha256').update(pinned).digest('hex')}`;
  await type(
    [
      'trust',
      'import',
      './x.tar.zst',
      '--verify-manifest',
      '--reject-if-stale',
      '7d',
      '--root-fingerprint',
      fingerprint,
      '--offline',
    ],
    there,
  );

  say('6. The pipeline verifies, with no network.');
  await type(['attest', 'verify', './attestation.json', '--artifact', 'app.bin', '--offline'], there);

  say('And four refusals. Another artifact:');
  writeFileSync(join(enclave, 'other.bin'), 'another artifact\n');
  await type(['attest', 'verify', './attestation.json', '--artifact', 'other.bin', '--offline'], {
    ...there,
    expect: 2,
  });

  say('A byte flipped in the archive:');
  const bytes = readFileSync(join(enclave, 'x.tar.zst'));
  bytes[bytes.length >> 1]! ^= 1;
  writeFileSync(join(enclave, 'flipped.tar.zst'), bytes);
  await type(['trust', 'import', './flipped.tar.zst', '--verify-manifest', '--offline'], {
    ...there,
    expect: 2,
  });

  say('A bundle older than the window:');
  const tenDaysAgo = String(Math.floor(Date.now() / 1000) - 10 * 86_400);
  await seal('./old.tar.zst', 'bundle-signer.key', { SOURCE_DATE_EPOCH: tenDaysAgo });
  cpSync(join(connected, 'old.tar.zst'), join(enclave, 'old.tar.zst'));
  await type(
    ['trust', 'import', './old.tar.zst', '--verify-manifest', '--reject-if-stale', '7d', '--offline'],
    { ...there, expect: 5 },
  );

  say('A bundle signed by a key that TUF does not name:');
  await seal('./stranger.tar.zst', 'stranger.key');
  cpSync(join(connected, 'stranger.tar.zst'), join(enclave, 'stranger.tar.zst'));
  await type(['trust', 'import', './stranger.tar.zst', '--verify-manifest', '--offline'], {
    ...there,
    expect: 2,
  });

  say('The store is still the good one.');
  await type(['attest', 'verify', './attestation.json', '--artifact', 'app.bin', '--offline'], there);
}

/** Keys and a CA certificate, as a trust team has them from its own tools. */
async function makeKeys(): Promise<void> {
  for (const name of ['bundle-signer', 'attestor', 'stranger']) {
    const key = generateKey('ed25519');
    writeFileSync(join(connected, `${name}.key`), formatPrivateKey(key), { mode: 0o600 });
    writeFileSync(join(connected, `${name}.pub`), formatPublicKey(key.publicKey));
  }
  writeFileSync(
    join(connected, 'log.pub'),
    formatPublicKey(loadPrivateKey(join(connected, 'log.key')).publicKey),
  );
  const { rootCertificate } = await initializeCA(generateKeyPairSync('ec', { namedCurve: 'prime256v1' }));
  const der = Buffer.from(rootCertificate.buffer, rootCertificate.byteOffset, rootCertificate.byteLength);
  writeFileSync(join(connected, 'fulcio-chain.pem'), new X509Certificate(der).toString());
  console.log(
    '\n(made with the library: keys of the bundle signer, the attestor and a stranger; a CA certificate)',
  );
}

try {
  execFileSync(process.execPath, [join(root, 'scripts', 'build.ts'), '--no-types'], {
    cwd: root,
    stdio: 'inherit',
  });
  await main();
  console.log('\nThe journey is complete: sealed, carried, imported, verified; four refusals refused.');
} catch (error) {
  console.error(`\nThe demo failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  rmSync(base, { recursive: true, force: true });
}
