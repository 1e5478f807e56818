import { isCanonicalBase64 } from '../../base/bytes.ts';
import { StellaError } from '../../base/errors.ts';
import { parseStrictJson } from '../../base/json.ts';
import { FieldReader, type JsonObject } from '../../base/json-fields.ts';
import type { Attestation, SignerClaim } from './attestation.ts';
import { parseBareAttestation } from './bare-envelope.ts';
import { ATTESTATION_LIMITS } from './limits.ts';
import { pemCertificates, readPem } from './pem-certificates.ts';

const read = new FieldReader('PARSE_FAILED');

/** Signatures of other makings, by how their files begin. */
const OTHERS: readonly (readonly [RegExp, string])[] = [
  [/^-----BEGIN PGP /, 'an OpenPGP signature, which GnuPG verifies'],
  [/^-----BEGIN SSH SIGNATURE/, 'an SSH signature, which ssh-keygen -Y verify verifies'],
  [/^-----BEGIN (?:PKCS7|CMS)/, 'a CMS signature, which openssl cms -verify verifies'],
  [/^untrusted comment:/, 'a signature of minisign or signify, which these verify'],
];

/**
 * The files that `cosign sign-blob` and `attest-blob` wrote with `--output-signature` and `--output-certificate` →
 * attestation. Nothing in them shows when it was signed: what was carried of the logs may.
 * @param signature base64 or the bytes of a signature over an artifact; or a DSSE envelope
 * @param certificate PEM, base64 of PEM, or DER; without it a key signed
 * @throws StellaError PARSE_FAILED, ENVELOPE_INVALID
 */
export function parseSignatureFiles(signature: Uint8Array, certificate: Uint8Array | undefined): Attestation {
  const text = Buffer.from(signature).toString('latin1').trim();
  const signer = parseCertificateFile(certificate);
  if (text.startsWith('{')) {
    const envelope = parseStrictJson(signature, 'the signature file', { code: 'ENVELOPE_INVALID' });
    return { ...parseBareAttestation(envelope as JsonObject), ...(certificate ? { signer } : {}) };
  }
  for (const [start, name] of OTHERS)
    if (start.test(text))
      throw new StellaError('PARSE_FAILED', `the signature file is ${name}`, {
        hint: 'stella judges signatures by keys of its trust: Sigstore bundles, DSSE, and what cosign writes',
      });
  const decoded = Buffer.from(text, 'base64');
  const bytes = isCanonicalBase64(text, decoded) ? decoded : Buffer.from(signature);
  if (bytes.length === 0) read.refuse('the signature file', 'is empty');
  if (bytes.length > ATTESTATION_LIMITS.signatureBytes)
    read.refuse('the signature file', `is longer than ${ATTESTATION_LIMITS.signatureBytes} bytes`);
  return {
    form: 'signature-file',
    content: { kind: 'message', digest: undefined, signature: bytes },
    signer,
    entries: [],
    timestamps: [],
  };
}

const DER_SEQUENCE = 0x30;

function parseCertificateFile(file: Uint8Array | undefined): SignerClaim {
  if (file === undefined) return { kind: 'key', hint: undefined };
  const path = 'the certificate file';
  if (file[0] === DER_SEQUENCE) return { kind: 'certificate', certificates: [Buffer.from(file)] };
  const pem = readPem(read, Buffer.from(file).toString('latin1').trim(), path);
  return { kind: 'certificate', certificates: pemCertificates(read, pem, path) };
}
