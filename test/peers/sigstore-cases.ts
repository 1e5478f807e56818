import { keyOf, PURPOSES } from '../support/sigstore/certificates.ts';
import { base64, type Edit } from '../support/sigstore/edit.ts';
import { logOf } from '../support/sigstore/log.ts';
import {
  authorityJson,
  authorityOf,
  DAY,
  EXPIRES,
  ISSUED,
  type Scenario,
  SIGNED,
  tsaOf,
} from '../support/sigstore/scenario.ts';

export type Verifier = 'sigstore-python' | 'cosign';

/** An attestation of a private instance, and what everybody must make of it. */
export interface Case {
  readonly what: string;
  readonly scenario: Scenario;
  /** The code that stella refuses it with; none where it verifies. */
  readonly refused?: string;
  /** Who says the opposite, and why that is no fault of stella's. */
  readonly unlike?: Readonly<Partial<Record<Verifier, string>>>;
}

const v1 = logOf(1);
const v2 = logOf(2);
const other = keyOf('other');
const stamped: Scenario = { entries: [{ log: v2 }], timestamps: [{}] };
// Rekor logs the digest of the whole envelope, which nobody can check: only that it is there matters.
const envelopeHash: Edit = ['spec.envelopeHash', { algorithm: 'sha256', value: '00'.repeat(32) }];
const dsse: Scenario = { content: 'dsse', entries: [{ log: v1, body: [envelopeHash] }] };
const ended = {
  start: new Date(ISSUED - 700 * DAY).toISOString(),
  end: new Date(ISSUED - DAY).toISOString(),
};

export const GOOD: readonly Case[] = [
  {
    what: 'version 0.1 with the promise of a log only',
    scenario: { version: '0.1', entries: [{ log: v1, proved: false }] },
    unlike: { 'sigstore-python': 'it wants a proof of inclusion in every version' },
  },
  { what: 'version 0.1 with promise and proof', scenario: { version: '0.1' } },
  { what: 'version 0.2', scenario: { version: '0.2' } },
  { what: 'version 0.3', scenario: {} },
  { what: 'version 0.3 under the older media type', scenario: { version: '0.3 as 0.2 wrote it' } },
  {
    what: 'a proof and a timestamp, no promise',
    scenario: { entries: [{ log: v1, promised: false }], timestamps: [{}] },
  },
  { what: 'promise, proof and timestamp', scenario: { timestamps: [{}] } },
  { what: 'Rekor v2', scenario: stamped },
  {
    what: 'Rekor v2 with an ECDSA key',
    scenario: { entries: [{ log: logOf(2, 'p256') }], timestamps: [{}] },
  },
  {
    what: 'two timestamps',
    scenario: { ...stamped, timestamps: [{}, { tsa: tsaOf('second'), time: SIGNED + 1000 }] },
  },
  {
    what: 'two logs',
    scenario: { entries: [{ log: v1 }, { log: v2 }], timestamps: [{}] },
    unlike: { 'sigstore-python': 'it reads bundles with exactly one log entry' },
  },
  { what: 'an envelope', scenario: dsse },
  {
    what: 'an envelope in Rekor v2',
    scenario: { ...stamped, content: 'dsse', entries: [{ log: v2, kind: 'hashedrekord' }] },
  },
  {
    what: 'a message signed with P-384',
    scenario: { kind: 'p384' },
    unlike: { 'sigstore-python': 'it hashes with SHA-256 only' },
  },
  {
    what: 'a message signed with RSA',
    scenario: { kind: 'rsa2048' },
    unlike: { 'sigstore-python': 'it knows ECDSA only' },
  },
  {
    what: 'an envelope signed with P-384',
    scenario: { ...dsse, kind: 'p384' },
    unlike: { 'sigstore-python': 'it hashes with SHA-256 only' },
  },
];

export const BAD: readonly Case[] = [
  { what: 'another key signed', scenario: { signedBy: other }, refused: 'SIGNATURE_INVALID' },
  {
    what: 'another key signed the envelope',
    scenario: { ...dsse, signedBy: other },
    refused: 'SIGNATURE_INVALID',
  },
  {
    what: 'it was logged after the certificate expired',
    scenario: { entries: [{ log: v1, time: EXPIRES + 1000 }] },
    refused: 'CERTIFICATE_EXPIRED',
  },
  {
    what: 'it was logged before the certificate was issued',
    scenario: { entries: [{ log: v1, time: ISSUED - 1000 }] },
    refused: 'CERTIFICATE_EXPIRED',
  },
  {
    what: 'it is in no log',
    scenario: { entries: [], logs: [v1], timestamps: [{}] },
    refused: 'LOG_ENTRY_MISSING',
  },
  {
    what: 'the certificate is of an authority that nobody trusts',
    scenario: {
      authority: authorityOf('stranger'),
      root: [['certificateAuthorities', [authorityJson(authorityOf())]]],
    },
    refused: 'CERTIFICATE_UNTRUSTED',
  },
  {
    what: 'another key signed the certificate',
    scenario: { leaf: { by: other } },
    refused: 'CERTIFICATE_UNTRUSTED',
  },
  {
    what: 'the certificate has no signed timestamp of a CT log',
    scenario: { leaf: { scts: [] } },
    refused: 'SCT_INVALID',
  },
  {
    what: 'the signed timestamp is of another CT log',
    scenario: { leaf: { scts: [{ log: other }] } },
    refused: 'SCT_INVALID',
  },
  { what: 'no CT log is trusted', scenario: { root: [['ctlogs', []]] }, refused: 'SCT_INVALID' },
  {
    what: 'the certificate is for timestamps',
    scenario: { leaf: { purposes: [PURPOSES.timeStamping] } },
    refused: 'CERTIFICATE_INVALID',
  },
  {
    what: 'somebody else signed',
    scenario: { leaf: { names: [{ uri: 'https://example.com/other' }] } },
    refused: 'IDENTITY_MISMATCH',
  },
  {
    what: 'another issuer vouches for the name',
    scenario: { leaf: { issuer: 'https://other.example.com' } },
    refused: 'IDENTITY_MISMATCH',
  },
  {
    what: 'the promise is of another key',
    scenario: { entries: [{ log: v1, promiseBy: other }] },
    refused: 'TIMESTAMP_INVALID',
  },
  {
    what: 'the checkpoint is of another key',
    scenario: { entries: [{ log: v1, checkpointBy: other }] },
    refused: 'CHECKPOINT_SIGNATURE',
  },
  {
    what: 'the checkpoint of Rekor v2 is of another key',
    scenario: { ...stamped, entries: [{ log: v2, checkpointBy: other }] },
    refused: 'CHECKPOINT_SIGNATURE',
  },
  {
    what: 'nobody trusts the log',
    scenario: { logs: [logOf(1, 'p256', 'another')] },
    refused: 'CHECKPOINT_SIGNATURE',
  },
  {
    what: 'the entry is about another signature',
    scenario: { entries: [{ log: v1, body: [['spec.signature.content', base64('another')]] }] },
    refused: 'LOG_ENTRY_MISMATCH',
  },
  {
    what: 'the entry is about another artifact',
    scenario: { entries: [{ log: v1, body: [['spec.data.hash.value', '00'.repeat(32)]] }] },
    refused: 'LOG_ENTRY_MISMATCH',
  },
  {
    what: 'the proof leads to another root',
    scenario: { entries: [{ log: v1, entry: [['inclusionProof.rootHash', base64(Buffer.alloc(32))]] }] },
    refused: 'PROOF_INVALID',
  },
  {
    what: 'the proof is of another entry',
    scenario: { entries: [{ log: v1, entry: [['inclusionProof.logIndex', '6']] }] },
    refused: 'PROOF_INVALID',
  },
  {
    what: 'the timestamp is of another key',
    scenario: { ...stamped, timestamps: [{ by: other }] },
    refused: 'TIMESTAMP_INVALID',
  },
  {
    what: 'the timestamp is of another signature',
    scenario: { ...stamped, timestamps: [{ over: Buffer.from('another') }] },
    refused: 'TIMESTAMP_INVALID',
  },
  {
    what: 'the timestamp is later than the certificate',
    scenario: { ...stamped, timestamps: [{ time: EXPIRES + 1000 }] },
    refused: 'CERTIFICATE_EXPIRED',
  },
  {
    what: 'an entry of Rekor v2 comes without a timestamp',
    scenario: { entries: [{ log: v2 }] },
    refused: 'TIMESTAMP_INVALID',
  },
  {
    what: 'version 0.3 comes without a proof',
    scenario: { entries: [{ log: v1, proved: false }] },
    refused: 'SIGSTORE_BUNDLE_INVALID',
  },
  {
    what: 'the bundle says another digest',
    scenario: { bundle: [['messageSignature.messageDigest.digest', base64(Buffer.alloc(32))]] },
    refused: 'SIGNATURE_INVALID',
  },
  {
    what: 'the statement is about another artifact',
    scenario: { ...dsse, statement: [['subject.0.digest.sha256', '00'.repeat(32)]] },
    refused: 'ARTIFACT_MISMATCH',
  },
  {
    what: 'the envelope holds no statement',
    scenario: { ...dsse, payloadType: 'text/plain' },
    refused: 'ARTIFACT_MISMATCH',
  },
  {
    what: 'the timestamp authority was no longer trusted',
    scenario: { ...stamped, root: [['timestampAuthorities.0.validFor', ended]] },
    refused: 'TIMESTAMP_INVALID',
  },
  {
    what: 'the key of the log was no longer valid',
    scenario: { root: [['tlogs.0.publicKey.validFor', ended]] },
    refused: 'LOG_KEY_INVALID',
    unlike: { 'sigstore-python': 'it does not look at the end of the period of a log key' },
  },
  {
    what: 'the certificate authority was no longer trusted',
    scenario: { root: [['certificateAuthorities.0.validFor', ended]] },
    refused: 'CERTIFICATE_EXPIRED',
    unlike: { 'sigstore-python': 'it does not look at the end of the period of an authority' },
  },
];
