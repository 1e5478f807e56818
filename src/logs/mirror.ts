/**
 * logs/: transparency logs outside of memory: read from servers, mirrored as far as proofs need it, kept on disk,
 * carried, and the embedded log that sites write themselves. Nothing is written before it verifies, and a log that
 * shrank or forked is refused with both tree heads. It never decides which log keys are trusted: callers pass them in.
 * The arithmetic is in tlog/.
 * Start here for mirroring, store.ts for what a directory proves, writer.ts for the embedded log.
 */

import { join } from 'node:path';
import { compareBytewise } from '../base/bytes.ts';
import { isStellaError } from '../base/errors.ts';
import { makeDirectory, replaceFile, writeError } from '../base/files.ts';
import { type OpenedCheckpoint, openCheckpoint } from '../tlog/checkpoint.ts';
import { proveConsistency } from '../tlog/merkle.ts';
import type { VerifierKey } from '../tlog/note.ts';
import { planTiles } from '../tlog/tile-plan.ts';
import { checkWitnessPolicy, type WitnessPolicy, witnessKeys } from '../tlog/witness-policy.ts';
import { checkGrowth, checkNotSmaller, type EarlierHead, type TreeHead } from './growth.ts';
import { MirrorFetch, type MirrorProgress } from './mirror-fetch.ts';
import type { TileSource } from './source.ts';
import { tileReader } from './store.ts';

export type { MirrorProgress } from './mirror-fetch.ts';

/** The newest 10,000 entries, unless told otherwise. */
export const DEFAULT_DEPTH = 10_000n;
const DEFAULT_IN_FLIGHT = 8;

export interface MirrorOptions {
  readonly source: TileSource;
  /** The log's keys. */
  readonly keys: readonly VerifierKey[];
  readonly origin?: string | undefined;
  /** How many of the newest entries are to be provable. */
  readonly depth?: bigint;
  /**
   * Earlier states of the log from which growth is to be provable. Of those given with their root it is checked here too;
   * a bare size is one that somebody else holds the root of.
   */
  readonly consistentFrom?: readonly (bigint | TreeHead)[];
  /** The directory that gets `checkpoint` and `tile/…`. What is there already and verifies is not fetched again. */
  readonly into: string;
  /** Whose cosignatures the checkpoint needs. */
  readonly policy?: WitnessPolicy | undefined;
  /** Whether to bring the entry bundles of the range along. */
  readonly entries?: boolean;
  /** Requests in flight at once; 8 unless told otherwise. */
  readonly inFlight?: number;
  readonly onProgress?: (progress: MirrorProgress) => void;
  readonly signal?: AbortSignal;
}

export interface MirroredLog extends TreeHead {
  readonly origin: string;
  readonly checkpointBytes: Uint8Array;
  readonly signedBy: OpenedCheckpoint['signedBy'];
  /** The lowest entry from which on every inclusion is provable; greater than asked for where the log is pruned. */
  readonly firstIndex: bigint;
  /** The sizes asked for from which growth is provable, in ascending order. */
  readonly consistentFrom: readonly bigint[];
  /** Everything that belongs to this mirror, relative to `into`: the checkpoint, then bytewise. */
  readonly files: readonly string[];
  /** Files fetched now, the checkpoint apart; the others were there already. */
  readonly fetched: number;
}

/**
 * Mirrors the newest part of a tile log into a directory. Every tile is checked against the signed checkpoint before it is
 * written, and the checkpoint is written last, so a run that was killed is resumed by running again. The files are written
 * whole, but making them durable (`syncTree`) is left to the caller.
 * @throws StellaError CHECKPOINT_SIGNATURE, CHECKPOINT_ORIGIN, CHECKPOINT_INVALID, NOTE_INVALID, WITNESS_QUORUM; TILE_INVALID,
 * ROOT_MISMATCH, LOG_ENTRY_INVALID for content that is not the log's; LOG_ROLLBACK, LOG_FORK; and what the fetcher throws
 */
export async function mirrorLog(options: MirrorOptions): Promise<MirroredLog> {
  const { source, into, depth = DEFAULT_DEPTH, signal } = options;
  const checkpointBytes = await source.fetchCheckpoint(signal);
  const opened = openCheckpoint(checkpointBytes, [...options.keys, ...witnessKeys(options.policy)], {
    origin: options.origin,
  });
  checkWitnessPolicy(options.policy, opened);
  const { checkpoint, signedBy } = opened;
  const earlier = (options.consistentFrom ?? []).map(
    (head): EarlierHead => (typeof head === 'bigint' ? { size: head } : head),
  );
  const current = { size: checkpoint.size, rootHash: checkpoint.rootHash, checkpointBytes };
  for (const head of earlier) checkNotSmaller(checkpoint.origin, head, current);
  const plan = planTiles(
    checkpoint.size,
    depth,
    earlier.map(({ size }) => size),
  );
  try {
    makeDirectory(into);
  } catch (cause) {
    throw writeError(into, cause);
  }
  const fetch = new MirrorFetch({
    source,
    into,
    plan,
    rootHash: checkpoint.rootHash,
    withEntries: options.entries ?? false,
    inFlight: options.inFlight ?? DEFAULT_IN_FLIGHT,
    signal,
    onProgress: options.onProgress,
  });
  await fetch.tiles();
  if (options.entries) await fetch.entryBundles();

  const reader = tileReader(into, checkpoint);
  const consistentFrom = new Set<bigint>();
  for (const head of earlier) {
    const { size, rootHash } = head;
    try {
      if (rootHash) await checkGrowth(checkpoint.origin, { ...head, rootHash }, current, reader);
      else await proveConsistency(reader, size, checkpoint.size);
      consistentFrom.add(size);
    } catch (error) {
      // A pruned log no longer proves growth from before what it kept; whoever needs that proof will be told.
      if (!isStellaError(error, 'LOG_CONSISTENCY_UNPROVEN')) throw error;
    }
  }
  replaceFile(join(into, 'checkpoint'), checkpointBytes);
  return {
    origin: checkpoint.origin,
    size: checkpoint.size,
    rootHash: checkpoint.rootHash,
    checkpointBytes,
    signedBy,
    firstIndex: fetch.firstIndex,
    consistentFrom: [...consistentFrom].sort((a, b) => (a < b ? -1 : 1)),
    files: ['checkpoint', ...fetch.files.sort(compareBytewise)],
    fetched: fetch.fetched,
  };
}
