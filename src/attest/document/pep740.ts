import { FieldReader, type JsonObject } from '../../base/json-fields.ts';
import type { Attestation } from './attestation.ts';
import { IN_TOTO_PAYLOAD_TYPE } from './envelope.ts';
import { ATTESTATION_LIMITS } from './limits.ts';
import { parseLogEntries } from './sigstore-bundle.ts';

const read = new FieldReader('SIGSTORE_BUNDLE_INVALID');
const FIELDS = {
  attestation: new Set(['version', 'verification_material', 'envelope']),
  material: new Set(['certificate', 'transparency_entries']),
  envelope: new Set(['statement', 'signature']),
} as const;

/** Whether a JSON object claims to be an attestation of PyPI (PEP 740). */
export function isPep740(fields: JsonObject): boolean {
  return 'verification_material' in fields && 'envelope' in fields && !('mediaType' in fields);
}

/**
 * An attestation object (PEP 740, "Attestation objects", version 1) → attestation: a certificate in base64 of DER, log
 * entries as in a Sigstore bundle, and a DSSE envelope that leaves out its payload type, which is in-toto's.
 * @throws StellaError SIGSTORE_BUNDLE_INVALID
 */
export function parsePep740(value: JsonObject): Attestation {
  const fields = read.object(value, 'the PEP 740 attestation', FIELDS.attestation);
  if (fields['version'] !== 1)
    read.refuse(
      'the PEP 740 attestation',
      'has another version than 1: there is none yet that stella could read',
    );
  const material = read.object(fields['verification_material'], 'verification_material', FIELDS.material);
  const envelope = read.object(fields['envelope'], 'envelope', FIELDS.envelope);
  const entries = parseLogEntries(
    material['transparency_entries'],
    'verification_material.transparency_entries',
    'sigstore-bundle-0.3',
  );
  if (entries.length === 0) read.refuse('verification_material.transparency_entries', 'is empty');
  return {
    form: 'pep-740',
    content: {
      kind: 'dsse',
      payloadType: IN_TOTO_PAYLOAD_TYPE,
      payload: read.bytes(envelope['statement'], 'envelope.statement', ATTESTATION_LIMITS.payloadBytes),
      signatures: [
        {
          keyid: undefined,
          sig: read.bytes(envelope['signature'], 'envelope.signature', ATTESTATION_LIMITS.signatureBytes),
        },
      ],
    },
    signer: {
      kind: 'certificate',
      certificates: [
        read.bytes(
          material['certificate'],
          'verification_material.certificate',
          ATTESTATION_LIMITS.certificateBytes,
        ),
      ],
    },
    entries,
    timestamps: [],
  };
}
