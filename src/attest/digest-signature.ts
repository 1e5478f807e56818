import { constants, hash as cryptoHash, publicDecrypt } from 'node:crypto';
import { eddsa } from '@noble/curves/abstract/edwards.js';
import { ed25519 } from '@noble/curves/ed25519.js';
import { p256, p384, p521 } from '@noble/curves/nist.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { equalBytes } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import type { HashAlgorithm, PublicKey } from '../base/keys.ts';
import { isHashOf } from './signature.ts';

const CURVES = { 'ecdsa-p256': p256, 'ecdsa-p384': p384, 'ecdsa-p521': p521 } as const;
/** DER of DigestInfo up to the digest (RFC 8017 §9.2, note 1). */
const DIGEST_INFO: Readonly<Record<HashAlgorithm, string>> = {
  sha256: '3031300d060960864801650304020105000420',
  sha384: '3041300d060960864801650304020205000430',
  sha512: '3051300d060960864801650304020305000440',
};

/**
 * Whether `signature` is `key`'s over something with this digest. node:crypto cannot say so; ECDSA, RSA and Ed25519ph can.
 * @throws StellaError ARTIFACT_REQUIRED for a signature that may be one of plain Ed25519, over the artifact itself
 */
export function isDigestSignature(
  key: PublicKey,
  digest: Uint8Array,
  signature: Uint8Array,
  hash: HashAlgorithm,
): boolean {
  if (key.algorithm === 'ed25519') {
    if (hash === 'sha512' && isPrehashedSignature(key, digest, signature)) return true;
    throw new StellaError(
      'ARTIFACT_REQUIRED',
      'an Ed25519 signature over an artifact needs the artifact itself',
      { hint: 'give the file with --artifact FILE instead of its digest' },
    );
  }
  try {
    if (!isHashOf(key.algorithm, hash)) return false;
    if (key.algorithm === 'rsa') return isRsaSignature(key, digest, signature, hash);
    const { x, y } = key.object.export({ format: 'jwk' });
    const point = Buffer.concat([
      Buffer.from([4]),
      Buffer.from(x!, 'base64url'),
      Buffer.from(y!, 'base64url'),
    ]);
    return CURVES[key.algorithm].verify(signature, digest, point, {
      prehash: false,
      format: 'der',
      lowS: false,
    });
  } catch {
    return false;
  }
}

/** Ed25519ph (RFC 8032 §5.1) of a message that is hashed already: its first step is left out. */
const ed25519OfDigest = eddsa(ed25519.Point, sha512, {
  prehash: (digest: Uint8Array) => digest,
  domain: (data: Uint8Array, context: Uint8Array, isPrehashed: boolean) =>
    Buffer.concat([
      Buffer.from('SigEd25519 no Ed25519 collisions'),
      Buffer.from([isPrehashed ? 1 : 0, context.length]),
      context,
      data,
    ]),
  zip215: false,
});

/** Whether `signature` is `key`'s Ed25519ph signature over something with this SHA-512. */
export function isPrehashedSignature(key: PublicKey, digest: Uint8Array, signature: Uint8Array): boolean {
  try {
    const { x } = key.object.export({ format: 'jwk' });
    return digest.length === 64 && ed25519OfDigest.verify(signature, digest, Buffer.from(x!, 'base64url'));
  } catch {
    return false;
  }
}

function isRsaSignature(
  key: PublicKey,
  digest: Uint8Array,
  signature: Uint8Array,
  hash: HashAlgorithm,
): boolean {
  const bits = key.object.asymmetricKeyDetails!.modulusLength!;
  // RFC 8017 §8.1.2 and §8.2.2: as long as the modulus; OpenSSL would read a missing leading zero into it.
  if (signature.length !== Math.ceil(bits / 8)) return false;
  const encoded = publicDecrypt({ key: key.object, padding: constants.RSA_NO_PADDING }, signature);
  return isPkcs1(encoded, digest, hash) || isPss(encoded, bits - 1, digest, hash);
}

/** EMSA-PKCS1-v1_5 (RFC 8017 §9.2): there is only one encoding of a digest. */
function isPkcs1(encoded: Uint8Array, digest: Uint8Array, hash: HashAlgorithm): boolean {
  const info = Buffer.concat([Buffer.from(DIGEST_INFO[hash], 'hex'), digest]);
  const padding = Buffer.alloc(encoded.length - info.length - 3, 0xff);
  return equalBytes(encoded, Buffer.concat([Buffer.from([0, 1]), padding, Buffer.from([0]), info]));
}

/** EMSA-PSS-VERIFY (RFC 8017 §9.1.2) with MGF1 of the same hash, and with any length of salt. */
function isPss(representative: Buffer, bits: number, digest: Uint8Array, hash: HashAlgorithm): boolean {
  const length = Math.ceil(bits / 8);
  const encoded = representative.subarray(-length);
  if (length < representative.length && representative[0] !== 0) return false;
  const hashLength = digest.length;
  if (length < hashLength + 2 || encoded.at(-1) !== 0xbc) return false;
  const masked = encoded.subarray(0, length - hashLength - 1);
  const seed = encoded.subarray(masked.length, -1);
  const unused = 8 * length - bits;
  if (masked[0]! >> (8 - unused) !== 0) return false;
  const block = Buffer.from(masked);
  const mask = mgf1(hash, seed, block.length);
  for (let i = 0; i < block.length; i += 1) block[i]! ^= mask[i]!;
  block[0]! &= 0xff >> unused;
  const mark = block.findIndex((byte) => byte !== 0);
  if (block[mark] !== 1) return false;
  const again = Buffer.concat([Buffer.alloc(8), digest, block.subarray(mark + 1)]);
  return equalBytes(cryptoHash(hash, again, 'buffer'), seed);
}

/** MGF1 (RFC 8017 §B.2.1). */
function mgf1(hash: HashAlgorithm, seed: Uint8Array, length: number): Buffer {
  const blocks: Buffer[] = [];
  for (let counter = 0, made = 0; made < length; counter += 1) {
    const number = Buffer.alloc(4);
    number.writeUInt32BE(counter);
    const block = cryptoHash(hash, Buffer.concat([seed, number]), 'buffer');
    blocks.push(block);
    made += block.length;
  }
  return Buffer.concat(blocks);
}
