import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { initializeCA } from '@sigstore/mock';
import { sha256Hex } from '../../src/base/bytes.ts';
import { type Instant, instant } from '../../src/base/clock.ts';
import { formatPrivateKey, formatPublicKey, generateKey, loadPrivateKey } from '../../src/base/keys.ts';
import { type CliResult, type CliSetting, stella } from './cli.ts';

export const ORIGIN = 'log.example.com/test';

/** A connected side as the trust team and its exporters have it, made with ordinary commands. */
export interface Site {
  /** Working directory and home of the connected side. */
  readonly home: string;
  /** The time at which everything was made. */
  readonly now: Instant;
  /** `sha256:…` of the first root. */
  readonly fingerprint: string;
  /** Runs a command on the connected side; a failure that was not expected ends the test. */
  run(args: readonly string[], setting?: CliSetting & { readonly expect?: number }): Promise<CliResult>;
  /** Copies the authored repository to where it is served from. */
  publish(): void;
  /** Seals `NAME.tar.zst` and returns its path. */
  seal(name: string, args?: readonly string[], setting?: CliSetting): Promise<string>;
}

/** Another, empty home directory. */
export interface Enclave {
  readonly home: string;
  readonly store: string;
  run(args: readonly string[], setting?: CliSetting & { readonly expect?: number }): Promise<CliResult>;
}

async function expected(
  args: readonly string[],
  setting: CliSetting & { readonly expect?: number },
): Promise<CliResult> {
  const result = await stella(args, setting);
  if (setting.expect !== undefined && result.status !== setting.expect) {
    throw new Error(
      `stella ${args.join(' ')}: exit status ${result.status}, not ${setting.expect}\n${result.stderr}${result.stdout}`,
    );
  }
  return result;
}

/** @param base an empty directory; @param url where `base/site` is served, `file://` unless told otherwise */
export async function makeSite(
  base: string,
  options: { readonly now?: number; readonly entries?: number; readonly url?: string } = {},
): Promise<Site> {
  const now = instant(options.now ?? Date.now());
  const home = join(base, 'connected');
  const url = options.url ?? pathToFileURL(join(base, 'site')).href;
  mkdirSync(home);
  mkdirSync(join(base, 'site'));
  const run: Site['run'] = (args, setting = {}) =>
    expected(args, { env: { HOME: home }, cwd: home, now, expect: 0, ...setting });
  for (const name of ['bundle-signer', 'attestor', 'stranger']) {
    const key = generateKey();
    writeFileSync(join(home, `${name}.key`), formatPrivateKey(key), { mode: 0o600 });
    writeFileSync(join(home, `${name}.pub`), formatPublicKey(key.publicKey));
  }
  const log = join(base, 'site', 'log');
  await run(['log', 'init', log, '--origin', ORIGIN, '--key', 'log.key']);
  writeFileSync(
    join(home, 'lines'),
    Array.from({ length: options.entries ?? 600 }, (_, i) => `entry ${i}\n`).join(''),
  );
  await run(['log', 'append', log, '--lines', 'lines']);
  writeFileSync(join(home, 'log.pub'), formatPublicKey(loadPrivateKey(join(home, 'log.key')).publicKey));
  const { rootCertificate: der } = await initializeCA(
    generateKeyPairSync('ec', { namedCurve: 'prime256v1' }),
  );
  writeFileSync(
    join(home, 'fulcio.pem'),
    new X509Certificate(Buffer.from(der.buffer, der.byteOffset, der.byteLength)).toString(),
  );
  const map = {
    version: 1,
    rekor: { url: `${url}/log`, public_key_target: 'rekor-key-v1', api: 'tiles', origin: ORIGIN },
    fulcio: { url: `${url}/fulcio`, root_cert_target: 'fulcio-chain.pem' },
    overrides: {},
  };
  writeFileSync(join(home, 'map.json'), JSON.stringify(map));
  await run(['repo', 'init', 'repo', '--no-passphrase']);
  for (const [file, name, usage] of [
    ['log.pub', 'rekor-key-v1.pub', 'Rekor'],
    ['fulcio.pem', 'fulcio-chain.pem', 'Fulcio'],
    ['bundle-signer.pub', 'bundle-signer-v1.pub', 'bundle-signer'],
    ['attestor.pub', 'attestor-key-v1.pub', 'attestor'],
    ['map.json', 'sigstore-services-v1.json', 'service-map'],
  ] as const) {
    await run(['repo', 'add-target', file, name, '--usage', usage, '--repo', 'repo']);
  }
  const served = join(base, 'site', 'tuf');
  const publish = () => {
    rmSync(served, { recursive: true, force: true });
    cpSync(join(home, 'repo', 'public'), served, { recursive: true });
  };
  publish();
  writeFileSync(join(home, 'app.bin'), 'the artifact\n');
  await run([
    'attest',
    'sign',
    'app.bin',
    '--key',
    'attestor.key',
    '--log',
    log,
    '--out',
    'attestation.json',
  ]);
  const root = join(home, 'repo', 'public', '1.root.json');
  await run(['trust', 'init', '--tuf-url', `${url}/tuf/`, '--root', root]);
  return {
    home,
    now,
    fingerprint: `sha256:${sha256Hex(readFileSync(root))}`,
    run,
    publish,
    async seal(name, args = [], setting = {}) {
      const out = join(home, `${name}.tar.zst`);
      await run(
        [
          'trust',
          'snapshot',
          'export',
          '--out',
          out,
          '--attestation',
          'attestation.json',
          '--signing-key',
          'bundle-signer.key',
          ...args,
          // Tests seal at the times that they need, in any order, and the same names again.
          '--any-sealed-time',
          '--force',
        ],
        setting,
      );
      return out;
    },
  };
}

export function makeEnclave(base: string, name = 'enclave'): Enclave {
  const home = join(base, name);
  mkdirSync(home);
  return {
    home,
    store: join(home, '.local', 'share', 'stella'),
    run: (args, setting = {}) => expected(args, { env: { HOME: home }, cwd: home, ...setting }),
  };
}
