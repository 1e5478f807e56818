import { formatInstant, type Instant, instant } from '../../base/clock.ts';
import { StellaError } from '../../base/errors.ts';
import { isSignature, type PublicKey } from '../../base/keys.ts';
import { type Certificate, EXTENSION } from '../x509/certificate.ts';
import { DerReader, formatDerHeader, TAG } from '../x509/der.ts';
import type { TrustedLog } from './material.ts';

/** A signed certificate timestamp (RFC 6962 §3.2) as it lies in a certificate. */
export interface Sct {
  readonly logId: string;
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  readonly timestampBytes: Buffer;
  readonly extensions: Buffer;
  readonly hash: 'sha256' | 'sha384' | 'sha512';
  readonly signature: Buffer;
}

const HASHES: Readonly<Record<number, Sct['hash']>> = { 4: 'sha256', 5: 'sha384', 6: 'sha512' };
const refuse = (problem: string): never => {
  throw new StellaError('SCT_INVALID', `malformed SCT list: ${problem}`);
};

/** The SCTs inside of a certificate; none without the extension. @throws StellaError SCT_INVALID */
export function parseScts(certificate: Certificate): readonly Sct[] {
  const extension = certificate.extensions.get(EXTENSION.sct);
  if (!extension) return [];
  const reader = new DerReader(extension.value, 'SCT_INVALID');
  const list = reader.content(reader.next(TAG.octetString));
  reader.finish();
  if (list.length < 2 || list.readUInt16BE(0) !== list.length - 2) refuse('bad length');
  const scts: Sct[] = [];
  for (let at = 2; at < list.length; ) {
    if (at + 2 > list.length) refuse('it ends too early');
    const end = at + 2 + list.readUInt16BE(at);
    if (end > list.length) refuse('it ends too early');
    scts.push(parseSct(list.subarray(at + 2, end)));
    at = end;
  }
  return scts;
}

function parseSct(bytes: Buffer): Sct {
  // version, log id, timestamp, extensions, hash and signature algorithm, signature
  if (bytes.length < 47 || bytes[0] !== 0) refuse('not version 1');
  const extensionsEnd = 43 + bytes.readUInt16BE(41);
  if (extensionsEnd + 4 > bytes.length) refuse('it ends too early');
  const hash = HASHES[bytes[extensionsEnd]!] ?? refuse('hash algorithm not supported');
  if (bytes.readUInt16BE(extensionsEnd + 2) !== bytes.length - extensionsEnd - 4) refuse('bad length');
  const timestampBytes = bytes.subarray(33, 41);
  return {
    logId: bytes.toString('hex', 1, 33),
    timestamp: Number(timestampBytes.readBigUInt64BE()),
    timestampBytes,
    extensions: bytes.subarray(43, extensionsEnd),
    hash,
    signature: bytes.subarray(extensionsEnd + 4),
  };
}

/** The last that `Date` knows. */
const MAX_DATE = 8.64e15;

/** An SCT that was verified. */
export interface ShownSct {
  readonly logId: string;
  readonly time: Instant;
}

/**
 * Checks that no SCT is from the future (RFC 6962 §3.3, §5.2).
 * @returns how many CT logs they are of
 * @throws StellaError SCT_INVALID
 */
export function checkSctTimes(scts: readonly ShownSct[], now: Instant): number {
  const late = scts.find(({ time }) => time > now);
  if (late) {
    // Eight bytes say more than any calendar has.
    const date = late.time > MAX_DATE ? 'beyond all dates' : formatInstant(late.time);
    throw new StellaError(
      'SCT_INVALID',
      `an SCT is from the future: it is dated ${date}, and now it is ${formatInstant(now)}`,
      { hint: 'check the clock of this machine; if it is right, do not trust the certificate' },
    );
  }
  return new Set(scts.map(({ logId }) => logId)).size;
}

/** The signed part of the certificate without its SCTs, as the CT log saw it (RFC 6962 §3.2, `tbs_certificate`). */
export function precertificateOf(certificate: Certificate): Buffer {
  const { der, extensions } = certificate;
  const sct = extensions.get(EXTENSION.sct)!;
  // Every offset is in `der`, except that extension elements are given where the list's reader saw them: also in `der`.
  const list = [
    der.subarray(certificate.extensionListContent, sct.start),
    der.subarray(sct.end, certificate.tbsEnd),
  ];
  const listLength = list[0]!.length + list[1]!.length;
  const listHeader = formatDerHeader(TAG.sequence, listLength);
  const wrapperHeader = formatDerHeader(0xa3, listHeader.length + listLength);
  const before = der.subarray(certificate.tbsContent, certificate.extensionsStart);
  const length = before.length + wrapperHeader.length + listHeader.length + listLength;
  return Buffer.concat([formatDerHeader(TAG.sequence, length), before, wrapperHeader, listHeader, ...list]);
}

/**
 * Checks that the certificate is in a trusted CT log: every SCT of a log that is known must verify, and at least one
 * must be of a known log that was valid at the SCT's time.
 * @param issuer the key that signed the certificate
 * @returns the SCTs that hold; whether their times have come is for whoever knows the present
 * @throws StellaError SCT_INVALID
 */
export function checkScts(
  certificate: Certificate,
  issuer: PublicKey,
  logs: readonly TrustedLog[],
): ShownSct[] {
  const scts = parseScts(certificate);
  if (scts.length === 0)
    throw new StellaError('SCT_INVALID', 'the certificate carries no SCT, so no CT log vouches for it');
  const precertificate = precertificateOf(certificate);
  const shown: ShownSct[] = [];
  for (const sct of scts) {
    const known = logs.filter((log) => log.logId === sct.logId);
    if (known.length === 0) continue;
    const valid = known.filter((log) => log.validFrom <= sct.timestamp && sct.timestamp <= log.validUntil);
    if (valid.length === 0)
      throw new StellaError('SCT_INVALID', 'an SCT is dated outside of the validity of its CT log key');
    const signed = digitallySigned(sct, issuer, precertificate);
    if (!valid.some((log) => isSignature(log.key, signed, sct.signature, { hash: sct.hash })))
      throw new StellaError('SCT_INVALID', 'the signature of an SCT does not verify');
    shown.push({ logId: sct.logId, time: instant(sct.timestamp) });
  }
  if (shown.length === 0)
    throw new StellaError('SCT_INVALID', 'no SCT of the certificate is from a trusted CT log', {
      details: { found: scts.map((sct) => sct.logId), trusted: logs.map((log) => log.logId) },
    });
  return shown;
}

function digitallySigned(sct: Sct, issuer: PublicKey, precertificate: Buffer): Buffer {
  const length = Buffer.alloc(3);
  length.writeUIntBE(precertificate.length, 0, 3);
  const extensionsLength = Buffer.alloc(2);
  extensionsLength.writeUInt16BE(sct.extensions.length);
  return Buffer.concat([
    Buffer.from([0, 0]), // version 1, certificate_timestamp
    sct.timestampBytes,
    Buffer.from([0, 1]), // precert_entry
    Buffer.from(issuer.id, 'hex'), // issuer_key_hash
    length,
    precertificate,
    extensionsLength,
    sct.extensions,
  ]);
}
