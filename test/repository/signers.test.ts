import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { milliseconds } from '../../src/base/clock.ts';
import { formatPrivateKey, formatPublicKey, generateKey, type SignatureForm } from '../../src/base/keys.ts';
import { commandSigner } from '../../src/repository/keys/command-signer.ts';
import { refusal } from '../support/errors.ts';
import { temporaryDirectory } from '../support/temp.ts';
import { BEGIN, TestRepository } from './repository.ts';

function isInstalled(command: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const openssl = isInstalled('openssl');
if (!openssl) console.warn('skipping external signers: openssl is not installed');
const softhsm = [
  '/usr/lib/softhsm/libsofthsm2.so',
  '/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so',
  '/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so',
].find((path) => existsSync(path));
const token = softhsm !== undefined && isInstalled('softhsm2-util') && isInstalled('pkcs11-tool');
if (!token)
  console.warn('skipping PKCS#11: softhsm2 and opensc are not installed (scripts/install-test-servers.sh)');

/** `openssl` in front of a key file, as a stand-in for any command that signs its stdin. */
const OPENSSL = {
  // Ed25519 is signed in one piece, for which pkeyutl wants a file.
  ed25519: (key: string) =>
    `f=$(mktemp) && cat >"$f" && openssl pkeyutl -sign -rawin -inkey ${key} -in "$f"; s=$?; rm -f "$f"; exit $s`,
  'ecdsa-p256': (key: string) => `openssl dgst -sha256 -binary | openssl pkeyutl -sign -inkey ${key}`,
  'ecdsa-p384': (key: string) => `openssl dgst -sha384 -binary | openssl pkeyutl -sign -inkey ${key}`,
  rsa: (key: string) =>
    `openssl dgst -sha256 -binary | openssl pkeyutl -sign -inkey ${key} -pkeyopt digest:sha256 -pkeyopt rsa_padding_mode:pss -pkeyopt rsa_pss_saltlen:32`,
} as const;

test.skipIf(!openssl).each(Object.keys(OPENSSL) as (keyof typeof OPENSSL)[])(
  'a root behind openssl with an %s key signs what clients accept',
  async (type) => {
    const repository = await new TestRepository().init();
    const client = repository.client();
    await client.refresh(BEGIN);
    const key = generateKey(type);
    const file = repository.file('hsm/root.pem', formatPrivateKey(key));
    const publicFile = repository.file('hsm/hsm-root.pub', formatPublicKey(key.publicKey));
    const rotate = [
      'repo',
      'rotate-key',
      'root',
      '--public-key',
      publicFile,
      '--signer',
      `exec:${OPENSSL[type](file)}`,
    ];
    await repository.ok(rotate);
    expect(readFileSync(join(repository.path, 'repo.yaml'), 'utf8')).toContain('openssl');
    await repository.ok(['repo', 'rotate-key', 'targets', '--no-passphrase']);
    await client.refresh(BEGIN);
    expect(client.versions()['root']).toBe(3);
  },
);

test.skipIf(!openssl)('a ceremony is signed through an external signer', async () => {
  const repository = await new TestRepository().init();
  const key = generateKey('ecdsa-p256');
  const file = repository.file('hsm/root.pem', formatPrivateKey(key));
  const publicFile = repository.file('hsm/hsm-root.pub', formatPublicKey(key.publicKey));
  await repository.ok(['repo', 'rotate-key', 'root', '--public-key', publicFile, '--stage']);
  await repository.ok(['repo', 'sign']);
  const staged = join(repository.path, 'staged');
  const signer = ['--signer', `exec:${OPENSSL['ecdsa-p256'](file)}`, '--public-key', publicFile];
  const signed = await repository.run(['repo', 'sign', staged, ...signer], { env: {} });
  expect([signed.status, signed.stdout]).toEqual([
    0,
    expect.stringContaining('root: 1 of 1 signatures by keys of the new root'),
  ]);
  await repository.ok(['repo', 'publish']);
  await repository.client().refresh(BEGIN);
});

test.skipIf(!token).each([
  [
    'EC:prime256v1',
    'openssl dgst -sha256 -binary | PKCS11 --sign --mechanism ECDSA --signature-format openssl --id 01',
  ],
  ['rsa:2048', 'PKCS11 --sign --mechanism SHA256-RSA-PKCS-PSS --mgf MGF1-SHA256 --salt-len 32 --id 01'],
])('a key that never leaves a PKCS#11 token signs the root (%s)', async (kind, template) => {
  const repository = await new TestRepository().init();
  const configuration = repository.file(
    'softhsm2.conf',
    `directories.tokendir = ${repository.area}/tokens\nlog.level = ERROR\n`,
  );
  repository.file('tokens/.keep', '');
  const pin = repository.file('pin', '1234');
  const env = { ...process.env, SOFTHSM2_CONF: configuration };
  const run = (command: string, ...args: string[]) => execFileSync(command, args, { env, stdio: 'ignore' });
  run('softhsm2-util', '--init-token', '--free', '--label', 'root', '--pin', '1234', '--so-pin', '5678');
  const session = ['--module', softhsm!, '--token-label', 'root', '--login', '--pin', '1234'];
  run('pkcs11-tool', ...session, '--keypairgen', '--key-type', kind, '--id', '01', '--label', 'root');
  const publicFile = join(repository.area, 'token-root.pub');
  run('pkcs11-tool', ...session, '--read-object', '--type', 'pubkey', '--id', '01', '-o', publicFile);

  const pkcs11 = `SOFTHSM2_CONF=${configuration} pkcs11-tool --module ${softhsm} --token-label root --login --pin "$(cat ${pin})"`;
  const command = template.replace('PKCS11', pkcs11);
  await repository.ok([
    'repo',
    'rotate-key',
    'root',
    '--public-key',
    publicFile,
    '--signer',
    `exec:${command}`,
  ]);
  await repository.ok(['repo', 'rotate-key', 'targets', '--no-passphrase']);
  const client = repository.client();
  await client.refresh(BEGIN);
  expect(client.versions()['root']).toBe(3);
});

test.each([
  ['exit 3', /failed with status 3/],
  ['echo no PIN >&2; exit 1', /failed with status 1: no PIN/],
  ['true', /wrote 0 bytes that are no signature/],
  ['cat', /that are no signature/],
  ['head -c 100000 /dev/zero', /more than any signature has/],
  ['no-such-command-anywhere', /failed with status 127/],
])('an external signer that does %j is refused', async (command, said) => {
  const { publicKey } = generateKey();
  const signer = commandSigner(command, publicKey, { directory: temporaryDirectory() });
  const error = await refusal('SIGNER_FAILED', () => signer.sign(Buffer.from('data')));
  expect(error.message).toMatch(said);
});

test('an external signer that hangs is given up', async () => {
  const signer = commandSigner('sleep 3', generateKey().publicKey, {
    directory: temporaryDirectory(),
    timeout: milliseconds(200),
  });
  const error = await refusal('SIGNER_FAILED', () => signer.sign(Buffer.from('data')));
  expect(error.message).toMatch(/did not finish within/);
});

test.skipIf(!openssl)("an external signer with another key's signature is refused", async () => {
  const directory = temporaryDirectory();
  const repository = new TestRepository();
  const file = repository.file('key.pem', formatPrivateKey(generateKey('ecdsa-p256')));
  const signer = commandSigner(OPENSSL['ecdsa-p256'](file), generateKey('ecdsa-p256').publicKey, {
    directory,
  });
  const form: SignatureForm = { hash: 'sha256' };
  await refusal('SIGNER_FAILED', () => signer.sign(Buffer.from('data'), form));
});

test.each(['openssl', 'exec:', 'exec:  '])('%j is no signer', async (signer) => {
  const repository = await new TestRepository().init();
  const publicFile = repository.publicKey('k.pub');
  const refused = await repository.run([
    'repo',
    'rotate-key',
    'root',
    '--public-key',
    publicFile,
    '--signer',
    signer,
  ]);
  expect([refused.status, refused.stderr]).toEqual([
    4,
    expect.stringContaining('is not exec:COMMAND [USAGE]'),
  ]);
});
