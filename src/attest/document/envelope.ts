import { StellaError } from '../../base/errors.ts';
import { FieldReader, isPresent } from '../../base/json-fields.ts';
import type { Envelope } from './attestation.ts';
import { ATTESTATION_LIMITS } from './limits.ts';

export const IN_TOTO_PAYLOAD_TYPE = 'application/vnd.in-toto+json';

const ENVELOPE = new Set(['payload', 'payloadType', 'signatures']);
const SIGNATURE = new Set(['sig', 'keyid']);
const read = new FieldReader('ENVELOPE_INVALID');

/** A DSSE envelope by itself, in which what is not known is to be ignored (DSSE, "Parsing rules"). @throws StellaError ENVELOPE_INVALID */
export function parseBareEnvelope(value: unknown): Envelope {
  return parse(value, 'the envelope', undefined, undefined);
}

/** The DSSE envelope in a Sigstore bundle, which may have no unknown fields → envelope. @throws StellaError ENVELOPE_INVALID */
export function parseEnvelope(value: unknown): Envelope {
  return parse(value, 'dsseEnvelope', ENVELOPE, SIGNATURE);
}

type FieldNames = ReadonlySet<string> | undefined;

function parse(value: unknown, path: string, ofEnvelope: FieldNames, ofSignature: FieldNames): Envelope {
  const fields = read.object(value, path, ofEnvelope);
  const payloadType = read.string(fields['payloadType'], `${path}.payloadType`, 256);
  if (payloadType === '') read.refuse(`${path}.payloadType`, 'is empty');
  const payload = read.bytes(fields['payload'], `${path}.payload`, ATTESTATION_LIMITS.payloadBytes);
  const list = read.array(fields['signatures'], `${path}.signatures`, ATTESTATION_LIMITS.signatures);
  if (list.length === 0) read.refuse(`${path}.signatures`, 'is empty');
  const signatures = list.map((item, i) => {
    const at = `${path}.signatures.${i}`;
    const signature = read.object(item, at, ofSignature);
    const keyid = signature['keyid'];
    return {
      sig: read.bytes(signature['sig'], `${at}.sig`, ATTESTATION_LIMITS.signatureBytes),
      keyid: isPresent(keyid) && keyid !== '' ? read.string(keyid, `${at}.keyid`, 1024) : undefined,
    };
  });
  const distinct = new Set(signatures.map(({ sig }) => sig.toString('latin1')));
  if (distinct.size < signatures.length)
    throw new StellaError('ENVELOPE_INVALID', `${path}.signatures has the same signature twice`);
  return { kind: 'dsse', payloadType, payload, signatures };
}

/** DSSE pre-authentication encoding: the bytes that are signed. */
export function preAuthEncoding(payloadType: string, payload: Uint8Array): Buffer {
  const type = Buffer.from(payloadType);
  return Buffer.concat([
    Buffer.from(`DSSEv1 ${type.length} `),
    type,
    Buffer.from(` ${payload.length} `),
    payload,
  ]);
}
