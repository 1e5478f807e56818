import {
  constants,
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign as nodeSign,
  privateEncrypt,
  publicDecrypt,
} from 'node:crypto';
import { expect, test } from 'vitest';
import { isDigestSignature, isPrehashedSignature } from '../../src/attest/digest-signature.ts';
import { isAttestationSignature, isMessageSignature } from '../../src/attest/signature.ts';
import {
  generateKey,
  type HashAlgorithm,
  type KeyAlgorithm,
  parsePublicKey,
  publicKeyOf,
  type SignatureForm,
  sign,
} from '../../src/base/keys.ts';
import { refusal } from '../support/errors.ts';

const DATA = Buffer.from('what is signed');
const digest = (hash: HashAlgorithm, data: Uint8Array = DATA) => createHash(hash).update(data).digest();

const FORMS: [KeyAlgorithm, SignatureForm][] = [
  ['ed25519', {}],
  ['ecdsa-p256', { hash: 'sha256' }],
  ['ecdsa-p384', { hash: 'sha384' }],
  ['ecdsa-p384', { hash: 'sha256' }],
  ['ecdsa-p521', { hash: 'sha512' }],
  ['rsa', { hash: 'sha256' }],
  ['rsa', { hash: 'sha512' }],
  ['rsa', { hash: 'sha256', padding: 'pss' }],
  ['rsa', { hash: 'sha384', padding: 'pss' }],
];

test.each(FORMS)('%s %j signs envelopes and artifacts', (algorithm, form) => {
  const key = generateKey(algorithm);
  const signature = sign(key, DATA, form);
  const hash = form.hash ?? 'sha256';
  expect(isAttestationSignature(key.publicKey, DATA, signature)).toBe(true);
  expect(isMessageSignature(key.publicKey, DATA, signature, hash)).toBe(true);
  expect(isAttestationSignature(key.publicKey, Buffer.from('another'), signature)).toBe(false);
  expect(isAttestationSignature(generateKey(algorithm).publicKey, DATA, signature)).toBe(false);
});

test.each(FORMS.filter(([algorithm, { padding }]) => algorithm !== 'ed25519' && padding === undefined))(
  '%s %j is verified by digest alone',
  (algorithm, form) => {
    const key = generateKey(algorithm);
    const signature = sign(key, DATA, form);
    const hash = form.hash!;
    expect(isDigestSignature(key.publicKey, digest(hash), signature, hash)).toBe(true);
    expect(isDigestSignature(key.publicKey, digest(hash, Buffer.from('another')), signature, hash)).toBe(
      false,
    );
    expect(isDigestSignature(key.publicKey, digest(hash), signature.subarray(1), hash)).toBe(false);
  },
);

test('an RSA signature that lacks its leading zero is too short, whatever number it is', () => {
  const key = generateKey('rsa');
  // One signature in 256 begins with a zero.
  for (let i = 0; ; i += 1) {
    const data = Buffer.from(`message ${i}`);
    const signature = sign(key, data);
    if (signature[0] !== 0) continue;
    expect(isDigestSignature(key.publicKey, digest('sha256', data), signature, 'sha256')).toBe(true);
    expect(isDigestSignature(key.publicKey, digest('sha256', data), signature.subarray(1), 'sha256')).toBe(
      false,
    );
    break;
  }
});

test('a plain Ed25519 signature over an artifact needs the artifact', async () => {
  const key = generateKey('ed25519');
  for (const hash of ['sha256', 'sha512'] as const) {
    const { hints } = await refusal('ARTIFACT_REQUIRED', () =>
      isDigestSignature(key.publicKey, digest(hash), sign(key, DATA), hash),
    );
    expect(hints).toContain('give the file with --artifact FILE instead of its digest');
  }
});

/** The vector of RFC 8032 §7.3: Ed25519ph over `abc`. */
const PH = {
  secret: '833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42',
  signature:
    '98a70222f0b8121aa9d30f813d683f809e462b469c7ff87639499bb94e6dae4131f85042463c2a355a2003d062adf5aaa10b8c61e636062aaad11c2a26083406',
};

test('Ed25519ph is verified by digest alone, and is not plain Ed25519', async () => {
  const pkcs8 = Buffer.from(`302e020100300506032b657004220420${PH.secret}`, 'hex');
  const key = publicKeyOf(createPublicKey(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })));
  const [signature, abc] = [Buffer.from(PH.signature, 'hex'), Buffer.from('abc')];
  expect(isDigestSignature(key, digest('sha512', abc), signature, 'sha512')).toBe(true);
  expect(isPrehashedSignature(key, digest('sha512', abc), signature)).toBe(true);
  expect(isMessageSignature(key, abc, signature, 'sha512')).toBe(false);
  expect(isMessageSignature(key, digest('sha512', abc), signature, 'sha512')).toBe(false);
  expect(isPrehashedSignature(key, digest('sha512'), signature)).toBe(false);
  expect(isPrehashedSignature(key, digest('sha256', abc), signature)).toBe(false);
  expect(isPrehashedSignature(key, digest('sha512', abc), signature.subarray(1))).toBe(false);
  await refusal('ARTIFACT_REQUIRED', () => isDigestSignature(key, digest('sha512'), signature, 'sha512'));
});

const { RSA_PSS_SALTLEN_DIGEST, RSA_PSS_SALTLEN_MAX_SIGN, RSA_PKCS1_PSS_PADDING } = constants;

test.each([
  [2048, 'sha256', RSA_PSS_SALTLEN_DIGEST],
  [2048, 'sha256', RSA_PSS_SALTLEN_MAX_SIGN],
  [2048, 'sha512', 0],
  [2049, 'sha256', RSA_PSS_SALTLEN_MAX_SIGN],
  [2050, 'sha384', 20],
  [3072, 'sha384', RSA_PSS_SALTLEN_DIGEST],
] as const)(
  'RSA-PSS of %d bits with %s and salt %d is verified by digest alone',
  (bits, hash, saltLength) => {
    const { privateKey, publicKey: object } = generateKeyPairSync('rsa', { modulusLength: bits });
    const key = publicKeyOf(object);
    const signature = nodeSign(hash, DATA, { key: privateKey, padding: RSA_PKCS1_PSS_PADDING, saltLength });
    const another = digest(hash, Buffer.from('another'));
    expect(isMessageSignature(key, DATA, signature, hash)).toBe(true);
    expect(isDigestSignature(key, digest(hash), signature, hash)).toBe(true);
    expect(isDigestSignature(key, another, signature, hash)).toBe(false);
    const changed = Buffer.from(signature);
    changed[signature.length - 1]! ^= 1;
    expect(isDigestSignature(key, digest(hash), changed, hash)).toBe(false);
    expect(isDigestSignature(key, digest(hash), signature.subarray(1), hash)).toBe(false);
  },
);

test('what is encoded wrongly is refused, whatever it hashes to (RFC 8017 §9)', () => {
  const { privateKey, publicKey: object } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key = publicKeyOf(object);
  const raw = (encoded: Buffer) =>
    privateEncrypt({ key: privateKey, padding: constants.RSA_NO_PADDING }, encoded);
  const good = nodeSign('sha256', DATA, { key: privateKey, padding: RSA_PKCS1_PSS_PADDING, saltLength: 32 });
  const encoded = publicDecrypt({ key: object, padding: constants.RSA_NO_PADDING }, good);
  expect(isDigestSignature(key, digest('sha256'), raw(encoded), 'sha256')).toBe(true);
  for (const at of [0, 5, 100, 200, 230, 255]) {
    const wrong = Buffer.from(encoded);
    wrong[at]! ^= at === 0 ? 0x40 : 1;
    expect(isDigestSignature(key, digest('sha256'), raw(wrong), 'sha256'), `byte ${at}`).toBe(false);
  }
  const info = Buffer.concat([
    Buffer.from('3031300d060960864801650304020105000420', 'hex'),
    digest('sha256'),
  ]);
  const pkcs1 = (padding: number, rest = '') =>
    Buffer.concat([
      Buffer.from([0, 1]),
      Buffer.alloc(padding, 0xff),
      Buffer.from([0]),
      info,
      Buffer.from(rest, 'hex'),
    ]);
  expect(isDigestSignature(key, digest('sha256'), raw(pkcs1(202)), 'sha256')).toBe(true);
  // Bytes behind the digest, as in Bleichenbacher's forgery.
  expect(isDigestSignature(key, digest('sha256'), raw(pkcs1(200, '0000')), 'sha256')).toBe(false);
});

test('a hash that keys of a kind are not used with is refused, with the artifact and without', () => {
  const key = generateKey('ecdsa-p256');
  const signature = sign(key, DATA, { hash: 'sha512' });
  expect(isMessageSignature(key.publicKey, DATA, signature, 'sha512')).toBe(false);
  expect(isDigestSignature(key.publicKey, digest('sha512'), signature, 'sha512')).toBe(false);
});

test('keys of kinds that are not supported are refused by name', async () => {
  for (const type of ['ml-dsa-65', 'ml-dsa-87', 'ed448', 'rsa-pss'] as const) {
    let pem: string;
    try {
      const { publicKey } = generateKeyPairSync(type as 'rsa-pss', { modulusLength: 2048 });
      pem = publicKey.export({ type: 'spki', format: 'pem' });
    } catch {
      expect(type, 'only older Nodes do not know them').toMatch(/^ml-dsa/);
      continue;
    }
    const { message } = await refusal('KEY_INVALID', () => parsePublicKey(Buffer.from(pem)));
    expect(message).toBe(`keys of type ${type} are not supported`);
  }
});
