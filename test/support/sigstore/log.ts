import { hash } from 'node:crypto';
import { ReferenceTree, referenceLeaf } from '../reference-tree.ts';
import { type Hash, type KeyKind, keyOf, pem, sha256, signWith, type TestKey } from './certificates.ts';
import { base64, type Edit, edited, type Json } from './edit.ts';

/** A transparency log: Rekor v1, which promises and counts over all of its trees, or v2, which does neither. */
export interface TestLog {
  readonly generation: 1 | 2;
  readonly key: TestKey;
  readonly host: string;
  readonly logId: Buffer;
}

export function logOf(
  generation: 1 | 2,
  kind: KeyKind = generation === 1 ? 'p256' : 'ed25519',
  name = 'log',
): TestLog {
  const key = keyOf(`${name} ${generation}`, kind);
  const host = `${name}-${generation}-${kind}.example.com`;
  const isNamed = generation === 2 && kind === 'ed25519';
  const logId = sha256(
    isNamed ? Buffer.concat([Buffer.from(`${host}\n\u0001`), key.spki.subarray(12)]) : key.spki,
  );
  return { generation, key, host, logId };
}

const TREE_ID = '1193050959916656506';
/** How many entries the earlier trees of a Rekor v1 log have. */
const EARLIER = 4_000_000;

/** What an entry is made of, and how it is to be wrong. */
export interface EntryOptions {
  readonly log: TestLog;
  readonly kind?: 'hashedrekord' | 'dsse' | 'intoto';
  readonly time?: number;
  readonly promised?: boolean;
  readonly proved?: boolean;
  readonly index?: number;
  readonly size?: number;
  /** Changes before it is logged. */
  readonly body?: readonly Edit[];
  /** Changes after it was logged. */
  readonly entry?: readonly Edit[];
  /** DER of the certificate to log, rather than the signer's. */
  readonly certificate?: Buffer;
  readonly promiseBy?: TestKey;
  readonly checkpointBy?: TestKey;
  readonly origin?: string;
  readonly checkpointName?: string;
  readonly checkpointKeyId?: Buffer;
  /** Changes to the signed note. */
  readonly note?: (note: string, text: string) => string;
}

export interface Signed {
  readonly key: TestKey;
  readonly certificate: Buffer | undefined;
  readonly signature: Buffer;
  /** What was signed: the artifact, or the envelope's pre-authentication encoding. */
  readonly signed: Buffer;
  readonly hash: Hash;
  readonly payload: Buffer | undefined;
  readonly time: number;
}

const PROTOBUF_HASHES = { sha256: 'SHA2_256', sha384: 'SHA2_384', sha512: 'SHA2_512' } as const;
export const protobufHash = (name: Hash): string => PROTOBUF_HASHES[name];

function bodyOf(kind: string, options: EntryOptions, what: Signed): Json {
  const der = options.certificate ?? what.certificate;
  const payload = what.payload ?? Buffer.alloc(0);
  const text = base64(pem(der ? 'CERTIFICATE' : 'PUBLIC KEY', der ?? what.key.spki));
  const signature = base64(what.signature);
  const signed = hash(what.hash, what.signed, 'buffer');
  if (options.log.generation === 2) {
    const rawBytes = base64(der ?? what.key.spki);
    const verifier = {
      keyDetails: 'PKIX_ECDSA_P256_SHA_256',
      ...(der ? { x509Certificate: { rawBytes } } : { publicKey: { rawBytes } }),
    };
    const spec =
      kind === 'dsse'
        ? {
            dsseV002: {
              payloadHash: { algorithm: 'SHA2_256', digest: base64(sha256(payload)) },
              signatures: [{ content: signature, verifier }],
            },
          }
        : {
            hashedRekordV002: {
              data: { algorithm: protobufHash(what.hash), digest: base64(signed) },
              signature: { content: signature, verifier },
            },
          };
    return { apiVersion: '0.0.2', kind, spec };
  }
  const payloadHash = { algorithm: 'sha256', value: sha256(payload).toString('hex') };
  switch (kind) {
    case 'hashedrekord':
      return {
        apiVersion: '0.0.1',
        kind,
        spec: {
          data: { hash: { algorithm: what.hash, value: signed.toString('hex') } },
          signature: { content: signature, publicKey: { content: text } },
        },
      };
    case 'dsse':
      return {
        apiVersion: '0.0.1',
        kind,
        spec: { payloadHash, signatures: [{ signature, verifier: text }] },
      };
    default:
      return {
        apiVersion: '0.0.2',
        kind,
        spec: {
          content: {
            envelope: { signatures: [{ sig: base64(signature), publicKey: text }] },
            payloadHash,
          },
        },
      };
  }
}

function checkpointOf(options: EntryOptions, size: number, rootHash: Uint8Array): string {
  const { log, checkpointBy = log.key } = options;
  const isV1 = log.generation === 1;
  const origin = options.origin ?? (isV1 ? `${log.host} - ${TREE_ID}` : log.host);
  const text = `${origin}\n${size}\n${base64(rootHash)}\n${isV1 ? 'Timestamp: 1748779261000000000\n' : ''}`;
  const id = (options.checkpointKeyId ?? log.logId).subarray(0, 4);
  const line = `\u2014 ${options.checkpointName ?? log.host} ${base64(Buffer.concat([id, signWith(checkpointBy, Buffer.from(text))]))}\n`;
  const note = `${text}\n${line}`;
  return options.note ? options.note(note, text) : note;
}

/** A log entry in the JSON form of Sigstore bundles, in a tree of other entries. */
export function entryOf(options: EntryOptions, what: Signed): Json {
  const { log, index = 5, size = 11, time = what.time } = options;
  const isV1 = log.generation === 1;
  const kind = options.kind ?? (what.payload ? 'dsse' : 'hashedrekord');
  const made = edited(bodyOf(kind, options, what), options.body);
  const body = Buffer.from(JSON.stringify(made));
  const leaves = Array.from({ length: size }, (_, i) =>
    referenceLeaf(i === index ? body : Buffer.from(`entry ${i}`)),
  );
  const tree = new ReferenceTree(leaves);
  const rootHash = tree.root(size);
  const logIndex = isV1 ? index + EARLIER : index;
  const seconds = Math.floor(time / 1000);
  const promise = JSON.stringify({
    body: base64(body),
    integratedTime: seconds,
    logID: log.logId.toString('hex'),
    logIndex,
  });
  const entry: Json = {
    logIndex: String(logIndex),
    logId: { keyId: base64(log.logId) },
    kindVersion: { kind, version: (made as { apiVersion: string }).apiVersion },
    ...(isV1 ? { integratedTime: String(seconds) } : {}),
    ...((options.promised ?? isV1)
      ? {
          inclusionPromise: {
            signedEntryTimestamp: base64(
              signWith(options.promiseBy ?? log.key, Buffer.from(promise), 'sha256'),
            ),
          },
        }
      : {}),
    ...((options.proved ?? true)
      ? {
          inclusionProof: {
            logIndex: String(index),
            rootHash: base64(rootHash),
            treeSize: String(size),
            hashes: tree.path(index, size).map(base64),
            checkpoint: { envelope: checkpointOf(options, size, rootHash) },
          },
        }
      : {}),
    canonicalizedBody: base64(body),
  };
  return edited(entry, options.entry);
}
