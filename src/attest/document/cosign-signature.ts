import { sha256 } from '../../base/bytes.ts';
import { FieldReader, isPresent, type JsonObject } from '../../base/json-fields.ts';
import type { Attestation, SignerClaim } from './attestation.ts';
import { parseRekorBundle } from './cosign-bundle.ts';
import { ATTESTATION_LIMITS } from './limits.ts';

const read = new FieldReader('SIGSTORE_BUNDLE_INVALID');
const FIELDS = new Set(['Base64Signature', 'Payload', 'Cert', 'Chain', 'Bundle', 'RFC3161Timestamp']);

/** Whether a JSON object claims to be a line of `cosign download signature`. */
export function isCosignSignature(fields: JsonObject): boolean {
  return 'Base64Signature' in fields && 'Payload' in fields;
}

/**
 * A line that `cosign download signature` prints: the signature on an image, with the payload that names the image, and
 * what shows who signed and when (cosign's `oci.SignedPayload`, in Go's JSON: of certificates only `Raw` is read).
 * @throws StellaError SIGSTORE_BUNDLE_INVALID, LOG_ENTRY_INVALID
 */
export function parseCosignSignature(value: JsonObject): Attestation {
  const fields = read.object(value, 'the signature', FIELDS);
  const payload = read.bytes(fields['Payload'], 'Payload', ATTESTATION_LIMITS.payloadBytes);
  const stamp = fields['RFC3161Timestamp'];
  return {
    form: 'cosign-signature',
    content: {
      kind: 'message',
      digest: { algorithm: 'sha256', value: Buffer.from(sha256(payload)) },
      signature: read.bytes(fields['Base64Signature'], 'Base64Signature', ATTESTATION_LIMITS.signatureBytes),
      payload,
    },
    signer: parseSigner(fields),
    entries: isPresent(fields['Bundle']) ? [parseRekorBundle(fields['Bundle'])] : [],
    timestamps: isPresent(stamp)
      ? [
          read.bytes(
            read.object(stamp, 'RFC3161Timestamp', new Set(['SignedRFC3161Timestamp']))[
              'SignedRFC3161Timestamp'
            ],
            'RFC3161Timestamp.SignedRFC3161Timestamp',
            ATTESTATION_LIMITS.timestampBytes,
          ),
        ]
      : [],
  };
}

function parseSigner({ Cert: certificate, Chain: chain }: JsonObject): SignerClaim {
  if (!isPresent(certificate)) return { kind: 'key', hint: undefined };
  const others = isPresent(chain) ? read.array(chain, 'Chain', ATTESTATION_LIMITS.certificates - 1) : [];
  const raw = (each: unknown, path: string) =>
    read.bytes(read.object(each, path)['Raw'], `${path}.Raw`, ATTESTATION_LIMITS.certificateBytes);
  return {
    kind: 'certificate',
    certificates: [raw(certificate, 'Cert'), ...others.map((each, i) => raw(each, `Chain.${i}`))],
  };
}
