import type { FieldReader } from '../../base/json-fields.ts';
import { ATTESTATION_LIMITS } from './limits.ts';

const MAX_BYTES = ATTESTATION_LIMITS.certificates * ATTESTATION_LIMITS.certificateBytes;
const BLOCK = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/g;

/** A member with PEM, or with base64 of PEM, as different tools write certificates → the PEM. */
export function readPem(read: FieldReader, value: unknown, path: string): string {
  const text = read.string(value, path, 2 * MAX_BYTES);
  return text.trimStart().startsWith('-----BEGIN')
    ? text
    : read.bytes(text, path, MAX_BYTES).toString('latin1');
}

/** PEM (RFC 7468) with one to ten certificates, leaf first → DER. Text between the blocks is passed over. */
export function pemCertificates(read: FieldReader, pem: string, path: string): Buffer[] {
  const blocks = [...pem.matchAll(BLOCK)];
  if (blocks.length === 0) read.refuse(path, 'is not a certificate in PEM');
  if (blocks.length > ATTESTATION_LIMITS.certificates)
    read.refuse(path, `has more than ${ATTESTATION_LIMITS.certificates} certificates`);
  return blocks.map((block) => Buffer.from(block[1]!, 'base64'));
}
