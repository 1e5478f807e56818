import { createHash } from 'node:crypto';
import { formatBase64, formatUtf8 } from '../base/bytes.ts';
import { formatCanonicalJson } from '../base/canonical-json.ts';
import { type Instant, SECOND } from '../base/clock.ts';
import type { PublicKey, Signer } from '../base/keys.ts';
import { tileReader } from '../logs/store.ts';
import { appendEntries, loadLog } from '../logs/writer.ts';
import { openCheckpoint } from '../tlog/checkpoint.ts';
import { proveInclusion } from '../tlog/merkle.ts';
import { logIdOf } from '../tlog/note.ts';
import { keyDetailsOf } from '../trust/assembled-root.ts';
import { IN_TOTO_PAYLOAD_TYPE, preAuthEncoding } from './envelope.ts';
import { formatPromise } from './promise.ts';
import { STATEMENT_TYPE } from './statement.ts';

/** The predicate type of a plain signature, as cosign writes it: nothing is said but that the artifact was signed. */
export const PLAIN_SIGNATURE = 'https://sigstore.dev/cosign/sign/v1';

export interface SignInputs {
  /** What the attestation is about: name and SHA-256, 64 lowercase hexadecimal digits. */
  readonly subjects: readonly { readonly name: string; readonly sha256: string }[];
  readonly predicateType?: string;
  /** A JSON value. */
  readonly predicate?: unknown;
  readonly signer: Signer;
  /** Directory of the embedded log, and its key. */
  readonly log: string;
  readonly logSigner: Signer;
  readonly now: Instant;
}

export interface SignedAttestation {
  /** Sigstore bundle v0.3 as JSON, LF at the end. */
  readonly bytes: Uint8Array;
  readonly origin: string;
  readonly logIndex: bigint;
  readonly treeSize: bigint;
  readonly keyId: string;
}

/**
 * Makes a key-signed in-toto attestation and logs it: a Sigstore bundle v0.3 with a `dsse` 0.0.2 entry, its inclusion proof
 * and checkpoint. The log also promises the time (signed entry timestamp, as Rekor v1 does), so that keys can be judged by it.
 * @throws StellaError as `appendEntries`, KEY_INVALID
 */
export async function signAttestation(inputs: SignInputs): Promise<SignedAttestation> {
  const { signer, logSigner, log } = inputs;
  const statement = {
    _type: STATEMENT_TYPE,
    subject: inputs.subjects.map(({ name, sha256 }) => ({ name, digest: { sha256 } })),
    predicateType: inputs.predicateType ?? PLAIN_SIGNATURE,
    predicate: inputs.predicate ?? {},
  };
  const payload = formatUtf8(JSON.stringify(statement));
  const signature = await signer.sign(preAuthEncoding(IN_TOTO_PAYLOAD_TYPE, payload));
  const body = formatEntry(payload, signature, signer.publicKey);
  const { origin } = loadLog(log);
  const { firstIndex: index, checkpoint: checkpointBytes } = await appendEntries(log, [body], logSigner);
  const { checkpoint } = openCheckpoint(checkpointBytes, [loadLog(log).key], { origin });
  const proof = await proveInclusion(tileReader(log, checkpoint), index, checkpoint.size);
  const logId = logIdOf(origin, logSigner.publicKey);
  const integratedTime = Math.floor(inputs.now / SECOND);
  const promise = await logSigner.sign(formatPromise({ body, integratedTime, logId, index }));
  const bundle = {
    mediaType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
    verificationMaterial: {
      publicKey: { hint: formatBase64(Buffer.from(signer.publicKey.id, 'hex')) },
      tlogEntries: [
        {
          logIndex: String(index),
          logId: { keyId: formatBase64(Buffer.from(logId, 'hex')) },
          kindVersion: { kind: 'dsse', version: '0.0.2' },
          integratedTime: String(integratedTime),
          inclusionPromise: { signedEntryTimestamp: formatBase64(promise) },
          inclusionProof: {
            logIndex: String(index),
            rootHash: formatBase64(checkpoint.rootHash),
            treeSize: String(checkpoint.size),
            hashes: proof.map(formatBase64),
            checkpoint: { envelope: Buffer.from(checkpointBytes).toString('utf8') },
          },
          canonicalizedBody: formatBase64(body),
        },
      ],
    },
    dsseEnvelope: {
      payload: formatBase64(payload),
      payloadType: IN_TOTO_PAYLOAD_TYPE,
      signatures: [{ sig: formatBase64(signature) }],
    },
  };
  return {
    bytes: formatUtf8(`${JSON.stringify(bundle, null, 2)}\n`),
    origin,
    logIndex: index,
    treeSize: checkpoint.size,
    keyId: signer.publicKey.id,
  };
}

/** A `dsse` 0.0.2 log entry (dev.sigstore.rekor.v2.DSSELogEntryV002) in canonical JSON. */
function formatEntry(payload: Uint8Array, signature: Uint8Array, key: PublicKey): Uint8Array {
  return formatUtf8(
    formatCanonicalJson({
      apiVersion: '0.0.2',
      kind: 'dsse',
      spec: {
        dsseV002: {
          payloadHash: {
            algorithm: 'SHA2_256',
            digest: createHash('sha256').update(payload).digest('base64'),
          },
          signatures: [
            {
              content: formatBase64(signature),
              verifier: { keyDetails: keyDetailsOf(key), publicKey: { rawBytes: formatBase64(key.spki) } },
            },
          ],
        },
      },
    }),
  );
}
