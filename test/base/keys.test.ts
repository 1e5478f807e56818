import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, chownSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { onNotice } from '../../src/base/file-system/notices.ts';
import {
  formatPrivateKey,
  formatPublicKey,
  generateKey,
  isSignature,
  type KeyAlgorithm,
  loadPrivateKey,
  parsePrivateKey,
  parsePublicKey,
  sign,
} from '../../src/base/keys.ts';
import { refusal } from '../support/errors.ts';
import { temporaryDirectory } from '../support/temp.ts';

const data = Buffer.from('what is signed');
const algorithms: KeyAlgorithm[] = ['ed25519', 'ecdsa-p256', 'ecdsa-p384', 'ecdsa-p521', 'rsa'];

describe.each(algorithms)('%s', (algorithm) => {
  const key = generateKey(algorithm);

  test('signs and verifies, and nothing else verifies', () => {
    const signature = sign(key, data);
    expect(isSignature(key.publicKey, data, signature)).toBe(true);
    expect(isSignature(key.publicKey, Buffer.from('else'), signature)).toBe(false);
    expect(isSignature(generateKey(algorithm).publicKey, data, signature)).toBe(false);
    for (const bad of [Buffer.alloc(0), signature.subarray(1), Buffer.alloc(1000, 0x30)])
      expect(isSignature(key.publicKey, data, bad)).toBe(false);
  });

  test('public and private keys are read back from PEM and DER', () => {
    const again = parsePrivateKey(Buffer.from(formatPrivateKey(key)));
    expect(again.publicKey.id).toBe(key.publicKey.id);
    expect(parsePublicKey(Buffer.from(formatPublicKey(key.publicKey))).id).toBe(key.publicKey.id);
    expect(parsePublicKey(key.publicKey.spki)).toMatchObject({ id: key.publicKey.id, algorithm });
  });

  test('an encrypted key needs its passphrase', async () => {
    const pem = Buffer.from(formatPrivateKey(key, 'open sesame'));
    expect(parsePrivateKey(pem, 'open sesame').publicKey.id).toBe(key.publicKey.id);
    await refusal('KEY_PASSPHRASE', () => parsePrivateKey(pem));
    await refusal('KEY_PASSPHRASE', () => parsePrivateKey(pem, 'wrong'));
  });
});

test('forms of signatures are not confused with each other', () => {
  const ecdsa = generateKey('ecdsa-p256');
  const raw = sign(ecdsa, data, { encoding: 'ieee-p1363' });
  expect(raw.length).toBe(64);
  expect(isSignature(ecdsa.publicKey, data, raw, { encoding: 'ieee-p1363' })).toBe(true);
  expect(isSignature(ecdsa.publicKey, data, raw)).toBe(false);
  const rsa = generateKey('rsa');
  const pss = sign(rsa, data, { padding: 'pss' });
  expect(isSignature(rsa.publicKey, data, pss, { padding: 'pss' })).toBe(true);
  expect(isSignature(rsa.publicKey, data, pss)).toBe(false);
});

describe('what is not a usable key is refused', () => {
  const good = formatPublicKey(generateKey().publicKey);
  test.each<[string, string | Uint8Array]>([
    ['nothing', ''],
    ['junk', 'junk'],
    ['a private key', formatPrivateKey(generateKey())],
    ['two keys', good + good],
    ['a key with text behind it', `${good}more`],
    ['a cut key', good.slice(0, 60)],
    [
      'a short RSA key',
      generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({
        type: 'spki',
        format: 'pem',
      }),
    ],
    [
      'a curve nobody uses here',
      generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey.export({
        type: 'spki',
        format: 'pem',
      }),
    ],
    ['an X25519 key', generateKeyPairSync('x25519').publicKey.export({ type: 'spki', format: 'pem' })],
    ['DER with a byte behind it', Buffer.concat([generateKey().publicKey.spki, Buffer.of(0)])],
  ])('%s', async (_, text) => {
    await refusal('KEY_INVALID', () => parsePublicKey(Buffer.from(text)));
  });
  test('a public key where a private one is needed', async () => {
    await refusal('KEY_INVALID', () => parsePrivateKey(Buffer.from(good)));
  });
});

test('a private key that others can read is refused', async () => {
  const path = join(temporaryDirectory(), 'key.pem');
  writeFileSync(path, formatPrivateKey(generateKey()), { mode: 0o600 });
  expect(loadPrivateKey(path).publicKey.algorithm).toBe('ed25519');
  chmodSync(path, 0o640);
  const error = await refusal('KEY_PERMISSIONS', () => loadPrivateKey(path));
  expect(error.hints[0]).toBe(`chmod 600 ${path}`);
});

describe.skipIf(process.geteuid?.() !== 0)('a key that root has given to a group (needs root)', () => {
  const [USER, GROUP] = [54_321, 54_322];
  const path = join('/tmp', `stella-test-key-${process.pid}.pem`);
  afterEach(() => rmSync(path, { force: true }));
  /** Loads a key as a user of the group. */
  function load(mode: number, [uid, gid]: readonly [number, number], own = GROUP) {
    writeFileSync(path, formatPrivateKey(generateKey()), { mode: 0o600 });
    chownSync(path, uid, gid);
    chmodSync(path, mode);
    const said: string[] = [];
    const end = onNotice((line) => said.push(line));
    process.setegid?.(own);
    process.seteuid?.(USER);
    try {
      loadPrivateKey(path);
      return said;
    } finally {
      process.seteuid?.(0);
      process.setegid?.(0);
      end();
    }
  }

  test.each([0o440, 0o640])('is read by a process of the group, mode %o: a Secret with fsGroup', (mode) => {
    expect(load(mode, [0, GROUP])).toEqual([
      `warning: ${path} can be read by every process of the group ${GROUP}, not only by this user`,
    ]);
  });

  test.each([
    ['everyone can read it', 0o444, [0, GROUP]],
    ['the group can write it', 0o460, [0, GROUP]],
    ['another user than root owns it', 0o440, [USER + 9, GROUP]],
  ] as const)('is refused where %s', async (_, mode, owner) => {
    const error = await refusal('KEY_PERMISSIONS', () => load(mode, owner));
    expect(error.hints[0]).toContain('`defaultMode: 0440`');
    expect(error.hints.join()).not.toContain(`chmod 600 ${path}`);
  });

  test('is refused where this user can take it back from the group', async () => {
    const error = await refusal('KEY_PERMISSIONS', () => load(0o440, [USER, GROUP]));
    expect(error.hints).toEqual([`chmod 600 ${path}`]);
    writeFileSync(path, formatPrivateKey(generateKey()));
    chmodSync(path, 0o640);
    await refusal('KEY_PERMISSIONS', () => loadPrivateKey(path));
  });

  test('is not read by a process of another group', async () => {
    await refusal('FILE_UNREADABLE', () => load(0o440, [0, GROUP], GROUP + 1));
  });
});

test('a key file with a byte order mark is read', () => {
  const key = generateKey();
  const marked = (text: string) => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(text)]);
  expect(parsePublicKey(marked(formatPublicKey(key.publicKey))).id).toBe(key.publicKey.id);
  expect(parsePrivateKey(marked(formatPrivateKey(key))).publicKey.id).toBe(key.publicKey.id);
});
