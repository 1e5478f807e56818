import { describe, expect, test } from 'vitest';
import {
  formatPublicKey,
  generateKey,
  type KeyAlgorithm,
  type PrivateKey,
  sign,
} from '../../src/base/keys.ts';
import { formatTufKey, parseTufKey } from '../../src/tuf/key.ts';
import { signedBytes, type TufKey } from '../../src/tuf/metadata.ts';
import { validSigners } from '../../src/tuf/signature.ts';
import { refusal } from '../support/errors.ts';

const pem = (key: PrivateKey) => formatPublicKey(key.publicKey);

function hex(key: PrivateKey): string {
  const { x, y } = key.publicKey.object.export({ format: 'jwk' });
  const part = (text: string | undefined) => Buffer.from(text ?? '', 'base64url').toString('hex');
  return `${y === undefined ? '' : '04'}${part(x)}${part(y)}`;
}

/** A role whose keys are written as given; those whose index is in `signing` sign. How many count? */
function counted(forms: readonly { key: PrivateKey; text: string }[], signing: readonly number[]): number {
  const signed = {
    _type: 'timestamp' as const,
    spec_version: '1.0.31',
    version: 1,
    expires: '2030-01-01T00:00:00Z',
    meta: { 'snapshot.json': { version: 1 } },
  };
  const keys = forms.map(({ key, text }, i): [string, TufKey] => {
    const { keytype, scheme } = formatTufKey(key.publicKey);
    return [`id${i}`, { keytype, scheme, keyval: { public: text } }];
  });
  const data = signedBytes({ signed, signatures: [] });
  const signatures = signing.map((i) => {
    const { form } = parseTufKey(keys[i]![1]);
    return { keyid: `id${i}`, sig: Buffer.from(sign(forms[i]!.key, data, form)).toString('hex') };
  });
  const rule = { keys: Object.fromEntries(keys), keyids: keys.map(([id]) => id), threshold: 1 };
  return validSigners({ signed, signatures }, rule).length;
}

describe.each(['ed25519', 'ecdsa-p256', 'ecdsa-p384', 'rsa'] satisfies KeyAlgorithm[])('%s', (algorithm) => {
  const [a, b] = [generateKey(algorithm), generateKey(algorithm)];
  const other = algorithm === 'rsa' ? `${pem(a)}\n` : hex(a);
  const forms = [
    { key: a, text: pem(a) },
    { key: a, text: other },
    { key: b, text: pem(b) },
  ];

  test('one key in two forms counts once', () => {
    expect(counted(forms, [0])).toBe(1);
    expect(counted(forms, [1])).toBe(1);
    expect(counted(forms, [0, 1])).toBe(1);
  });

  test('different keys count each, whatever else is listed', () => {
    expect(counted(forms, [1, 2])).toBe(2);
    expect(counted(forms, [0, 1, 2])).toBe(2);
    expect(counted(forms, [])).toBe(0);
  });
});

test('upper-case hexadecimal is the same key', () => {
  const key = generateKey('ed25519');
  const forms = [hex(key), hex(key).toUpperCase()].map((text) => ({ key, text }));
  expect(counted(forms, [1])).toBe(1);
  expect(counted(forms, [0, 1])).toBe(1);
});

test('a key of another algorithm than its scheme signs nothing that counts', async () => {
  const key = generateKey('ecdsa-p384');
  const rule = { keytype: 'ecdsa', scheme: 'ecdsa-sha2-nistp256', keyval: { public: pem(key) } };
  await refusal('KEY_INVALID', () => parseTufKey(rule));
});
