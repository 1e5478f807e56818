import { hash } from 'node:crypto';
import { equalBytes, sha256 } from '../../base/bytes.ts';
import type { Instant } from '../../base/clock.ts';
import { isStellaError, StellaError } from '../../base/errors.ts';
import { type HashAlgorithm, isSignature, type PublicKey } from '../../base/keys.ts';
import {
  type Certificate,
  EXTENSION,
  hasKeyUsage,
  isSignedBy,
  PURPOSE,
  parseCertificate,
  publicKeyIn,
  purposesOf,
} from '../x509/certificate.ts';
import { DerReader, type Element, oidOf, TAG } from '../x509/der.ts';
import {
  fitsAlgorithm,
  HASH_ALGORITHMS,
  type SignatureAlgorithm,
  signatureAlgorithmIn,
} from '../x509/signature-algorithm.ts';
import type { TrustedAuthority } from './material.ts';

const OID = {
  signedData: oidOf('1.2.840.113549.1.7.2'),
  tstInfo: oidOf('1.2.840.113549.1.9.16.1.4'),
  contentType: oidOf('1.2.840.113549.1.9.3'),
  messageDigest: oidOf('1.2.840.113549.1.9.4'),
  signingCertificateV2: oidOf('1.2.840.113549.1.9.16.2.47'),
} as const;

const code = 'TIMESTAMP_INVALID';
const refuse = (problem: string): never => {
  throw new StellaError(code, problem);
};

/** A parsed time-stamp response (RFC 3161 §2.4.2, RFC 5652 §5); nothing in it is verified. */
export interface Timestamp {
  readonly time: Instant;
  readonly imprintHash: HashAlgorithm;
  readonly imprint: Buffer;
  readonly tstInfo: Buffer;
  /** The signed attributes as they were signed: with the tag of a SET. */
  readonly signedAttributes: Buffer;
  readonly messageDigest: Buffer;
  readonly digestHash: HashAlgorithm;
  /** `undefined` for one that is not supported. */
  readonly signatureAlgorithm: SignatureAlgorithm | undefined;
  readonly signature: Buffer;
  readonly signer: { readonly issuer: Buffer; readonly serial: Buffer } | { readonly subjectKeyId: Buffer };
  readonly certificates: readonly Buffer[];
  /** ESS: the SHA-256 of the signer's certificate, where the response names it. */
  readonly certificateHash: Buffer | undefined;
}

function hashOf(reader: DerReader): HashAlgorithm {
  return HASH_ALGORITHMS[reader.enter(TAG.sequence).oid()] ?? reader.refuse('hash algorithm not supported');
}

/** @throws StellaError TIMESTAMP_INVALID */
export function parseTimestamp(der: Buffer): Timestamp {
  const outer = new DerReader(der, code);
  const response = outer.enter(TAG.sequence);
  outer.finish();
  const status = response.enter(TAG.sequence).smallInteger();
  if (status > 1) refuse(`the timestamp authority answered with status ${status}`);
  const contentInfo = response.enter(TAG.sequence);
  response.finish();
  if (contentInfo.oid() !== OID.signedData) refuse('the timestamp is not signed data');
  const wrapper = contentInfo.enter(0xa0);
  const signedData = wrapper.enter(TAG.sequence);
  wrapper.finish();
  signedData.smallInteger();
  signedData.next(TAG.set);
  const encapsulated = signedData.enter(TAG.sequence);
  if (encapsulated.oid() !== OID.tstInfo) refuse('the signed data is not a timestamp');
  const octets = encapsulated.enter(0xa0);
  const tstInfo = octets.content(octets.next(TAG.octetString));
  const certificates: Buffer[] = [];
  const carried = signedData.optional(0xa0);
  if (carried) {
    for (const reader = signedData.inside(carried); !reader.isDone(); ) {
      if (certificates.length === 10) refuse('the timestamp carries more than 10 certificates');
      certificates.push(reader.whole(reader.next(TAG.sequence)));
    }
  }
  signedData.optional(0xa1);
  const signers = signedData.enter(TAG.set);
  signedData.finish();
  const signerInfo = signers.enter(TAG.sequence);
  signers.finish();
  return { ...parseTstInfo(tstInfo), tstInfo, certificates, ...parseSigner(signerInfo) };
}

function parseTstInfo(bytes: Buffer): Pick<Timestamp, 'time' | 'imprintHash' | 'imprint'> {
  const outer = new DerReader(bytes, code);
  const info = outer.enter(TAG.sequence);
  outer.finish();
  if (info.smallInteger() !== 1) refuse('the timestamp is not of version 1');
  info.oid();
  const imprint = info.enter(TAG.sequence);
  const imprintHash = hashOf(imprint);
  const digest = imprint.content(imprint.next(TAG.octetString));
  info.next(TAG.integer);
  return { time: info.time(), imprintHash, imprint: digest };
}

function parseSigner(
  info: DerReader,
): Omit<Timestamp, 'time' | 'imprintHash' | 'imprint' | 'tstInfo' | 'certificates'> {
  info.smallInteger();
  let signer: Timestamp['signer'];
  const keyId = info.optional(0x80);
  if (keyId) signer = { subjectKeyId: info.content(keyId) };
  else {
    const sid = info.enter(TAG.sequence);
    signer = { issuer: sid.whole(sid.next(TAG.sequence)), serial: sid.content(sid.next(TAG.integer)) };
  }
  const digestHash = hashOf(info);
  const attributes = info.next(0xa0);
  const signatureAlgorithm = signatureAlgorithmIn(info.enter(TAG.sequence), digestHash);
  const signature = info.content(info.next(TAG.octetString));
  info.optional(0xa1);
  info.finish();
  const found = parseAttributes(info, attributes);
  const signedAttributes = Buffer.from(info.whole(attributes));
  signedAttributes[0] = TAG.set;
  return { signer, digestHash, signedAttributes, signatureAlgorithm, signature, ...found };
}

function parseAttributes(
  info: DerReader,
  element: Element,
): Pick<Timestamp, 'messageDigest' | 'certificateHash'> {
  const values = new Map<string, DerReader>();
  for (const reader = info.inside(element); !reader.isDone(); ) {
    const attribute = reader.enter(TAG.sequence);
    const oid = attribute.oid();
    if (values.has(oid)) refuse('a signed attribute of the timestamp appears twice');
    values.set(oid, attribute.enter(TAG.set));
  }
  if (values.get(OID.contentType)?.oid() !== OID.tstInfo)
    refuse('the signed content type is not a timestamp');
  const digest = values.get(OID.messageDigest) ?? refuse('the timestamp signs no digest');
  const messageDigest = digest.content(digest.next(TAG.octetString));
  // SigningCertificateV2 { certs { ESSCertIDv2 { hashAlgorithm DEFAULT sha256, certHash, … } } } (RFC 5035 §4)
  let certificateHash: Buffer | undefined;
  const ess = values.get(OID.signingCertificateV2);
  if (ess) {
    const first = ess.enter(TAG.sequence).enter(TAG.sequence).enter(TAG.sequence);
    const isSha256 = first.peek !== TAG.sequence || hashOf(first) === 'sha256';
    if (isSha256) certificateHash = first.content(first.next(TAG.octetString));
  }
  return { messageDigest, certificateHash };
}

const digest = (algorithm: HashAlgorithm, bytes: Uint8Array) => hash(algorithm, bytes, 'buffer');

/**
 * Checks a timestamp over `signature` and gives its time.
 * @throws StellaError TIMESTAMP_INVALID
 */
export function checkTimestamp(
  timestamp: Timestamp,
  signature: Uint8Array,
  authorities: readonly TrustedAuthority[],
): { time: Instant; authority: TrustedAuthority } {
  const { time } = timestamp;
  if (!equalBytes(digest(timestamp.imprintHash, signature), timestamp.imprint))
    refuse('the timestamp is over something else than this signature');
  if (!equalBytes(digest(timestamp.digestHash, timestamp.tstInfo), timestamp.messageDigest))
    refuse('the timestamp is not what its authority signed');
  // Names and serials are free: several authorities may share them, and one may be trusted for several periods.
  let problem: StellaError | undefined;
  for (const candidate of signersOf(timestamp, authorities)) {
    try {
      checkSigner(timestamp, candidate);
      return { time, authority: candidate.authority };
    } catch (error) {
      if (!isStellaError(error)) throw error;
      problem ??= error;
    }
  }
  if (problem) throw problem;
  return refuse('the timestamp is not from a trusted timestamp authority');
}

/** Whether one of the authorities may have made the timestamp, by its own word. */
export function isAuthorityKnown(timestamp: Timestamp, authorities: readonly TrustedAuthority[]): boolean {
  return !signersOf(timestamp, authorities).next().done;
}

/** Who may have made a timestamp, by its own word. */
interface TimestampSigner {
  readonly authority: TrustedAuthority;
  readonly certificate: Certificate;
  readonly key: PublicKey;
}

/** @throws StellaError TIMESTAMP_INVALID unless this signer made the timestamp, and was allowed to then */
function checkSigner(timestamp: Timestamp, { authority, certificate, key }: TimestampSigner): void {
  const { time } = timestamp;
  if (timestamp.certificateHash && !equalBytes(sha256(certificate.der), timestamp.certificateHash))
    refuse("the timestamp names another certificate than its signer's");
  const purposes = purposesOf(certificate);
  if (!purposes?.includes(PURPOSE.timeStamping) || !hasKeyUsage(certificate, 0))
    refuse("the timestamp authority's certificate is not for timestamping");
  if (time < authority.validFrom || time > authority.validUntil)
    refuse('the timestamp is dated outside of the validity of its authority');
  if (time < certificate.notBefore || time > certificate.notAfter)
    refuse("the timestamp is dated outside of the validity of its signer's certificate");
  const algorithm = timestamp.signatureAlgorithm;
  if (
    !algorithm ||
    !fitsAlgorithm(key, algorithm) ||
    !isSignature(key, timestamp.signedAttributes, timestamp.signature, algorithm.form)
  )
    refuse('the signature of the timestamp does not verify');
}

/** The trusted authorities that may have made the timestamp: by their own certificate, or one that they issued and that came along. */
function* signersOf(
  timestamp: Timestamp,
  authorities: readonly TrustedAuthority[],
): Generator<TimestampSigner> {
  const { signer } = timestamp;
  const isSigner = (certificate: Certificate): boolean =>
    'issuer' in signer
      ? certificate.issuer.equals(signer.issuer) && certificate.serial.equals(signer.serial)
      : (certificate.extensions.get(EXTENSION.subjectKeyId)?.value.subarray(2).equals(signer.subjectKeyId) ??
        false);
  for (const authority of authorities) {
    const leaf = authority.chain[0]!;
    if (!leaf.isAuthority) {
      if (isSigner(leaf.certificate)) yield { authority, certificate: leaf.certificate, key: leaf.key };
      continue;
    }
    for (const der of timestamp.certificates) {
      const certificate = parseCertificate(der, code);
      if (!isSigner(certificate)) continue;
      const issuer = authority.chain.find((member) => member.certificate.subject.equals(certificate.issuer));
      if (issuer && isSignedBy(certificate, issuer.key))
        yield { authority, certificate, key: publicKeyIn(certificate) };
    }
  }
}
