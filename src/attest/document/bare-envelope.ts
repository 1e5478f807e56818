import { isStellaError } from '../../base/errors.ts';
import { FieldReader, isPresent, type JsonObject } from '../../base/json-fields.ts';
import type { Attestation, SignerClaim } from './attestation.ts';
import { parseBareEnvelope } from './envelope.ts';
import { ATTESTATION_LIMITS } from './limits.ts';
import { pemCertificates, readPem } from './pem-certificates.ts';

const read = new FieldReader('ENVELOPE_INVALID');

/** Whether a JSON object claims to be a DSSE envelope by itself. */
export function isEnvelope(fields: JsonObject): boolean {
  return 'payload' in fields && 'signatures' in fields;
}

/**
 * A DSSE envelope by itself → attestation. DSSE knows no certificates; slsa-github-generator (up to 2.0) adds `cert` to
 * the signature, go-witness `certificate`, `intermediates` and `timestamps`. They are read where there is one signature,
 * so that it is clear which one they speak of.
 * @throws StellaError ENVELOPE_INVALID
 */
export function parseBareAttestation(fields: JsonObject): Attestation {
  const content = parseBareEnvelope(fields);
  const list = fields['signatures'] as readonly JsonObject[];
  const additions = list.length === 1 ? list[0]! : {};
  return {
    form: 'dsse',
    content,
    signer: parseSigner(additions),
    entries: [],
    timestamps: parseTimestamps(additions['timestamps']),
  };
}

/** DSSE lets anybody add members: one of these names that holds no certificates says nothing. */
function parseSigner({ cert, certificate, intermediates }: JsonObject): SignerClaim {
  const leaf = isPresent(cert) && cert !== '' ? cert : certificate;
  const others = Array.isArray(intermediates) ? (intermediates as readonly unknown[]) : [];
  try {
    const certificates = [leaf, ...others.slice(0, ATTESTATION_LIMITS.certificates)].flatMap((each) =>
      pemCertificates(read, readPem(read, each, 'cert'), 'cert'),
    );
    if (certificates.length <= ATTESTATION_LIMITS.certificates)
      return { kind: 'certificate', certificates, isOptional: true };
  } catch (error) {
    if (!isStellaError(error)) throw error;
  }
  return { kind: 'key', hint: undefined };
}

/** go-witness: `{type: "tsp", data: RFC 3161}`; other types are for others. */
function parseTimestamps(value: unknown): Buffer[] {
  if (!Array.isArray(value)) return [];
  return read
    .array(value, 'timestamps', ATTESTATION_LIMITS.timestamps)
    .map((each, i) => read.object(each, `timestamps.${i}`))
    .filter(({ type }) => type === 'tsp')
    .map(({ data }, i) => read.bytes(data, `timestamps.${i}.data`, ATTESTATION_LIMITS.timestampBytes));
}
