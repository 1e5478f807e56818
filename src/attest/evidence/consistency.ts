import { isStellaError } from '../../base/errors.ts';
import { checkGrowth } from '../../logs/store.ts';
import { isSameLog } from '../../tlog/origin.ts';
import type { HeldLog } from '../authority/verifier-trust.ts';
import type { ProvenCheckpoint } from './log-proof.ts';

/** Whether an attestation's view of its log is a part of the view that came with the trust. */
export interface Consistency {
  readonly consistency: 'shown' | 'not shown';
  readonly reason?: string;
}

const notShown = (reason: string): Consistency => ({ consistency: 'not shown', reason });

/**
 * Compares a checkpoint with the one held of the same log, by means of the tiles that came along.
 * @throws StellaError LOG_FORK when they contradict each other, TILE_INVALID or ROOT_MISMATCH when the tiles are damaged
 */
export async function checkConsistencyWithHeld(
  { checkpoint, log: { logId } }: Pick<ProvenCheckpoint, 'checkpoint' | 'log'>,
  held: ReadonlyMap<string, HeldLog>,
): Promise<Consistency> {
  const named = { origin: checkpoint.origin, log_id: logId };
  const log =
    held.get(checkpoint.origin) ??
    [...held.values()].find((other) => isSameLog(named, { origin: other.origin, log_id: other.logId }));
  if (!log) return notShown('the trust holds no checkpoint of this log');
  if (checkpoint.size > log.size)
    return notShown(`the attestation was logged after the trust was sealed (at size ${log.size})`);
  try {
    await checkGrowth(log.origin, checkpoint, log, log.tiles);
  } catch (error) {
    if (!isStellaError(error, 'LOG_CONSISTENCY_UNPROVEN')) throw error;
    return notShown(`the tiles that came along do not reach back to size ${checkpoint.size}`);
  }
  return { consistency: 'shown' };
}
