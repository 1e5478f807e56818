import { spawnSync } from 'node:child_process';
import { generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkNoPrivateKey, privateKeyIn } from '../../../src/base/output/private-key.ts';
import { refusal } from '../../support/errors.ts';
import { temporaryDirectory } from '../../support/temp.ts';

const ed25519 = generateKeyPairSync('ed25519');
const ec = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const secret = { cipher: 'aes-256-cbc', passphrase: 'x' };

const pem = (key: KeyObject, type: 'pkcs8' | 'sec1' | 'pkcs1', more = {}) =>
  Buffer.from(key.export({ type, format: 'pem', ...more } as never) as unknown as string);
const der = (key: KeyObject, type: 'pkcs8' | 'sec1' | 'pkcs1', more = {}) =>
  key.export({ type, format: 'der', ...more } as never) as unknown as Buffer;
const jwk = (key: KeyObject) => key.export({ format: 'jwk' });
const json = (value: unknown) => Buffer.from(JSON.stringify(value));

const PRIVATE: readonly (readonly [string, Buffer])[] = [
  ['PKCS#8 PEM', pem(ed25519.privateKey, 'pkcs8')],
  ['encrypted PKCS#8 PEM', pem(ed25519.privateKey, 'pkcs8', secret)],
  ['SEC1 PEM', pem(ec.privateKey, 'sec1')],
  ['PKCS#1 PEM', pem(rsa.privateKey, 'pkcs1')],
  ['encrypted PKCS#1 PEM', pem(rsa.privateKey, 'pkcs1', secret)],
  [
    'a PEM key after a certificate',
    Buffer.from(
      `-----BEGIN CERTIFICATE-----\n${'A'.repeat(64)}\n-----END CERTIFICATE-----\n${pem(ec.privateKey, 'sec1').toString()}`,
    ),
  ],
  [
    'PEM with CRLF and in JSON',
    json({ key: pem(ec.privateKey, 'pkcs8').toString().replaceAll('\n', '\r\n') }),
  ],
  ['PEM in UTF-16', Buffer.from(`\ufeff${pem(ed25519.privateKey, 'pkcs8').toString()}`, 'utf16le')],
  [
    'cosign',
    Buffer.from(
      '-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\neyJrZGYi\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n',
    ),
  ],
  ['OpenPGP', Buffer.from('-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlFgEZ\n')],
  ['OpenSSH, as ssh.com has it', Buffer.from('---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nAAAA\n')],
  ['OpenSSH binary', Buffer.from('openssh-key-v1\0\0\0\0\x04none')],
  ['PKCS#8 DER', der(ed25519.privateKey, 'pkcs8')],
  ['PKCS#8 DER of RSA', der(rsa.privateKey, 'pkcs8')],
  ['encrypted PKCS#8 DER', der(ec.privateKey, 'pkcs8', secret)],
  ['SEC1 DER', der(ec.privateKey, 'sec1')],
  ['PKCS#1 DER', der(rsa.privateKey, 'pkcs1')],
  ['PKCS#8 DER in base64', Buffer.from(`${der(ed25519.privateKey, 'pkcs8').toString('base64')}\n`)],
  ['a JWK', json(jwk(ed25519.privateKey))],
  ['a JWK of RSA', json(jwk(rsa.privateKey))],
  ['a symmetric JWK', json({ kty: 'oct', k: 'c2VjcmV0' })],
  ['a post-quantum JWK', json({ kty: 'AKP', alg: 'ML-DSA-44', pub: 'AAAA', priv: 'AAAA' })],
  ['a JWK set', json({ keys: [jwk(ec.publicKey), jwk(ec.privateKey)] })],
  ['a JWK with an escaped name', Buffer.from('{"\\u006bty":"OKP","\\u0064":"AAAA"}')],
  ['a JWK in JSON lines', Buffer.from(`{}\n${JSON.stringify(jwk(ec.privateKey))}\n`)],
  ['a JWK with a member twice', Buffer.from('{"kty":"OKP","kty":"OKP","d":"AAAAAAAAAAAAAAAAAAAAAA"}')],
  ['a key file of TUF', json({ keytype: 'ed25519', keyval: { public: 'aa', private: 'bb' } })],
  ['age', Buffer.from('# created\nAGE-SECRET-KEY-1QQPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LQQPZRY9X8GF2TVDW0\n')],
  ['age, post-quantum', Buffer.from('AGE-SECRET-KEY-PQ-1QQPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L')],
  ['PuTTY', Buffer.from('PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n')],
  ['minisign', Buffer.from(`untrusted comment: x\nRWRTY0Iy${'A'.repeat(204)}\n`)],
  ['minisign without passphrase', Buffer.from(`untrusted comment: x\nRWQAAEIy${'A'.repeat(204)}\n`)],
  [
    'signify',
    Buffer.from(
      `untrusted comment: x\n${Buffer.concat([Buffer.from('EdBK'), randomBytes(100)]).toString('base64')}\n`,
    ),
  ],
  ['a log', Buffer.from('PRIVATE+KEY+example.com/log+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz')],
];

const PUBLIC: readonly (readonly [string, Buffer])[] = [
  ['SPKI PEM', Buffer.from(ed25519.publicKey.export({ type: 'spki', format: 'pem' }))],
  ['SPKI DER', ec.publicKey.export({ type: 'spki', format: 'der' })],
  ['PKCS#1 DER', rsa.publicKey.export({ type: 'pkcs1', format: 'der' })],
  ['a JWK', json(jwk(rsa.publicKey))],
  [
    'TUF metadata with empty private halves',
    json({ keyval: { public: 'aa', private: '' }, keytype: 'ed25519' }),
  ],
  ['minisign', Buffer.from(`untrusted comment: minisign public key\nRWQ${'A'.repeat(53)}\n`)],
  ['a log', Buffer.from('example.com/log+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW')],
  ['age', Buffer.from('age1qqpzry9x8gf2tvdw0s3jn54khce6mua7lqqpzry9x8gf2tvdw0s3jn54kh')],
  ['nothing', Buffer.alloc(0)],
  ['noise', Buffer.alloc(100_000, 'MIIB')],
  ['nested lengths', Buffer.from('3084ffffffff02010030', 'hex')],
];

describe('what holds a private key', () => {
  test.each(PRIVATE)('%s', async (_name, bytes) => {
    expect(privateKeyIn(bytes)).toEqual(expect.any(String));
    await refusal('PRIVATE_KEY', () => checkNoPrivateKey(bytes, 'it'));
  });

  const tools =
    spawnSync('openssl', ['version']).status === 0 && spawnSync('ssh-keygen', ['-?']).status !== null;
  if (!tools) console.warn('openssl or ssh-keygen is not installed: their key files are not tried here');
  test.skipIf(!tools)('what openssl and ssh-keygen make', () => {
    const directory = temporaryDirectory();
    const run = (...command: string[]) => spawnSync(command[0]!, command.slice(1), { cwd: directory });
    run(
      'openssl',
      'req',
      '-x509',
      '-newkey',
      'ed25519',
      '-nodes',
      '-keyout',
      'k.pem',
      '-out',
      'c.pem',
      '-subj',
      '/CN=x',
    );
    run(
      'openssl',
      'pkcs12',
      '-export',
      '-inkey',
      'k.pem',
      '-in',
      'c.pem',
      '-out',
      'k.p12',
      '-passout',
      'pass:x',
    );
    run('openssl', 'x509', '-in', 'c.pem', '-outform', 'der', '-out', 'c.der');
    run('ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-f', 'ssh');
    for (const name of ['k.pem', 'k.p12', 'ssh'])
      expect({ name, kind: privateKeyIn(readFileSync(join(directory, name))) }).toEqual({
        name,
        kind: expect.any(String),
      });
    for (const name of ['c.pem', 'c.der', 'ssh.pub'])
      expect({ name, kind: privateKeyIn(readFileSync(join(directory, name))) }).toEqual({
        name,
        kind: undefined,
      });
  });
});

describe('what holds none', () => {
  test.each(PUBLIC)('%s', (_name, bytes) => {
    expect(privateKeyIn(bytes)).toBeUndefined();
  });
});
