import { formatHex } from '../base/bytes.ts';
import {
  COSE_HEADER,
  type CoseHeader,
  type CoseSign,
  coseAlgorithmName,
  coseSign,
  formatCoseHeader,
  formatCoseSign,
  isCoseSignature,
  parseCoseSign,
} from '../base/cose.ts';
import { StellaError } from '../base/errors.ts';
import type { PublicKey, Signer } from '../base/keys.ts';

/** What is needed to judge a manifest's signatures: its exact bytes and the COSE_Sign of manifest.cose. */
export interface SignedManifest {
  readonly manifestBytes: Uint8Array;
  readonly signatures: CoseSign;
  readonly parts?: SignedParts | undefined;
}

/** The list of a split bundle's parts: the exact bytes of NAME.parts.json and the COSE_Sign of NAME.parts.cose. */
export interface SignedParts {
  readonly bytes: Uint8Array;
  readonly signatures: CoseSign;
}

/** Who claims to have signed a bundle. */
export interface SignerId {
  /** SHA-256 of the signer's DER SubjectPublicKeyInfo, 64 hexadecimal digits: the `id` of its public key. */
  readonly kid: string;
  /** `EdDSA`, `ES256` or `Ed25519`. */
  readonly alg: string;
}

export const BUNDLE_MANIFEST_TYPE = 'application/vnd.stella.bundle-manifest+json';
export const BUNDLE_PARTS_TYPE = 'application/vnd.stella.bundle-parts+json';
const ALLOWED_ALGORITHMS: readonly unknown[] = [-7, -8, -19];

const invalid = (why: string): StellaError => new StellaError('COSE_INVALID', `manifest.cose ${why}`);

/**
 * Reads manifest.cose: COSE_Sign, payload detached, body header {3: content type}, each signature with a protected
 * header {1: alg, 4: kid} and no unprotected one, no kid twice.
 * @throws StellaError COSE_INVALID
 */
export function parseManifestSignature(
  bytes: Uint8Array,
  contentType: string = BUNDLE_MANIFEST_TYPE,
): CoseSign {
  const cose = parseCoseSign(bytes);
  if (cose.payload !== null) throw invalid('carries a payload; it must be detached');
  if (cose.unprotectedHeader.size > 0) throw invalid('has an unprotected header');
  if (cose.protectedHeader.size !== 1 || cose.protectedHeader.get(COSE_HEADER.contentType) !== contentType)
    throw invalid(`is not of content type ${contentType}`);
  const kids = new Set<string>();
  for (const signature of cose.signatures) {
    if (signature.unprotectedHeader.size > 0) throw invalid('has a signature with an unprotected header');
    const { kid } = signerId(signature.protectedHeader);
    if (kids.has(kid)) throw invalid('has two signatures of one key');
    kids.add(kid);
  }
  return cose;
}

function signerId(header: CoseHeader): SignerId {
  const alg = header.get(COSE_HEADER.alg);
  const kid = header.get(COSE_HEADER.kid);
  if (header.size !== 2 || !ALLOWED_ALGORITHMS.includes(alg))
    throw invalid('has a signature whose header is not {alg: EdDSA or ES256, kid}');
  if (!(kid instanceof Uint8Array) || kid.length !== 32)
    throw invalid('has a signature whose kid is not a SHA-256');
  return { kid: formatHex(kid), alg: coseAlgorithmName(alg) };
}

/** Who claims to have signed, in order. Nothing about it is verified. */
export function signerIds(bundle: Pick<SignedManifest, 'signatures'>): SignerId[] {
  return bundle.signatures.signatures.map((signature) => signerId(signature.protectedHeader));
}

/**
 * Checks the signatures over a manifest.
 * @param trusted keys that may sign bundles; signatures of others count for nothing
 * @param threshold how many of them must have signed
 * @returns the trusted keys that have signed
 * @throws StellaError BUNDLE_SIGNER_UNTRUSTED (no signature of a trusted key), BUNDLE_SIGNATURE (a trusted key's
 * signature does not verify), BUNDLE_THRESHOLD
 */
export function checkBundleSignature(
  bundle: SignedManifest,
  trusted: readonly PublicKey[],
  threshold: number,
): PublicKey[] {
  const { signatures: cose, manifestBytes, parts } = bundle;
  const signed = trustedSigners(cose, manifestBytes, trusted, 'manifest');
  // Parts are content, which the manifest's signers vouch for by its digests: one of them suffices for the list.
  if (parts && trustedSigners(parts.signatures, parts.bytes, trusted, 'list of parts').length === 0)
    throw new StellaError('BUNDLE_SIGNER_UNTRUSTED', 'the list of parts is signed by no trusted key');
  const names = signerIds(bundle).map(({ kid }) => kid);
  if (signed.length === 0)
    throw new StellaError(
      'BUNDLE_SIGNER_UNTRUSTED',
      `the bundle is signed by ${names.join(', ')}, which ${names.length > 1 ? 'are' : 'is'} not trusted`,
      { details: { signers: names } },
    );
  if (signed.length < threshold)
    throw new StellaError(
      'BUNDLE_THRESHOLD',
      `${signed.length} of the trusted keys have signed the bundle, ${threshold} must`,
      { details: { signers: names, trusted: signed.map(({ id }) => id), threshold } },
    );
  return signed;
}

function trustedSigners(
  cose: CoseSign,
  payload: Uint8Array,
  trusted: readonly PublicKey[],
  what: string,
): PublicKey[] {
  const signed: PublicKey[] = [];
  for (const signature of cose.signatures) {
    const { kid } = signerId(signature.protectedHeader);
    const key = trusted.find(({ id }) => id === kid);
    if (!key) continue;
    if (!isCoseSignature(cose, signature, payload, key))
      throw new StellaError('BUNDLE_SIGNATURE', `Signature verification failed: ${what}, key ${key.id}`);
    signed.push(key);
  }
  return signed;
}

/**
 * manifest.cose over these exact bytes.
 * @throws StellaError KEY_INVALID, SIGNER_FAILED, USAGE (no signer, or one twice)
 */
export async function formatManifestSignature(
  payload: Uint8Array,
  signers: readonly Signer[],
  contentType: string = BUNDLE_MANIFEST_TYPE,
): Promise<Uint8Array> {
  const header = new Map([[COSE_HEADER.contentType, contentType]]);
  const protectedBytes = formatCoseHeader(header);
  if (signers.length === 0) throw new StellaError('USAGE', 'a bundle needs a signer');
  if (new Set(signers.map(({ publicKey }) => publicKey.id)).size !== signers.length)
    throw new StellaError('USAGE', 'a key cannot sign the same bundle twice');
  const signatures = [];
  for (const signer of signers)
    signatures.push(await coseSign(protectedBytes, payload, signer, kidOf(signer.publicKey)));
  return formatCoseSign({
    protectedBytes,
    protectedHeader: header,
    unprotectedHeader: new Map(),
    payload: null,
    signatures,
  });
}

const kidOf = (key: PublicKey): Uint8Array => Buffer.from(key.id, 'hex');

/**
 * Adds a signature to manifest.cose; those there stay as they are.
 * @throws StellaError KEY_INVALID, SIGNER_FAILED, USAGE (the key has signed already)
 */
export async function addManifestSignature(
  cose: CoseSign,
  payload: Uint8Array,
  signer: Signer,
): Promise<Uint8Array> {
  if (signerIds({ signatures: cose }).some(({ kid }) => kid === signer.publicKey.id))
    throw new StellaError('USAGE', `the key ${signer.publicKey.id} has signed this bundle already`);
  const signature = await coseSign(cose.protectedBytes, payload, signer, kidOf(signer.publicKey));
  return formatCoseSign({ ...cose, signatures: [...cose.signatures, signature] });
}
