/**
 * attest/x509/: certificates and the DER that they are made of, as far as attestations need them. It parses and
 * compares; whether a certificate chains to a trusted authority is judged in authority/. It never accepts BER where
 * DER is required, nor an extension that is there twice. No other room takes certificates apart.
 * Start here, then identity.ts for subject, issuer and claims, der.ts for the encoding.
 */

import type { Instant } from '../../base/clock.ts';
import type { ErrorCode } from '../../base/codes.ts';
import { StellaError } from '../../base/errors.ts';
import { embeddedPublicKey, isSignature, type PublicKey } from '../../base/keys.ts';
import { ATTESTATION_LIMITS } from '../document/limits.ts';
import { DerReader, oidOf, TAG } from './der.ts';
import { fitsAlgorithm, type SignatureAlgorithm, signatureAlgorithmIn } from './signature-algorithm.ts';

export const EXTENSION = {
  subjectKeyId: oidOf('2.5.29.14'),
  keyUsage: oidOf('2.5.29.15'),
  subjectAltName: oidOf('2.5.29.17'),
  basicConstraints: oidOf('2.5.29.19'),
  authorityKeyId: oidOf('2.5.29.35'),
  extendedKeyUsage: oidOf('2.5.29.37'),
  sct: oidOf('1.3.6.1.4.1.11129.2.4.2'),
} as const;

/** What this code judges; a critical extension beyond these must stop it (RFC 5280 §4.2). */
const UNDERSTOOD: ReadonlySet<string> = new Set([
  EXTENSION.keyUsage,
  EXTENSION.subjectAltName,
  EXTENSION.basicConstraints,
  EXTENSION.extendedKeyUsage,
]);

export const PURPOSE = {
  codeSigning: oidOf('1.3.6.1.5.5.7.3.3'),
  timeStamping: oidOf('1.3.6.1.5.5.7.3.8'),
} as const;

export interface Extension {
  readonly critical: boolean;
  /** Where the whole extension lies in the certificate. */
  readonly start: number;
  readonly end: number;
  /** The content of its OCTET STRING. */
  readonly value: Buffer;
}

/** An X.509 certificate (RFC 5280), parsed but not verified. */
export interface Certificate {
  readonly der: Buffer;
  /** Where the signed part lies in `der`, with its header. */
  readonly tbs: Buffer;
  /** Offsets in `der`: start of the first extension's list element, to cut one out. */
  readonly tbsContent: number;
  readonly extensionsStart: number;
  readonly extensionListContent: number;
  readonly tbsEnd: number;
  /** `undefined` for one that is not supported. */
  readonly signatureAlgorithm: SignatureAlgorithm | undefined;
  readonly signature: Buffer;
  readonly serial: Buffer;
  readonly issuer: Buffer;
  readonly subject: Buffer;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  /** DER SubjectPublicKeyInfo. */
  readonly spki: Buffer;
  readonly extensions: ReadonlyMap<string, Extension>;
}

/**
 * DER bytes → certificate. Refuses trailing data, duplicate extensions, and a signature algorithm that differs inside
 * and outside of the signed part.
 * @throws StellaError `code` (CERTIFICATE_INVALID unless told otherwise)
 */
export function parseCertificate(der: Buffer, code: ErrorCode = 'CERTIFICATE_INVALID'): Certificate {
  if (der.length > ATTESTATION_LIMITS.certificateBytes)
    throw new StellaError(code, `a certificate is larger than ${ATTESTATION_LIMITS.certificateBytes} bytes`);
  const outer = new DerReader(der, code);
  const certificate = outer.enter(TAG.sequence);
  outer.finish();
  const tbsElement = certificate.next(TAG.sequence);
  const outerAlgorithm = certificate.next(TAG.sequence);
  const bits = certificate.next(TAG.bitString);
  certificate.finish();
  if (bits.end - bits.content < 2 || der[bits.content] !== 0) outer.refuse('bad signature bits');

  const tbs = certificate.inside(tbsElement);
  const version = tbs.enter(0xa0);
  if (version.smallInteger() !== 2) outer.refuse('not a version 3 certificate');
  const serial = tbs.next(TAG.integer);
  const innerAlgorithm = tbs.next(TAG.sequence);
  if (!tbs.whole(innerAlgorithm).equals(certificate.whole(outerAlgorithm)))
    outer.refuse('two different signature algorithms');
  const issuer = tbs.next(TAG.sequence);
  const validity = tbs.enter(TAG.sequence);
  const notBefore = validity.time();
  const notAfter = validity.time();
  validity.finish();
  const subject = tbs.next(TAG.sequence);
  const spki = tbs.next(TAG.sequence);
  tbs.optional(0x81);
  tbs.optional(0x82);
  const extensionsElement = tbs.next(0xa3);
  tbs.finish();
  const wrapper = tbs.inside(extensionsElement);
  const list = wrapper.next(TAG.sequence);
  wrapper.finish();

  const extensions = new Map<string, Extension>();
  for (const reader = wrapper.inside(list); !reader.isDone(); ) {
    const element = reader.next(TAG.sequence);
    const inside = reader.inside(element);
    const oid = inside.oid();
    const critical = inside.peek === TAG.boolean && inside.boolean();
    const value = inside.content(inside.next(TAG.octetString));
    inside.finish();
    if (extensions.has(oid)) outer.refuse('an extension twice');
    if (critical && !UNDERSTOOD.has(oid)) outer.refuse('a critical extension that is not understood');
    extensions.set(oid, { critical, start: element.start, end: element.end, value });
  }
  return {
    der,
    tbs: certificate.whole(tbsElement),
    tbsContent: tbsElement.content,
    extensionsStart: extensionsElement.start,
    extensionListContent: list.content,
    tbsEnd: tbsElement.end,
    signatureAlgorithm: signatureAlgorithmIn(certificate.inside(outerAlgorithm)),
    signature: der.subarray(bits.content + 1, bits.end),
    serial: tbs.content(serial),
    issuer: tbs.whole(issuer),
    subject: tbs.whole(subject),
    notBefore,
    notAfter,
    spki: tbs.whole(spki),
    extensions,
  };
}

/** The certificate's public key. @throws StellaError CERTIFICATE_INVALID */
export function publicKeyIn(certificate: Certificate): PublicKey {
  try {
    return embeddedPublicKey(certificate.spki);
  } catch (cause) {
    throw new StellaError('CERTIFICATE_INVALID', 'the certificate holds no key that can be used', { cause });
  }
}

/** Whether `issuerKey` signed the certificate. */
export function isSignedBy(certificate: Certificate, issuerKey: PublicKey): boolean {
  const algorithm = certificate.signatureAlgorithm;
  if (!algorithm || !fitsAlgorithm(issuerKey, algorithm)) return false;
  return isSignature(issuerKey, certificate.tbs, certificate.signature, algorithm.form);
}

/** Whether the certificate is a CA's that may sign certificates, and how many CAs may follow below it. */
export function authorityOf(certificate: Certificate): { isAuthority: boolean; pathLength: number } {
  const none = { isAuthority: false, pathLength: 0 };
  const constraints = certificate.extensions.get(EXTENSION.basicConstraints);
  if (!constraints) return none;
  const reader = new DerReader(constraints.value, 'CERTIFICATE_INVALID').enter(TAG.sequence);
  if (reader.isDone() || !reader.boolean()) return none;
  const pathLength = reader.isDone() ? Number.POSITIVE_INFINITY : reader.smallInteger();
  // Bit 5 of KeyUsage is keyCertSign.
  return { isAuthority: hasKeyUsage(certificate, 5), pathLength };
}

/** Whether it says in any way that it may issue certificates, be that enough to do so or not. */
export function claimsAuthority(certificate: Certificate): boolean {
  const constraints = certificate.extensions.get(EXTENSION.basicConstraints);
  if (constraints) {
    const reader = new DerReader(constraints.value, 'CERTIFICATE_INVALID').enter(TAG.sequence);
    if (!reader.isDone() && reader.boolean()) return true;
  }
  return certificate.extensions.has(EXTENSION.keyUsage) && hasKeyUsage(certificate, 5);
}

/** Whether the KeyUsage bit is set; without the extension every use is allowed (RFC 5280 §4.2.1.3). */
export function hasKeyUsage(certificate: Certificate, bit: number): boolean {
  const usage = certificate.extensions.get(EXTENSION.keyUsage);
  if (!usage) return true;
  const reader = new DerReader(usage.value, 'CERTIFICATE_INVALID');
  const bits = reader.content(reader.next(TAG.bitString));
  const byte = bits[1 + (bit >> 3)] ?? 0;
  return ((byte >> (7 - (bit & 7))) & 1) === 1;
}

/** The purposes that ExtendedKeyUsage names; `undefined` without the extension. */
export function purposesOf(certificate: Certificate): readonly string[] | undefined {
  const extension = certificate.extensions.get(EXTENSION.extendedKeyUsage);
  if (!extension) return undefined;
  const purposes: string[] = [];
  const reader = new DerReader(extension.value, 'CERTIFICATE_INVALID').enter(TAG.sequence);
  while (!reader.isDone()) purposes.push(reader.oid());
  return purposes;
}
