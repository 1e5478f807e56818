import type { HashAlgorithm, PublicKey, SignatureForm } from '../../base/keys.ts';
import { table } from '../../base/table.ts';
import { type DerReader, oidOf, TAG } from './der.ts';

/** Hash functions by object identifier. */
export const HASH_ALGORITHMS = table<HashAlgorithm>({
  [oidOf('2.16.840.1.101.3.4.2.1')]: 'sha256',
  [oidOf('2.16.840.1.101.3.4.2.2')]: 'sha384',
  [oidOf('2.16.840.1.101.3.4.2.3')]: 'sha512',
});

/** What an AlgorithmIdentifier of a signature (RFC 5280 §4.1.1.2) means: which keys, and in which form. */
export interface SignatureAlgorithm {
  readonly type: 'ecdsa' | 'rsa' | 'ed25519';
  readonly form: SignatureForm;
}

const ALGORITHMS = table<SignatureAlgorithm>({
  [oidOf('1.2.840.10045.4.3.2')]: { type: 'ecdsa', form: { hash: 'sha256' } },
  [oidOf('1.2.840.10045.4.3.3')]: { type: 'ecdsa', form: { hash: 'sha384' } },
  [oidOf('1.2.840.10045.4.3.4')]: { type: 'ecdsa', form: { hash: 'sha512' } },
  [oidOf('1.2.840.113549.1.1.11')]: { type: 'rsa', form: { hash: 'sha256' } },
  [oidOf('1.2.840.113549.1.1.12')]: { type: 'rsa', form: { hash: 'sha384' } },
  [oidOf('1.2.840.113549.1.1.13')]: { type: 'rsa', form: { hash: 'sha512' } },
  [oidOf('1.3.101.112')]: { type: 'ed25519', form: {} },
});
const RSA = oidOf('1.2.840.113549.1.1.1');
const PSS = oidOf('1.2.840.113549.1.1.10');
const MGF1 = oidOf('1.2.840.113549.1.1.8');

/**
 * The algorithm that an AlgorithmIdentifier names; `undefined` for one that is not supported, SHA-1 among them.
 * @param identifier inside of its SEQUENCE
 * @param digestHash what a bare `rsaEncryption` goes with, where that may stand for a signature (RFC 3370 §3.2)
 */
export function signatureAlgorithmIn(
  identifier: DerReader,
  digestHash?: HashAlgorithm,
): SignatureAlgorithm | undefined {
  const oid = identifier.oid();
  if (oid === PSS) return pssIn(identifier);
  if (oid === RSA && digestHash !== undefined) return { type: 'rsa', form: { hash: digestHash } };
  return ALGORITHMS[oid];
}

/** RSASSA-PSS-params (RFC 4055 §3.1). Their defaults are of SHA-1; one hash must serve for message and mask. */
function pssIn(identifier: DerReader): SignatureAlgorithm | undefined {
  if (identifier.isDone()) return undefined;
  const params = identifier.enter(TAG.sequence);
  identifier.finish();
  const inTag = (tag: number) => {
    const element = params.optional(tag);
    return element && params.inside(element);
  };
  const hash = inTag(0xa0)?.enter(TAG.sequence).oid();
  const mask = inTag(0xa1)?.enter(TAG.sequence);
  const isMgf1 = mask?.oid() === MGF1;
  const maskHash = isMgf1 ? mask.enter(TAG.sequence).oid() : undefined;
  const saltLength = inTag(0xa2)?.smallInteger() ?? 20;
  const trailer = inTag(0xa3)?.smallInteger() ?? 1;
  params.finish();
  const known = hash === undefined ? undefined : HASH_ALGORITHMS[hash];
  if (known === undefined || maskHash !== hash || trailer !== 1) return undefined;
  return { type: 'rsa', form: { hash: known, padding: 'pss', saltLength } };
}

/** Whether a key is of the kind that the algorithm is for. */
export function fitsAlgorithm(key: PublicKey, algorithm: SignatureAlgorithm): boolean {
  return key.algorithm.startsWith(algorithm.type);
}
