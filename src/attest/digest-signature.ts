import { constants, publicDecrypt } from 'node:crypto';
import { p256, p384, p521 } from '@noble/curves/nist.js';
import { equalBytes } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import type { HashAlgorithm, PublicKey } from '../base/keys.ts';

const CURVES = { 'ecdsa-p256': p256, 'ecdsa-p384': p384, 'ecdsa-p521': p521 } as const;
/** DER of DigestInfo up to the digest (RFC 8017 §9.2, note 1). */
const DIGEST_INFO: Readonly<Record<HashAlgorithm, string>> = {
  sha256: '3031300d060960864801650304020105000420',
  sha384: '3041300d060960864801650304020205000430',
  sha512: '3051300d060960864801650304020305000440',
};

/**
 * Whether `signature` is `key`'s over something with this digest. node:crypto cannot say so; ECDSA and RSA PKCS#1 can.
 * @throws StellaError ARTIFACT_REQUIRED for keys that sign the artifact itself rather than its digest
 */
export function isDigestSignature(
  key: PublicKey,
  digest: Uint8Array,
  signature: Uint8Array,
  hash: HashAlgorithm,
): boolean {
  const { algorithm } = key;
  if (algorithm === 'ed25519')
    throw new StellaError(
      'ARTIFACT_REQUIRED',
      'an Ed25519 signature over an artifact needs the artifact itself',
    );
  try {
    if (algorithm === 'rsa') {
      // RFC 8017 §8.2.2: as long as the modulus; OpenSSL would read a missing leading zero into it.
      if (signature.length !== Math.ceil(key.object.asymmetricKeyDetails!.modulusLength! / 8)) return false;
      const recovered = publicDecrypt({ key: key.object, padding: constants.RSA_PKCS1_PADDING }, signature);
      return equalBytes(recovered, Buffer.concat([Buffer.from(DIGEST_INFO[hash], 'hex'), digest]));
    }
    const { x, y } = key.object.export({ format: 'jwk' });
    const point = Buffer.concat([
      Buffer.from([4]),
      Buffer.from(x!, 'base64url'),
      Buffer.from(y!, 'base64url'),
    ]);
    return CURVES[algorithm].verify(signature, digest, point, { prehash: false, format: 'der', lowS: false });
  } catch {
    return false;
  }
}
