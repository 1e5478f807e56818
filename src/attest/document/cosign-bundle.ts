import { parseStrictJson } from '../../base/json.ts';
import { FieldReader, isPresent, type JsonObject } from '../../base/json-fields.ts';
import type { Attestation, LogEntry, SignerClaim } from './attestation.ts';
import { parseBareEnvelope } from './envelope.ts';
import { ATTESTATION_LIMITS } from './limits.ts';
import { pemCertificates, readPem } from './pem-certificates.ts';

const read = new FieldReader('SIGSTORE_BUNDLE_INVALID');
const FIELDS = {
  bundle: new Set(['base64Signature', 'cert', 'rekorBundle']),
  rekor: new Set(['SignedEntryTimestamp', 'Payload']),
  payload: new Set(['body', 'integratedTime', 'logIndex', 'logID']),
} as const;

/** Whether a JSON object claims to be what `cosign sign-blob --bundle` wrote before Sigstore bundles. */
export function isCosignBundle(fields: JsonObject): boolean {
  return 'base64Signature' in fields;
}

/**
 * cosign's older bundle file: signature (or a DSSE envelope, from `attest-blob`), certificate, and Rekor's signed entry
 * timestamp.
 * @throws StellaError SIGSTORE_BUNDLE_INVALID, ENVELOPE_INVALID
 */
export function parseCosignBundle(value: JsonObject): Attestation {
  const bundle = read.object(value, 'the cosign bundle', FIELDS.bundle);
  const signature = read.bytes(bundle['base64Signature'], 'base64Signature', ATTESTATION_LIMITS.payloadBytes);
  const entries = isPresent(bundle['rekorBundle']) ? [parseRekorBundle(bundle['rekorBundle'])] : [];
  const isEnvelope = signature[0] === 0x7b;
  if (!isEnvelope && signature.length > ATTESTATION_LIMITS.signatureBytes)
    read.refuse('base64Signature', 'is too long');
  return {
    form: 'cosign-bundle',
    content: isEnvelope
      ? {
          ...parseBareEnvelope(parseStrictJson(signature, 'the envelope', { code: 'ENVELOPE_INVALID' })),
          source: signature,
        }
      : { kind: 'message', digest: digestIn(entries[0]), signature },
    signer: parseSigner(bundle['cert']),
    entries,
    timestamps: [],
  };
}

function parseSigner(value: unknown): SignerClaim {
  if (!isPresent(value) || value === '') return { kind: 'key', hint: undefined };
  const pem = readPem(read, value, 'cert');
  if (/BEGIN PUBLIC KEY/.test(pem)) return { kind: 'key', hint: undefined };
  return { kind: 'certificate', certificates: pemCertificates(read, pem, 'cert') };
}

/**
 * What cosign keeps of an entry of Rekor v1: the entry and the log's promise (`rekorBundle`, `Bundle`).
 * @throws StellaError SIGSTORE_BUNDLE_INVALID, LOG_ENTRY_INVALID
 */
export function parseRekorBundle(value: unknown): LogEntry {
  const rekor = read.object(value, 'rekorBundle', FIELDS.rekor);
  const payload = read.object(rekor['Payload'], 'rekorBundle.Payload', FIELDS.payload);
  const logId = read.string(payload['logID'], 'rekorBundle.Payload.logID', 64);
  if (!/^[0-9a-f]{64}$/.test(logId))
    read.refuse('rekorBundle.Payload.logID', 'is not 32 bytes in hexadecimal');
  const body = read.bytes(payload['body'], 'rekorBundle.Payload.body', ATTESTATION_LIMITS.entryBytes);
  const entry = read.object(
    parseStrictJson(body, 'the log entry', { code: 'LOG_ENTRY_INVALID' }),
    'the log entry',
  );
  return {
    logId,
    logIndex: read.index(payload['logIndex'], 'rekorBundle.Payload.logIndex'),
    // This form does not repeat what the entry is; the entry itself says it, and the log signed it.
    kind: read.string(entry['kind'], 'kind', 64),
    version: read.string(entry['apiVersion'], 'apiVersion', 64),
    integratedTime: read.index(payload['integratedTime'], 'rekorBundle.Payload.integratedTime'),
    signedEntryTimestamp: read.bytes(
      rekor['SignedEntryTimestamp'],
      'rekorBundle.SignedEntryTimestamp',
      ATTESTATION_LIMITS.signatureBytes,
    ),
    proof: undefined,
    body,
  };
}

/** The digest that the log entry gives for the artifact: this form has no other. */
function digestIn(entry: LogEntry | undefined): { algorithm: 'sha256'; value: Buffer } | undefined {
  if (!entry) return undefined;
  const body = parseStrictJson(entry.body, 'the log entry', { code: 'LOG_ENTRY_INVALID' }) as {
    spec?: { data?: { hash?: { value?: unknown } } };
  };
  const hex = body.spec?.data?.hash?.value;
  if (typeof hex !== 'string' || !/^[0-9a-f]{64}$/.test(hex)) return undefined;
  return { algorithm: 'sha256', value: Buffer.from(hex, 'hex') };
}
