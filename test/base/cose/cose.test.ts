import { createPublicKey } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatUtf8 } from '../../../src/base/bytes.ts';
import {
  coseAlgorithmOf,
  coseSign,
  coseSignedBytes,
  formatCoseHeader,
  formatCoseSign,
  isCoseSignature,
  parseCoseSign,
} from '../../../src/base/cose.ts';
import { isStellaError } from '../../../src/base/errors.ts';
import { generateKey, publicKeyOf, sign, signerOf } from '../../../src/base/keys.ts';
import { refusal } from '../../support/errors.ts';
import { BAD_SIGNATURE, GOOD, KEYS, MALFORMED, PAYLOAD } from './vectors.ts';

const hex = (text: string) => Buffer.from(text, 'hex');
const payload = formatUtf8(PAYLOAD);
const keyOf = (name: keyof typeof KEYS) => publicKeyOf(createPublicKey({ key: KEYS[name], format: 'jwk' }));

describe('published vectors', () => {
  test.each(GOOD)('$title', ({ cbor, keys, toBeSigned }) => {
    const cose = parseCoseSign(hex(cbor));
    expect(cose.payload).toEqual(payload);
    expect(cose.signatures).toHaveLength(keys.length);
    keys.forEach((name, i) => {
      const signature = cose.signatures[i]!;
      expect(isCoseSignature(cose, signature, payload, keyOf(name))).toBe(true);
      const signed = coseSignedBytes(cose.protectedBytes, signature.protectedBytes, payload);
      if (toBeSigned) expect(Buffer.from(signed)).toEqual(hex(toBeSigned[i]!));
      // Detached, the signature is over the same bytes.
      const detached = parseCoseSign(formatCoseSign({ ...cose, payload: null }));
      expect(detached.payload).toBeNull();
      expect(isCoseSignature(detached, detached.signatures[i]!, payload, keyOf(name))).toBe(true);
      expect(isCoseSignature(detached, signature, formatUtf8('This is the contend.'), keyOf(name))).toBe(
        false,
      );
      expect(isCoseSignature(cose, signature, payload, keyOf(name), hex('11aa'))).toBe(false);
    });
    expect(Buffer.from(formatCoseSign(cose))).toEqual(hex(cbor));
  });

  test.each(BAD_SIGNATURE)('$title does not verify', ({ cbor, keys }) => {
    const cose = parseCoseSign(hex(cbor));
    expect(isCoseSignature(cose, cose.signatures[0]!, payload, keyOf(keys[0]!))).toBe(false);
  });

  test('external data is part of what is signed', () => {
    const signed = coseSignedBytes(hex(''), hex('A10126'), payload, hex('11AA22BB33CC44DD55006699'));
    expect(Buffer.from(signed)).toEqual(
      hex(
        '85695369676E61747572654043A101264C11AA22BB33CC44DD5500669954546869732069732074686520636F6E74656E742E',
      ),
    );
  });

  test('a key of another algorithm does not verify', () => {
    const cose = parseCoseSign(hex(GOOD[0]!.cbor));
    expect(isCoseSignature(cose, cose.signatures[0]!, payload, keyOf('ed25519'))).toBe(false);
  });
});

describe('refused as malformed', () => {
  test.each(MALFORMED)('%s', async (_, cbor) => {
    await refusal('COSE_INVALID', () => parseCoseSign(hex(cbor)));
  });

  test('more than 64 signatures', async () => {
    const one = '8343A10126A040';
    await refusal('COSE_INVALID', () => parseCoseSign(hex(`D8628440A0F69841${one.repeat(65)}`)));
    expect(parseCoseSign(hex(`D8628440A0F69840${one.repeat(64)}`)).signatures).toHaveLength(64);
  });

  test('whatever bytes come, nothing but COSE_INVALID is thrown', () => {
    const good = hex(GOOD[1]!.cbor);
    const mutated = fc.tuple(fc.nat(good.length - 1), fc.nat(255), fc.nat(4)).map(([at, byte, cut]) => {
      const bytes = Buffer.from(good);
      bytes[at] = byte;
      return bytes.subarray(0, bytes.length - cut);
    });
    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 64 })), (bytes) => {
        try {
          parseCoseSign(bytes);
        } catch (error) {
          expect(isStellaError(error, 'COSE_INVALID')).toBe(true);
        }
      }),
      { numRuns: 3000 },
    );
  });
});

describe('signing', () => {
  const body = formatCoseHeader(new Map([[3, 'text/plain']]));

  test.each(['ed25519', 'ecdsa-p256'] as const)('%s signs what it verifies', async (algorithm) => {
    const key = generateKey(algorithm);
    const kid = hex(key.publicKey.id);
    const signature = await coseSign(body, payload, signerOf(key), kid);
    expect(Buffer.from(signature.protectedBytes).toString('hex')).toBe(
      `a201${algorithm === 'ed25519' ? '27' : '26'}045820${key.publicKey.id}`,
    );
    const bytes = formatCoseSign({
      protectedBytes: body,
      protectedHeader: new Map(),
      unprotectedHeader: new Map(),
      payload: null,
      signatures: [signature],
    });
    const cose = parseCoseSign(bytes);
    expect(cose.protectedHeader).toEqual(new Map([[3, 'text/plain']]));
    expect(isCoseSignature(cose, cose.signatures[0]!, payload, key.publicKey)).toBe(true);
  });

  test.each([0, 23, 24, 255, 256, 65535, 65536, 70000])('a payload of %d bytes', async (length) => {
    const key = generateKey();
    const large = Buffer.alloc(length, 1);
    const signature = await coseSign(body, large, signerOf(key), hex(key.publicKey.id));
    // The same bytes as an encoder of the whole would give: the structure is then well-formed CBOR.
    const signed = coseSignedBytes(body, signature.protectedBytes, large);
    const wrapped = Buffer.concat([hex('D8628440A0F681'), Buffer.from('8340A105', 'hex'), signed, hex('40')]);
    expect(parseCoseSign(wrapped).signatures[0]!.unprotectedHeader.get(5)).toHaveLength(5);
  });

  test('other keys are refused', async () => {
    await refusal('KEY_INVALID', () => coseAlgorithmOf(generateKey('ecdsa-p384').publicKey));
  });

  test('a signer that signs something else is caught', async () => {
    const key = generateKey();
    const signer = { publicKey: key.publicKey, sign: async () => sign(key, formatUtf8('else')) };
    await refusal('SIGNER_FAILED', () => coseSign(body, payload, signer, hex(key.publicKey.id)));
  });
});
