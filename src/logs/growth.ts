import { equalBytes, formatHex } from '../base/bytes.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { checkConsistency, type HashReader, proveConsistency } from '../tlog/merkle.ts';

/** A tree head as far as proofs need it. */
export interface TreeHead {
  readonly size: bigint;
  readonly rootHash: Uint8Array;
  /** The signed checkpoint, where it is at hand: two that contradict each other are evidence for anybody. */
  readonly checkpointBytes?: Uint8Array | undefined;
}

/** A state of a log that somebody holds; its root need not be known here. */
export interface EarlierHead {
  readonly size: bigint;
  readonly rootHash?: Uint8Array | undefined;
  readonly checkpointBytes?: Uint8Array | undefined;
}

function describe({ size, rootHash, checkpointBytes }: EarlierHead): Record<string, string> {
  return {
    size: String(size),
    ...(rootHash ? { root_hash: formatHex(rootHash) } : {}),
    ...(checkpointBytes ? { checkpoint: Buffer.from(checkpointBytes).toString('utf8') } : {}),
  };
}

/** Both heads, in words and for `--json` and the audit log. */
function evidence(origin: string, previous: EarlierHead, current: EarlierHead) {
  const name = ({ size, rootHash }: EarlierHead) =>
    `size ${size}${rootHash ? ` root ${formatHex(rootHash)}` : ''}`;
  return {
    heads: `${origin}: ${name(previous)}, then ${name(current)}`,
    details: { origin, previous: describe(previous), current: describe(current) },
  };
}

/** @throws StellaError LOG_ROLLBACK when the log is smaller now */
export function checkNotSmaller(origin: string, previous: EarlierHead, current: EarlierHead): void {
  if (current.size >= previous.size) return;
  const { heads, details } = evidence(origin, previous, current);
  throw new StellaError('LOG_ROLLBACK', `the log became smaller: ${heads}`, { details });
}

/**
 * Checks that a log only grew from `previous` to `current`, by a proof made from `reader`'s tiles of the current tree.
 * @throws StellaError LOG_ROLLBACK when it is smaller now, LOG_FORK when the one does not continue the other,
 * LOG_CONSISTENCY_UNPROVEN when tiles are missing; both tree heads are in the details
 */
export function checkGrowth(
  origin: string,
  previous: TreeHead,
  current: TreeHead,
  reader: HashReader,
): Promise<void> {
  return checkGrowthBy(origin, previous, current, () =>
    proveConsistency(reader, previous.size, current.size),
  );
}

/**
 * {@link checkGrowth} by a proof from anywhere. A log that cannot prove it is treated as one that has forked.
 * @param prove throws LOG_CONSISTENCY_UNPROVEN where there is no proof
 */
export async function checkGrowthBy(
  origin: string,
  previous: TreeHead,
  current: TreeHead,
  prove: () => Promise<readonly Uint8Array[]>,
): Promise<void> {
  checkNotSmaller(origin, previous, current);
  const { heads, details } = evidence(origin, previous, current);
  const fork = (cause?: unknown) =>
    new StellaError('LOG_FORK', `two checkpoints contradict each other: ${heads}`, { details, cause });
  if (current.size === previous.size) {
    if (!equalBytes(previous.rootHash, current.rootHash)) throw fork();
    return;
  }
  try {
    checkConsistency({
      oldSize: previous.size,
      oldRoot: previous.rootHash,
      newSize: current.size,
      newRoot: current.rootHash,
      proof: await prove(),
    });
  } catch (error) {
    // Tiles are of the current tree, so a proof made from them that fails shows that the old tree is not in it.
    if (isStellaError(error, 'PROOF_INVALID')) throw fork(error);
    if (!isStellaError(error, 'LOG_CONSISTENCY_UNPROVEN')) throw error;
    throw new StellaError(error.code, `cannot prove that the log only grew: ${heads}`, {
      details,
      cause: error,
    });
  }
}
