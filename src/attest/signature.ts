import { StellaError } from '../base/errors.ts';
import { type HashAlgorithm, isSignature, type PublicKey, type SignatureForm } from '../base/keys.ts';

/** Forms in which keys sign attestations, likeliest first. Go's signers give PSS as much salt as fits. */
const FORMS: Readonly<Record<PublicKey['algorithm'], readonly SignatureForm[]>> = {
  ed25519: [{}],
  'ecdsa-p256': [{ hash: 'sha256' }],
  'ecdsa-p384': [{ hash: 'sha384' }, { hash: 'sha256' }],
  'ecdsa-p521': [{ hash: 'sha512' }, { hash: 'sha256' }],
  rsa: [
    { hash: 'sha256' },
    { hash: 'sha256', padding: 'pss', saltLength: 'any' },
    { hash: 'sha384' },
    { hash: 'sha384', padding: 'pss', saltLength: 'any' },
    { hash: 'sha512' },
    { hash: 'sha512', padding: 'pss', saltLength: 'any' },
  ],
};

/** Bytes of an ECDSA signature that is its two numbers, each as long as the curve's order (IEEE P1363). */
const P1363_BYTES: ReadonlyMap<PublicKey['algorithm'], number> = new Map([
  ['ecdsa-p256', 64],
  ['ecdsa-p384', 96],
  ['ecdsa-p521', 132],
]);

/**
 * Whether `signature` is `key`'s over `data`, in one of the forms that attestations use. DSSE says nothing of how ECDSA
 * signatures are written; most signers write DER, some the two numbers.
 */
export function isAttestationSignature(key: PublicKey, data: Uint8Array, signature: Uint8Array): boolean {
  const forms = FORMS[key.algorithm];
  if (forms.some((form) => isSignature(key, data, signature, form))) return true;
  return (
    signature.length === P1363_BYTES.get(key.algorithm) &&
    forms.some((form) => isSignature(key, data, signature, { ...form, encoding: 'ieee-p1363' }))
  );
}

/** Whether `signature` is `key`'s over the artifact, hashed with `hash`. */
export function isMessageSignature(
  key: PublicKey,
  data: Uint8Array,
  signature: Uint8Array,
  hash: HashAlgorithm,
): boolean {
  return FORMS[key.algorithm]
    .filter((form) => form.hash === undefined || form.hash === hash)
    .some((form) => isSignature(key, data, signature, form));
}

/** Whether keys of this kind sign artifacts by this hash. */
export function isHashOf(algorithm: PublicKey['algorithm'], hash: HashAlgorithm): boolean {
  return FORMS[algorithm].some((form) => form.hash === hash);
}

/** The refusal of a signature that comes with the certificate of another key: no newer trust can make it hold. */
export function notByCertifiedKey(): StellaError {
  return new StellaError(
    'SIGNATURE_INVALID',
    'Signature verification failed: it is not by the certified key',
    {
      hint: 'the content, the signature or the certificate was altered: get the attestation again from where it was published',
    },
  );
}
