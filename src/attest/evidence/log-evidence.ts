/**
 * attest/evidence/: what shows when something was signed and that it is logged: timestamps, entries, promises,
 * inclusion and consistency proofs, entries from carried logs. Each piece counts only if a key of authority/ signed it
 * and it speaks of this very attestation. It never asks a log: everything is in the document or was carried with the
 * trust.
 * Start here for logs, signing-time.ts for times, attestor.ts for keys that sign without certificates.
 */

import { type Instant, instantAtSeconds } from '../../base/clock.ts';
import { isStellaError, StellaError } from '../../base/errors.ts';
import type { WitnessPolicy } from '../../tlog/witness-policy.ts';
import { isLogNamed } from '../authority/material.ts';
import { revokedLogKey, type VerifierTrust } from '../authority/verifier-trust.ts';
import type { LogEntry } from '../document/attestation.ts';
import type { AttestationCheckOutcome } from '../verdict/check-list.ts';
import type { LogEvidence } from '../verdict/verdict.ts';
import { keyRevoked } from './attestor.ts';
import { type Consistency, checkConsistencyWithHeld } from './consistency.ts';
import { checkEntry, type EntryExpectation } from './log-entry.ts';
import { checkCheckpoint, checkProof, type ProvenCheckpoint } from './log-proof.ts';

type Outcome = Omit<AttestationCheckOutcome, 'name'>;

/** Judges how an attestation is shown to be logged; one method per check, in order. */
export class LogJudge {
  #entries: readonly LogEntry[];
  #carried: readonly LogEntry[];
  #trust: VerifierTrust;
  readonly #proven: { readonly entry: LogEntry; readonly checkpoint: ProvenCheckpoint }[] = [];
  /** What has been shown so far. */
  evidence: readonly LogEvidence[] = [];
  /** Of the verifiers that were expected, those whose signatures are shown to be logged. */
  logged: ReadonlySet<Uint8Array> = new Set();

  /**
   * @param own entries that the attestation brought along
   * @param carried entries for it that came with the trust
   */
  constructor(own: readonly LogEntry[], carried: readonly LogEntry[], trust: VerifierTrust) {
    this.#entries = own;
    this.#carried = carried;
    this.#trust = trust;
  }

  /** From now on only these logs count: those of the instance that certified the signer. */
  limitTo(trust: VerifierTrust): void {
    this.#trust = trust;
    this.#carried = this.#carried.filter(({ logId }) => trust.logs.some((log) => isLogNamed(log, logId)));
  }

  /**
   * @param expected with why none may be there, where the instance has no log
   * @throws StellaError LOG_ENTRY_MISSING, LOG_ENTRY_MISMATCH, LOG_ENTRY_INVALID
   */
  entries(
    required: boolean,
    expected: EntryExpectation & { readonly missing?: string | undefined },
  ): Outcome {
    // Anybody may log anything with these signatures in it; what counts is the first entry that is of this attestation.
    const carried = new Set<LogEntry>();
    for (const verifier of expected.verifiers) {
      const fitting = this.#carried.find((entry) => verifiersShown(entry, expected).includes(verifier));
      if (fitting) carried.add(fitting);
    }
    this.#carried = [...carried];
    if (this.#entries.length + this.#carried.length === 0) {
      if (required)
        throw new StellaError('LOG_ENTRY_MISSING', 'the attestation does not show that it was logged');
      if (expected.missing !== undefined) return { result: 'not-applicable', detail: expected.missing };
      return { result: 'not-checked', detail: 'no log entry; none is required' };
    }
    this.logged = new Set([
      ...this.#entries.flatMap((entry) => checkEntry(entry, expected)),
      ...this.#carried.flatMap((entry) => checkEntry(entry, expected)),
    ]);
    this.#entries = [...this.#entries, ...this.#carried];
    return {
      result: 'passed',
      detail: this.#entries.map(({ kind, version }) => `${kind} ${version}`).join(', '),
    };
  }

  /**
   * @param times at which a log's key must have been valid, where the log itself did not promise one
   * @throws StellaError KEY_REVOKED, LOG_KEY_INVALID, CHECKPOINT_*, NOTE_INVALID, WITNESS_QUORUM
   */
  checkpoints(times: readonly Instant[], policies: readonly WitnessPolicy[]): Outcome {
    for (const entry of this.#entries) {
      if (!entry.proof) continue;
      const revoked = revokedLogKey(this.#trust, entry.logId);
      if (revoked) throw keyRevoked(revoked);
      this.#proven.push({
        entry,
        checkpoint: checkCheckpoint(
          entry,
          entry.proof,
          this.#trust.logs,
          promisedTime(entry) ?? times,
          policies,
        ),
      });
    }
    if (this.#proven.length > 0) {
      const names = this.#proven.map(
        ({ checkpoint: { checkpoint } }) => `${checkpoint.origin} size ${checkpoint.size}`,
      );
      return { result: 'passed', detail: names.join(', ') };
    }
    if (policies.some(({ quorum }) => quorum !== undefined))
      throw new StellaError(
        'WITNESS_QUORUM',
        'witnesses are required, but the attestation has no checkpoint that they could have cosigned',
      );
    return {
      result: 'not-applicable',
      detail: this.#entries.length > 0 ? 'a promise of the log only' : 'no log entry',
    };
  }

  /** @throws StellaError PROOF_INVALID */
  inclusion(): Outcome {
    const evidence: LogEvidence[] = [];
    for (const { entry, checkpoint } of this.#proven) {
      checkProof(entry, entry.proof!, checkpoint);
      evidence.push({
        origin: checkpoint.checkpoint.origin,
        logId: entry.logId,
        // Only a promise vouches for an index other than the one that is proved.
        index: entry.signedEntryTimestamp ? entry.logIndex : entry.proof!.index,
        shownBy: this.#carried.includes(entry) ? 'carried tiles' : 'inclusion proof',
        treeSize: checkpoint.checkpoint.size,
        witnesses: checkpoint.signedBy.flatMap((key) => (key.type === 'cosignature/v1' ? [key.name] : [])),
        consistency: 'not shown',
      });
    }
    for (const entry of this.#entries) {
      if (entry.proof || this.#isCarried(entry)) continue;
      if (!entry.signedEntryTimestamp)
        throw new StellaError(
          'PROOF_INVALID',
          'a log entry has neither an inclusion proof nor a promise of its log',
        );
      evidence.push({
        origin: this.#trust.logs.find((log) => isLogNamed(log, entry.logId))?.name ?? entry.logId,
        logId: entry.logId,
        index: entry.logIndex,
        shownBy: 'signed entry timestamp',
        witnesses: [],
        consistency: 'not shown',
        reason: 'the attestation has a promise of the log, but no inclusion proof',
      });
    }
    this.evidence = evidence;
    if (evidence.length === 0) return { result: 'not-applicable', detail: 'no log entry' };
    return {
      result: 'passed',
      detail: evidence.map((log) => `${log.shownBy}, index ${log.index}`).join('; '),
    };
  }

  /** Whether the same entry is proved from what came with the trust. */
  #isCarried(entry: LogEntry): boolean {
    return this.#carried.some(({ logId, body }) => logId === entry.logId && body.equals(entry.body));
  }

  /** @throws StellaError LOG_FORK, TILE_INVALID, ROOT_MISMATCH */
  async consistency(): Promise<Outcome> {
    if (this.#proven.length === 0) return { result: 'not-applicable' };
    const results: Consistency[] = [];
    for (const { checkpoint } of this.#proven)
      results.push(await checkConsistencyWithHeld(checkpoint, this.#trust.held));
    this.evidence = this.evidence.map((log, i) => ({ ...log, ...results[i] }));
    const missing = results.find(({ consistency }) => consistency === 'not shown');
    return missing?.reason === undefined
      ? { result: 'passed', detail: 'part of the log that the trust holds a checkpoint of' }
      : { result: 'not-checked', detail: missing.reason };
  }
}

/** When the log says that it took the entry; its promise has been verified with the signing times. */
function promisedTime({ signedEntryTimestamp, integratedTime }: LogEntry): Instant[] | undefined {
  return signedEntryTimestamp && integratedTime !== undefined
    ? [instantAtSeconds(integratedTime)]
    : undefined;
}

/** None where the entry is of something else. */
function verifiersShown(entry: LogEntry, expected: EntryExpectation): readonly Uint8Array[] {
  try {
    return checkEntry(entry, expected);
  } catch (error) {
    if (isStellaError(error)) return [];
    throw error;
  }
}
