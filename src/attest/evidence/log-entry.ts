import { hash } from 'node:crypto';
import { equalBytes } from '../../base/bytes.ts';
import { StellaError } from '../../base/errors.ts';
import { parseStrictJson } from '../../base/json.ts';
import { FieldReader, type JsonObject } from '../../base/json-fields.ts';
import { HASH_LENGTHS, type HashAlgorithm } from '../../base/keys.ts';
import { table } from '../../base/table.ts';
import type { LogEntry } from '../document/attestation.ts';
import { ATTESTATION_LIMITS } from '../document/limits.ts';

const read = new FieldReader('LOG_ENTRY_INVALID');

/** What a log entry says it is about. */
export interface EntryClaim {
  /** The signatures, or only whose they are where the digest covers them. */
  readonly signatures: readonly { readonly signature?: Buffer; readonly verifier: Buffer }[];
  readonly hash: HashAlgorithm;
  readonly digest: Buffer;
  /** What the digest is of: what was signed (artifact or pre-authentication encoding), a DSSE payload alone, or a whole envelope. */
  readonly over: 'signed' | 'payload' | 'envelope';
}

const NAMES = table<HashAlgorithm>({
  sha256: 'sha256',
  sha384: 'sha384',
  sha512: 'sha512',
  SHA2_256: 'sha256',
  SHA2_384: 'sha384',
  SHA2_512: 'sha512',
});

type FieldName = 'content' | 'data' | 'envelope' | 'hash' | 'publicKey' | 'signature' | 'signatures';
const field = (value: unknown, ...path: readonly FieldName[]): unknown => {
  let at = value;
  for (const [i, name] of path.entries())
    at = read.object(at, path.slice(0, i).join('.') || 'the log entry')[name];
  return at;
};

/** @throws StellaError LOG_ENTRY_INVALID */
function parseEntryFields(body: Uint8Array): JsonObject {
  return read.object(parseStrictJson(body, 'the log entry', { code: 'LOG_ENTRY_INVALID' }), 'the log entry');
}

/**
 * The body of a log entry that no attestation says anything about, with the kind and version that it gives itself.
 * @throws StellaError LOG_ENTRY_INVALID
 */
export function parseLoneEntry(body: Uint8Array): {
  readonly kind: string;
  readonly version: string;
  readonly claim: EntryClaim;
} {
  const fields = parseEntryFields(body);
  const kind = read.string(fields['kind'], 'kind', 64);
  const version = read.string(fields['apiVersion'], 'apiVersion', 64);
  return { kind, version, claim: claimIn(fields, kind, version) };
}

/**
 * The body of a log entry (Rekor's hashedrekord 0.0.1 and 0.0.2, dsse 0.0.1 and 0.0.2, intoto 0.0.1 and 0.0.2) → what it claims.
 * @throws StellaError LOG_ENTRY_INVALID
 */
export function parseEntryBody(entry: Pick<LogEntry, 'body' | 'kind' | 'version'>): EntryClaim {
  const body = parseEntryFields(entry.body);
  if (body['kind'] !== entry.kind || body['apiVersion'] !== entry.version)
    throw new StellaError(
      'LOG_ENTRY_MISMATCH',
      `the log entry is not of the kind that the attestation says (${entry.kind} ${entry.version})`,
    );
  return claimIn(body, entry.kind, entry.version);
}

/** @throws StellaError LOG_ENTRY_INVALID */
function claimIn(body: JsonObject, kind: string, version: string): EntryClaim {
  const spec = read.object(body['spec'], 'spec');
  switch (`${kind} ${version}`) {
    case 'hashedrekord 0.0.1':
      return {
        ...hexDigest(field(spec, 'data', 'hash')),
        over: 'signed',
        signatures: [
          {
            signature: signatureBytes(field(spec, 'signature', 'content')),
            verifier: pemBytes(field(spec, 'signature', 'publicKey', 'content')),
          },
        ],
      };
    case 'hashedrekord 0.0.2': {
      const record = read.object(spec['hashedRekordV002'], 'spec.hashedRekordV002');
      return {
        ...digestOf(record['data']),
        over: 'signed',
        signatures: [signatureAndVerifier(record['signature'])],
      };
    }
    case 'dsse 0.0.1':
      return {
        ...hexDigest(spec['payloadHash']),
        over: 'payload',
        signatures: list(spec['signatures']).map((item) => ({
          signature: signatureBytes(item['signature']),
          verifier: pemBytes(item['verifier']),
        })),
      };
    case 'dsse 0.0.2': {
      const record = read.object(spec['dsseV002'], 'spec.dsseV002');
      return {
        ...digestOf(record['payloadHash']),
        over: 'payload',
        signatures: list(record['signatures']).map(signatureAndVerifier),
      };
    }
    case 'intoto 0.0.1':
      return {
        ...hexDigest(field(spec, 'content', 'hash')),
        over: 'envelope',
        signatures: [{ verifier: pemBytes(spec['publicKey']) }],
      };
    case 'intoto 0.0.2': {
      const content = read.object(spec['content'], 'spec.content');
      return {
        ...hexDigest(content['payloadHash']),
        over: 'payload',
        signatures: list(field(content, 'envelope', 'signatures')).map((item) => ({
          // Base64 of base64, as this kind of entry has it.
          signature: signatureBytes(
            read.bytes(item['sig'], 'sig', ATTESTATION_LIMITS.signatureBytes * 2).toString('latin1'),
          ),
          verifier: pemBytes(item['publicKey']),
        })),
      };
    }
  }
  return read.refuse(
    'the log entry',
    `is of a kind that is not supported: ${JSON.stringify(`${kind} ${version}`)}`,
  );
}

function list(value: unknown): readonly JsonObject[] {
  const items = read.array(value, 'signatures', ATTESTATION_LIMITS.signatures);
  if (items.length === 0) read.refuse('signatures', 'is empty');
  return items.map((item) => read.object(item, 'signatures'));
}

const signatureBytes = (value: unknown): Buffer =>
  read.bytes(value, 'signature', ATTESTATION_LIMITS.signatureBytes);

function hashNamed(value: unknown): HashAlgorithm {
  const name = read.string(value, 'algorithm', 32);
  return NAMES[name] ?? read.refuse('algorithm', 'is not supported');
}

function hexDigest(value: unknown): Pick<EntryClaim, 'hash' | 'digest'> {
  const fields = read.object(value, 'hash');
  const hash = hashNamed(fields['algorithm']);
  const text = read.string(fields['value'], 'hash.value', 128);
  if (!/^[0-9a-f]+$/.test(text) || text.length !== 2 * HASH_LENGTHS[hash])
    read.refuse('hash.value', 'is not a digest');
  return { hash, digest: Buffer.from(text, 'hex') };
}

function digestOf(value: unknown): Pick<EntryClaim, 'hash' | 'digest'> {
  const fields = read.object(value, 'data');
  const hash = hashNamed(fields['algorithm']);
  const digest = read.bytes(fields['digest'], 'digest', 64);
  if (digest.length !== HASH_LENGTHS[hash]) read.refuse('digest', 'is not of its algorithm');
  return { hash, digest };
}

function signatureAndVerifier(value: unknown): EntryClaim['signatures'][number] {
  const fields = read.object(value, 'signature');
  const verifier = read.object(fields['verifier'], 'verifier');
  const holder = read.object(verifier['x509Certificate'] ?? verifier['publicKey'], 'verifier');
  return {
    signature: signatureBytes(fields['content']),
    verifier: read.bytes(holder['rawBytes'], 'verifier.rawBytes', ATTESTATION_LIMITS.certificateBytes),
  };
}

/** The DER inside of base64 of one PEM block, or of the first of a certificate chain. */
function pemBytes(value: unknown): Buffer {
  const pem = read.bytes(value, 'publicKey', 2 * ATTESTATION_LIMITS.certificateBytes).toString('latin1');
  const [first, ...more] = pem.matchAll(
    /\s*-----BEGIN ([A-Z ]+)-----([A-Za-z0-9+/=\s]+)-----END \1-----\s*/gy,
  );
  const length = [first, ...more].reduce((sum, block) => sum + (block?.[0].length ?? 0), 0);
  if (!first || length !== pem.length || (more.length > 0 && first[1] !== 'CERTIFICATE'))
    return read.refuse('publicKey', 'is not PEM of a key or of certificates');
  return Buffer.from(first[2]!, 'base64');
}

/** What the attestation has to set against an entry. */
export interface EntryExpectation {
  readonly signatures: readonly Buffer[];
  /** DER of the signing certificate, or of the trusted public keys. */
  readonly verifiers: readonly Uint8Array[];
  /** Digest of what was signed. */
  signed(hash: HashAlgorithm): Uint8Array | undefined;
  readonly payload: Uint8Array | undefined;
  /** The exact bytes of the envelope, where they are known. */
  readonly envelope?: Uint8Array | undefined;
}

/**
 * Checks that a log entry is of exactly this attestation: same signatures, same certificate or key, same digest. Of
 * several signatures each may have been logged by itself.
 * @returns those of the verifiers whose signatures the entry shows to be logged
 * @throws StellaError LOG_ENTRY_MISMATCH, LOG_ENTRY_INVALID
 */
export function checkEntry(entry: LogEntry, expected: EntryExpectation): readonly Uint8Array[] {
  const claim = parseEntryBody(entry);
  const refuse = (what: string): never => {
    throw new StellaError('LOG_ENTRY_MISMATCH', `the log entry has another ${what} than the attestation`);
  };
  const isOfAll = claim.over === 'envelope' || claim.signatures.length === expected.signatures.length;
  if (!isOfAll && claim.signatures.length > expected.signatures.length) refuse('number of signatures');
  const isExpected = (list: readonly Uint8Array[], bytes: Uint8Array) =>
    list.some((each) => equalBytes(each, bytes));
  for (const { signature } of claim.signatures)
    if (signature && !isExpected(expected.signatures, signature)) refuse('signature');
  // Of several signers some may be unknown here, but not all.
  const named = expected.verifiers.filter((each) =>
    claim.signatures.some(({ signature, verifier }) => (isOfAll || signature) && equalBytes(each, verifier)),
  );
  if (named.length === 0) refuse('certificate or key');
  const content = claim.over === 'payload' ? expected.payload : expected.envelope;
  const digest =
    claim.over === 'signed' ? expected.signed(claim.hash) : content && hash(claim.hash, content, 'buffer');
  if (!digest) refuse('kind of content');
  else if (!equalBytes(digest, claim.digest)) refuse('digest');
  return isOfAll ? expected.verifiers : named;
}
