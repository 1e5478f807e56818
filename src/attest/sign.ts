import { createHash } from 'node:crypto';
import { formatBase64, formatUtf8 } from '../base/bytes.ts';
import { formatCanonicalJson } from '../base/canonical-json.ts';
import { type Instant, SECOND } from '../base/clock.ts';
import { StellaError } from '../base/errors.ts';
import type { PublicKey, Signer } from '../base/keys.ts';
import { tileReader } from '../logs/store.ts';
import { appendEntries, loadLog } from '../logs/writer.ts';
import { openCheckpoint } from '../tlog/checkpoint.ts';
import { proveInclusion } from '../tlog/merkle.ts';
import { logIdOf } from '../tlog/note.ts';
import { keyDetailsOf } from '../trust/assembled-root.ts';
import { IN_TOTO_PAYLOAD_TYPE, preAuthEncoding } from './document/envelope.ts';
import { STATEMENT_TYPE } from './document/statement.ts';
import { formatPromise } from './evidence/promise.ts';

/** The predicate type of a plain signature, as cosign writes it: nothing is said but that the artifact was signed. */
export const PLAIN_SIGNATURE = 'https://sigstore.dev/cosign/sign/v1';

/** What is said about what. */
export interface Claim {
  /** Name and SHA-256, 64 lowercase hexadecimal digits. */
  readonly subjects: readonly { readonly name: string; readonly sha256: string }[];
  readonly predicateType?: string;
  /** A JSON value. */
  readonly predicate?: unknown;
}

/** By whom, where it is logged, and when. */
export interface SignSetting {
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
export async function signAttestation(inputs: Claim & SignSetting): Promise<SignedAttestation> {
  for await (const signed of signAttestations([inputs], inputs)) return signed;
  throw new StellaError('INTERNAL', 'nothing was signed');
}

/**
 * {@link signAttestation} of many, all logged at once under one checkpoint.
 * @throws StellaError as `appendEntries`, KEY_INVALID
 */
export async function* signAttestations(
  claims: readonly Claim[],
  { signer, log, logSigner, now }: SignSetting,
): AsyncGenerator<SignedAttestation> {
  const signed: { payload: Uint8Array; signature: Uint8Array; body: Uint8Array }[] = [];
  for (const claim of claims) {
    const payload = formatUtf8(JSON.stringify(statementOf(claim)));
    const signature = await signer.sign(preAuthEncoding(IN_TOTO_PAYLOAD_TYPE, payload));
    signed.push({ payload, signature, body: formatEntry(payload, signature, signer.publicKey) });
  }
  const { origin, key } = loadLog(log);
  const appended = await appendEntries(
    log,
    signed.map(({ body }) => body),
    logSigner,
  );
  const { checkpoint } = openCheckpoint(appended.checkpoint, [key], { origin });
  const tiles = tileReader(log, checkpoint);
  const logId = logIdOf(origin, logSigner.publicKey);
  const integratedTime = Math.floor(now / SECOND);
  for (const [i, { payload, signature, body }] of signed.entries()) {
    const index = appended.firstIndex + BigInt(i);
    const proof = await proveInclusion(tiles, index, checkpoint.size);
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
              checkpoint: { envelope: Buffer.from(appended.checkpoint).toString('utf8') },
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
    yield {
      bytes: formatUtf8(`${JSON.stringify(bundle, null, 2)}\n`),
      origin,
      logIndex: index,
      treeSize: checkpoint.size,
      keyId: signer.publicKey.id,
    };
  }
}

const statementOf = (claim: Claim) => ({
  _type: STATEMENT_TYPE,
  subject: claim.subjects.map(({ name, sha256 }) => ({ name, digest: { sha256 } })),
  predicateType: claim.predicateType ?? PLAIN_SIGNATURE,
  predicate: claim.predicate ?? {},
});

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
