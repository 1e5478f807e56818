import { equalBytes, excerpt } from '../../base/bytes.ts';
import { formatInstant, type Instant, instantAtSeconds } from '../../base/clock.ts';
import { StellaError } from '../../base/errors.ts';
import { isSignature, type PublicKey } from '../../base/keys.ts';
import { type OpenedCheckpoint, openCheckpoint } from '../../tlog/checkpoint.ts';
import { checkInclusion, leafHash } from '../../tlog/merkle.ts';
import { rekorV1Tree } from '../../tlog/origin.ts';
import { checkWitnessPolicy, type WitnessPolicy, witnessKeys } from '../../tlog/witness-policy.ts';
import { isLogNamed, type TrustedLog } from '../authority/material.ts';
import type { InclusionProof, LogEntry } from '../document/attestation.ts';
import { formatPromise } from './promise.ts';

/**
 * The time at which a log, which one of `logs` must be, promised to include an entry: its signature over the canonical JSON of body, time, log and
 * index (Rekor v1's signed entry timestamp).
 * @throws StellaError TIMESTAMP_INVALID, LOG_KEY_INVALID
 */
export function checkPromise(
  entry: LogEntry,
  logs: readonly TrustedLog[],
): { time: Instant; log: TrustedLog } {
  if (entry.integratedTime === undefined)
    throw new StellaError('TIMESTAMP_INVALID', 'the log entry has a promise but no time');
  const time = instantAtSeconds(entry.integratedTime);
  if (!Number.isSafeInteger(time) || entry.logIndex > BigInt(Number.MAX_SAFE_INTEGER))
    throw new StellaError('TIMESTAMP_INVALID', "the log entry's time or index is out of range");
  const known = logs.filter((log) => isLogNamed(log, entry.logId));
  if (known.length === 0) throw unknownLog(entry);
  const valid = known.filter((log) => isValidAt(log, time));
  if (valid.length === 0) throw outOfValidity(known[0]!, time);
  const signed = formatPromise({
    body: entry.body,
    integratedTime: entry.integratedTime,
    logId: entry.logId,
    index: entry.logIndex,
  });
  const log = valid.find(({ key }) => isLogSignature(key, signed, entry.signedEntryTimestamp!));
  if (!log)
    throw new StellaError('TIMESTAMP_INVALID', "the log's promise to include the entry does not verify");
  return { time, log };
}

/** ECDSA logs on P-384 and P-521 use either the curve's own hash or SHA-256, which the key does not tell. */
function isLogSignature(key: PublicKey, data: Uint8Array, signature: Uint8Array): boolean {
  return (
    isSignature(key, data, signature) ||
    ((key.algorithm === 'ecdsa-p384' || key.algorithm === 'ecdsa-p521') &&
      isSignature(key, data, signature, { hash: 'sha256' }))
  );
}

function unknownLog(entry: LogEntry): StellaError {
  return new StellaError(
    'CHECKPOINT_SIGNATURE',
    `the log ${entry.logId.slice(0, 16)}… is not a trusted one`,
    {
      details: { log_id: entry.logId },
    },
  );
}

/** Both ends belong to it. A log whose start is unknown (NaN) is valid never. */
export function isValidAt(log: TrustedLog, time: Instant): boolean {
  return log.validFrom <= time && time <= log.validUntil;
}

function outOfValidity(log: TrustedLog, time: Instant): StellaError {
  const message = Number.isNaN(log.validFrom)
    ? `the trusted root does not say since when the key of log ${log.name} is valid`
    : `the entry is of ${formatInstant(time)}, when the key of log ${log.name} was not valid`;
  return new StellaError('LOG_KEY_INVALID', message);
}

export interface ProvenCheckpoint extends OpenedCheckpoint {
  readonly log: TrustedLog;
  /** Rekor v1 counts entries over all of its trees, and proves them in one. */
  readonly isRekorV1: boolean;
}

/**
 * Opens the checkpoint of an entry's proof: signed by a key of the log that the entry names, valid at every one of the
 * times, and of that log's origin. A checkpoint of Rekor v1 (`NAME - TREE ID`) names the pod that signed it, which nothing
 * else knows: of it, key id and signature decide, as they do for sigstore-go and sigstore-python.
 * @param policies what witnesses must have cosigned
 * @throws StellaError CHECKPOINT_SIGNATURE, CHECKPOINT_ORIGIN, CHECKPOINT_INVALID, NOTE_INVALID, LOG_KEY_INVALID,
 * WITNESS_QUORUM
 */
export function checkCheckpoint(
  entry: LogEntry,
  proof: InclusionProof,
  logs: readonly TrustedLog[],
  times: readonly Instant[],
  policies: readonly WitnessPolicy[] = [],
): ProvenCheckpoint {
  const known = logs.filter((log) => isLogNamed(log, entry.logId));
  if (known.length === 0) throw unknownLog(entry);
  const valid = known.filter((log) => times.every((time) => isValidAt(log, time)));
  if (valid.length === 0) {
    const log = known[0]!;
    throw outOfValidity(log, times.find((time) => !isValidAt(log, time)) ?? times[0]!);
  }
  const end = proof.checkpoint.indexOf(0x0a);
  const origin = proof.checkpoint.toString('utf8', 0, end === -1 ? 0 : Math.min(end, 1024));
  // One key may serve several logs: the checkpoint's is meant.
  const exact = valid.find((each) => each.origin === origin);
  const tree = exact === undefined && !isOfRekorV2(entry) ? rekorV1Tree(origin) : undefined;
  const log =
    exact ?? valid.find((each) => tree !== undefined && origin === `${each.origin} - ${tree}`) ?? valid[0]!;
  const isRekorV1 = tree !== undefined;
  if (!isRekorV1 && log.origin === '')
    throw new StellaError(
      'CHECKPOINT_ORIGIN',
      `the trusted root does not say where the log ${log.name} is, so nothing tells whether the checkpoint of ${excerpt(origin)} is of it`,
      {
        hint: 'get a trusted root that has the baseUrl of this log',
        details: { origin, log_id: entry.logId },
      },
    );
  const keys = isRekorV1
    ? valid.flatMap(({ rekorV1Keys, noteKeys }) => [...rekorV1Keys, ...noteKeys])
    : valid.filter((each) => each.origin === log.origin).flatMap(({ noteKeys }) => noteKeys);
  const opened = openCheckpoint(proof.checkpoint, [...keys, ...policies.flatMap(witnessKeys)], {
    origin: isRekorV1 ? origin : log.origin,
  });
  for (const policy of policies) checkWitnessPolicy(policy, opened);
  return { ...opened, log, isRekorV1 };
}

/** Rekor v1 never wrote these; of its successor the origin is the URL without scheme. */
const isOfRekorV2 = ({ kind, version }: LogEntry) => version === '0.0.2' && kind !== 'intoto';

/**
 * Checks that the entry is in the tree that the checkpoint describes. Size and root come from the signed checkpoint; what
 * the proof repeats of them must agree.
 * @throws StellaError PROOF_INVALID
 */
export function checkProof(
  entry: LogEntry,
  proof: InclusionProof,
  { checkpoint, isRekorV1 }: Pick<ProvenCheckpoint, 'checkpoint' | 'isRekorV1'>,
): void {
  if (proof.size !== checkpoint.size || !equalBytes(proof.rootHash, checkpoint.rootHash))
    throw new StellaError('PROOF_INVALID', 'the inclusion proof is for another tree than its checkpoint');
  if (!isRekorV1 && entry.logIndex !== proof.index)
    throw new StellaError('PROOF_INVALID', 'the entry has another index than its inclusion proof');
  checkInclusion({
    index: proof.index,
    size: checkpoint.size,
    leafHash: leafHash(entry.body),
    proof: proof.hashes,
    rootHash: checkpoint.rootHash,
  });
}
