import { describe, expect, test } from 'vitest';
import { formatPublicKey, generateKey, type KeyAlgorithm, type PrivateKey } from '../../src/base/keys.ts';
import { duplicateKeyProblem } from '../../src/tuf/distinct-keys.ts';

const pem = (key: PrivateKey) => formatPublicKey(key.publicKey);

function hex(key: PrivateKey): string {
  const { x, y } = key.publicKey.object.export({ format: 'jwk' });
  const part = (text: string | undefined) => Buffer.from(text ?? '', 'base64url').toString('hex');
  return `${y === undefined ? '' : '04'}${part(x)}${part(y)}`;
}

/** A role whose keys are written as given; those whose id is in `signing` have signed. */
function problem(keys: readonly string[], threshold: number, signing: readonly number[]): string | undefined {
  const ids = keys.map((_, i) => `id${i}`);
  const entries = keys.map((text, i) => [
    ids[i],
    {
      keyVal: { public: text },
      verifySignature: () => {
        if (!signing.includes(i)) throw new Error('no signature');
      },
    },
  ]);
  const delegator = { roles: { r: { keyIDs: ids, threshold } }, keys: Object.fromEntries(entries) as never };
  return duplicateKeyProblem(delegator, 'r', {});
}

describe.each(['ed25519', 'ecdsa-p256', 'ecdsa-p384', 'rsa'] satisfies KeyAlgorithm[])('%s', (algorithm) => {
  const [a, b] = [generateKey(algorithm), generateKey(algorithm)];
  const other = algorithm === 'rsa' ? `${pem(a)}\n` : hex(a);

  test('one key in two forms counts once', () => {
    expect(problem([pem(a), other], 2, [0, 1])).toBe('r was signed by 1/2 different keys');
    expect(problem([pem(a), other, pem(b)], 2, [0, 1])).toBeDefined();
  });

  test('different keys count each, whatever else is listed', () => {
    expect(problem([pem(a), other, pem(b)], 2, [1, 2])).toBeUndefined();
    expect(problem([pem(a), pem(b)], 2, [])).toBeUndefined();
  });
});

test('upper-case hexadecimal is the same key', () => {
  const key = generateKey('ed25519');
  expect(problem([hex(key), hex(key).toUpperCase()], 2, [0, 1])).toBeDefined();
});
