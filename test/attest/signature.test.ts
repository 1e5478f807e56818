import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { isDigestSignature } from '../../src/attest/digest-signature.ts';
import { isAttestationSignature, isMessageSignature } from '../../src/attest/signature.ts';
import {
  generateKey,
  type HashAlgorithm,
  type KeyAlgorithm,
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

test('an Ed25519 signature over an artifact needs the artifact', async () => {
  const key = generateKey('ed25519');
  await refusal('ARTIFACT_REQUIRED', () =>
    isDigestSignature(key.publicKey, digest('sha256'), sign(key, DATA), 'sha256'),
  );
});
