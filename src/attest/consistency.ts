import { equalBytes, formatHex } from '../base/bytes.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import type { Checkpoint } from '../tlog/checkpoint.ts';
import { checkConsistency, proveConsistency, treeRoot } from '../tlog/merkle.ts';
import type { HeldLog } from './trust.ts';

/** Whether an attestation's view of its log is a part of the view that came with the trust. */
export interface Consistency {
  readonly consistency: 'shown' | 'not shown';
  readonly reason?: string;
}

const notShown = (reason: string): Consistency => ({ consistency: 'not shown', reason });

/**
 * Compares a checkpoint with the one held of the same log, by means of the tiles that came along.
 * @throws StellaError LOG_FORK when they contradict each other, STORE_CORRUPT when the tiles are not the held log's
 */
export async function checkConsistencyWithHeld(
  checkpoint: Checkpoint,
  held: ReadonlyMap<string, HeldLog>,
): Promise<Consistency> {
  const log = held.get(checkpoint.origin);
  if (!log) return notShown('the trust holds no checkpoint of this log');
  if (checkpoint.size > log.size)
    return notShown(`the attestation was logged after the trust was sealed (at size ${log.size})`);
  if (checkpoint.size === log.size) {
    if (equalBytes(checkpoint.rootHash, log.rootHash)) return { consistency: 'shown' };
    throw fork(checkpoint, log);
  }
  let proof: Uint8Array[];
  try {
    if (!equalBytes(await treeRoot(log.tiles, log.size), log.rootHash))
      throw new StellaError(
        'STORE_CORRUPT',
        `the tiles of log ${log.origin} do not give the root that it signed`,
      );
    proof = await proveConsistency(log.tiles, checkpoint.size, log.size);
  } catch (error) {
    if (!isStellaError(error) || error.code === 'STORE_CORRUPT') throw error;
    return notShown(`the tiles that came along do not reach back to size ${checkpoint.size}`);
  }
  try {
    checkConsistency({
      oldSize: checkpoint.size,
      oldRoot: checkpoint.rootHash,
      newSize: log.size,
      newRoot: log.rootHash,
      proof,
    });
  } catch (error) {
    throw isStellaError(error, 'PROOF_INVALID') ? fork(checkpoint, log) : error;
  }
  return { consistency: 'shown' };
}

function fork(checkpoint: Checkpoint, log: HeldLog): StellaError {
  return new StellaError(
    'LOG_FORK',
    `the attestation's view of log ${log.origin} contradicts the one that is trusted`,
    {
      details: {
        origin: log.origin,
        attestation: { size: String(checkpoint.size), root_hash: formatHex(checkpoint.rootHash) },
        trusted: { size: String(log.size), root_hash: formatHex(log.rootHash) },
      },
    },
  );
}
