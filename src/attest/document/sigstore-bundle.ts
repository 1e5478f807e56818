import { StellaError } from '../../base/errors.ts';
import { FieldReader, isPresent, type JsonObject } from '../../base/json-fields.ts';
import type {
  Attestation,
  Envelope,
  InclusionProof,
  LogEntry,
  MessageSignature,
  SignerClaim,
} from './attestation.ts';
import { parseEnvelope } from './envelope.ts';
import { ATTESTATION_LIMITS } from './limits.ts';

const read = new FieldReader('SIGSTORE_BUNDLE_INVALID');

const FORMS: ReadonlyMap<string, 'sigstore-bundle-0.1' | 'sigstore-bundle-0.2' | 'sigstore-bundle-0.3'> =
  new Map([
    ['application/vnd.dev.sigstore.bundle+json;version=0.1', 'sigstore-bundle-0.1'],
    ['application/vnd.dev.sigstore.bundle+json;version=0.2', 'sigstore-bundle-0.2'],
    ['application/vnd.dev.sigstore.bundle+json;version=0.3', 'sigstore-bundle-0.3'],
    ['application/vnd.dev.sigstore.bundle.v0.3+json', 'sigstore-bundle-0.3'],
  ]);

const FIELDS = {
  bundle: new Set(['mediaType', 'verificationMaterial', 'messageSignature', 'dsseEnvelope']),
  material: new Set([
    'certificate',
    'x509CertificateChain',
    'publicKey',
    'tlogEntries',
    'timestampVerificationData',
  ]),
  chain: new Set(['certificates']),
  certificate: new Set(['rawBytes']),
  publicKey: new Set(['hint']),
  timestamps: new Set(['rfc3161Timestamps']),
  timestamp: new Set(['signedTimestamp']),
  message: new Set(['messageDigest', 'signature']),
  digest: new Set(['algorithm', 'digest']),
  entry: new Set([
    'logIndex',
    'logId',
    'kindVersion',
    'integratedTime',
    'inclusionPromise',
    'inclusionProof',
    'canonicalizedBody',
  ]),
  logId: new Set(['keyId']),
  kindVersion: new Set(['kind', 'version']),
  promise: new Set(['signedEntryTimestamp']),
  proof: new Set(['logIndex', 'rootHash', 'treeSize', 'hashes', 'checkpoint']),
  checkpoint: new Set(['envelope']),
} as const;

const DIGESTS = { SHA2_256: ['sha256', 32], SHA2_384: ['sha384', 48], SHA2_512: ['sha512', 64] } as const;

/** Whether a JSON value claims to be a Sigstore bundle. */
export function isSigstoreBundle(value: unknown): value is JsonObject {
  if (value === null || typeof value !== 'object') return false;
  return 'verificationMaterial' in value || 'verification_material' in value;
}

/**
 * The JSON form of a Sigstore bundle (dev.sigstore.bundle.v1.Bundle, versions 0.1 to 0.3) → attestation. Refuses
 * unknown media types and fields.
 * @throws StellaError SIGSTORE_BUNDLE_INVALID, ENVELOPE_INVALID
 */
export function parseSigstoreBundle(value: unknown): Attestation {
  const bundle = read.object(value, 'the Sigstore bundle', FIELDS.bundle);
  const mediaType = read.string(bundle['mediaType'], 'mediaType', 256);
  const form = FORMS.get(mediaType);
  if (!form)
    return read.refuse('mediaType', `is not of a known version: ${JSON.stringify(mediaType.slice(0, 80))}`);
  const material = read.object(bundle['verificationMaterial'], 'verificationMaterial', FIELDS.material);
  const entries = parseLogEntries(material['tlogEntries'], 'tlogEntries', form);
  const [content, signer] = [parseContent(bundle), parseSigner(material, form)];
  checkHints(content, signer);
  return {
    form,
    content,
    signer,
    entries,
    timestamps: parseTimestamps(material['timestampVerificationData']),
  };
}

/** Two names for the key must be the same one (sigstore_bundle.proto, `verification_material`); many signers give only one. */
function checkHints(content: Envelope | MessageSignature, signer: SignerClaim): void {
  if (content.kind !== 'dsse' || signer.kind !== 'key' || signer.hint === undefined) return;
  const keyid = content.signatures[0]?.keyid;
  if (keyid !== undefined && keyid !== signer.hint)
    read.refuse('publicKey.hint', "is not the keyid of the envelope's signature");
}

function parseContent(bundle: JsonObject): Envelope | MessageSignature {
  const envelope = bundle['dsseEnvelope'];
  const message = bundle['messageSignature'];
  if (isPresent(envelope) === isPresent(message))
    return read.refuse('the Sigstore bundle', 'must have either dsseEnvelope or messageSignature');
  if (isPresent(envelope)) {
    const content = parseEnvelope(envelope);
    if (content.signatures.length !== 1)
      read.refuse('dsseEnvelope.signatures', 'must have exactly one signature in a Sigstore bundle');
    return content;
  }
  const fields = read.object(message, 'messageSignature', FIELDS.message);
  const signature = read.bytes(
    fields['signature'],
    'messageSignature.signature',
    ATTESTATION_LIMITS.signatureBytes,
  );
  // sigstore_common.proto makes the digest a hint: without it, what was signed is told by the artifact or the log entry.
  if (!isPresent(fields['messageDigest'])) return { kind: 'message', signature, digest: undefined };
  const path = 'messageSignature.messageDigest';
  const digest = read.object(fields['messageDigest'], path, FIELDS.digest);
  const name = read.string(digest['algorithm'], `${path}.algorithm`, 64);
  if (!Object.hasOwn(DIGESTS, name)) read.refuse(`${path}.algorithm`, 'is not supported');
  const [algorithm, length] = DIGESTS[name as keyof typeof DIGESTS];
  const bytes = read.bytes(digest['digest'], `${path}.digest`, 64);
  if (bytes.length !== length)
    read.refuse(`${path}.digest`, `has ${bytes.length} bytes, ${name} has ${length}`);
  return { kind: 'message', signature, digest: { algorithm, value: bytes } };
}

function parseSigner(material: JsonObject, form: Attestation['form']): SignerClaim {
  const { certificate, x509CertificateChain: chain, publicKey } = material;
  const present = [certificate, chain, publicKey].filter(isPresent).length;
  if (present !== 1)
    return read.refuse(
      'verificationMaterial',
      'must have one of certificate, x509CertificateChain and publicKey',
    );
  if (isPresent(publicKey)) {
    const { hint } = read.object(publicKey, 'publicKey', FIELDS.publicKey);
    return {
      kind: 'key',
      hint: isPresent(hint) && hint !== '' ? read.string(hint, 'publicKey.hint', 1024) : undefined,
    };
  }
  if (isPresent(certificate) && form !== 'sigstore-bundle-0.3')
    read.refuse('certificate', 'is allowed from version 0.3 of Sigstore bundles on');
  if (isPresent(certificate))
    return { kind: 'certificate', certificates: [rawBytes(certificate, 'certificate')] };
  const fields = read.object(chain, 'x509CertificateChain', FIELDS.chain);
  const list = read.array(
    fields['certificates'],
    'x509CertificateChain.certificates',
    ATTESTATION_LIMITS.certificates,
  );
  if (list.length === 0) read.refuse('x509CertificateChain.certificates', 'is empty');
  // sigstore_bundle.proto wants `certificate` there; clients that wrote the one certificate as a chain are about.
  if (form === 'sigstore-bundle-0.3' && list.length > 1)
    read.refuse('x509CertificateChain.certificates', 'must be one in a Sigstore bundle of version 0.3');
  return {
    kind: 'certificate',
    certificates: list.map((item, i) => rawBytes(item, `x509CertificateChain.certificates.${i}`)),
  };
}

function rawBytes(value: unknown, path: string): Buffer {
  const fields = read.object(value, path, FIELDS.certificate);
  return read.bytes(fields['rawBytes'], `${path}.rawBytes`, ATTESTATION_LIMITS.certificateBytes);
}

function parseTimestamps(value: unknown): Buffer[] {
  if (!isPresent(value)) return [];
  const path = 'timestampVerificationData.rfc3161Timestamps';
  const list = read.object(value, 'timestampVerificationData', FIELDS.timestamps)['rfc3161Timestamps'];
  if (!isPresent(list)) return [];
  const timestamps = read.array(list, path, ATTESTATION_LIMITS.timestamps).map((item, i) => {
    const fields = read.object(item, `${path}.${i}`, FIELDS.timestamp);
    return read.bytes(
      fields['signedTimestamp'],
      `${path}.${i}.signedTimestamp`,
      ATTESTATION_LIMITS.timestampBytes,
    );
  });
  if (new Set(timestamps.map((bytes) => bytes.toString('latin1'))).size < timestamps.length)
    read.refuse(path, 'has the same timestamp twice');
  return timestamps;
}

/**
 * A list of dev.sigstore.rekor.v1.TransparencyLogEntry in their JSON form, with what a version of Sigstore bundles needs
 * of each.
 * @throws StellaError SIGSTORE_BUNDLE_INVALID
 */
export function parseLogEntries(value: unknown, path: string, form: Attestation['form']): LogEntry[] {
  if (!isPresent(value)) return [];
  const entries = read
    .array(value, path, ATTESTATION_LIMITS.logEntries)
    .map((item, i) => parseLogEntry(item, `${path}.${i}`));
  if (
    new Set(entries.map((entry) => `${entry.logId} ${entry.body.toString('latin1')}`)).size < entries.length
  )
    read.refuse(path, 'has the same entry twice');
  for (const [i, entry] of entries.entries()) {
    if (form === 'sigstore-bundle-0.1' && !entry.signedEntryTimestamp)
      read.refuse(`${path}.${i}.inclusionPromise`, 'is missing, which version 0.1 needs');
    if (form !== 'sigstore-bundle-0.1' && !entry.proof)
      read.refuse(`${path}.${i}.inclusionProof`, 'is missing, which versions after 0.1 need');
  }
  return entries;
}

/** The JSON form of dev.sigstore.rekor.v1.TransparencyLogEntry. @throws StellaError SIGSTORE_BUNDLE_INVALID */
function parseLogEntry(value: unknown, path: string): LogEntry {
  const entry = read.object(value, path, FIELDS.entry);
  const logId = read.object(entry['logId'], `${path}.logId`, FIELDS.logId);
  const id = read.bytes(logId['keyId'], `${path}.logId.keyId`, 32);
  if (id.length !== 32) read.refuse(`${path}.logId.keyId`, 'has not 32 bytes');
  const kindVersion = read.object(entry['kindVersion'], `${path}.kindVersion`, FIELDS.kindVersion);
  const time = isPresent(entry['integratedTime'])
    ? read.index(entry['integratedTime'], `${path}.integratedTime`)
    : undefined;
  let signedEntryTimestamp: Buffer | undefined;
  if (isPresent(entry['inclusionPromise'])) {
    const promise = read.object(entry['inclusionPromise'], `${path}.inclusionPromise`, FIELDS.promise);
    signedEntryTimestamp = read.bytes(
      promise['signedEntryTimestamp'],
      `${path}.inclusionPromise.signedEntryTimestamp`,
      ATTESTATION_LIMITS.signatureBytes,
    );
  }
  return {
    logId: id.toString('hex'),
    // Protobuf leaves out a field that is zero: the first entry of a log has none.
    logIndex: isPresent(entry['logIndex']) ? read.index(entry['logIndex'], `${path}.logIndex`) : 0n,
    kind: read.string(kindVersion['kind'], `${path}.kindVersion.kind`, 64),
    version: read.string(kindVersion['version'], `${path}.kindVersion.version`, 64),
    integratedTime: time === 0n ? undefined : time,
    signedEntryTimestamp,
    proof: isPresent(entry['inclusionProof'])
      ? parseProof(entry['inclusionProof'], `${path}.inclusionProof`)
      : undefined,
    body: read.bytes(entry['canonicalizedBody'], `${path}.canonicalizedBody`, ATTESTATION_LIMITS.entryBytes),
  };
}

function parseProof(value: unknown, path: string): InclusionProof {
  const proof = read.object(value, path, FIELDS.proof);
  const hash = (item: unknown, at: string): Buffer => {
    const bytes = read.bytes(item, at, 32);
    return bytes.length === 32 ? bytes : read.refuse(at, 'has not 32 bytes');
  };
  if (!isPresent(proof['checkpoint']))
    throw new StellaError('SIGSTORE_BUNDLE_INVALID', `${path} has no checkpoint, so that it proves nothing`, {
      hint: 'on the connected side, `sigstore plumbing fix-bundle --bundle FILE` gets the checkpoint from the log',
    });
  const checkpoint = read.object(proof['checkpoint'], `${path}.checkpoint`, FIELDS.checkpoint);
  const hashes = isPresent(proof['hashes']) ? proof['hashes'] : [];
  return {
    index: isPresent(proof['logIndex']) ? read.index(proof['logIndex'], `${path}.logIndex`) : 0n,
    size: read.index(proof['treeSize'], `${path}.treeSize`),
    rootHash: hash(proof['rootHash'], `${path}.rootHash`),
    hashes: read
      .array(hashes, `${path}.hashes`, ATTESTATION_LIMITS.proofHashes)
      .map((item, i) => hash(item, `${path}.hashes.${i}`)),
    checkpoint: Buffer.from(
      read.string(checkpoint['envelope'], `${path}.checkpoint.envelope`, ATTESTATION_LIMITS.checkpointBytes),
    ),
  };
}
