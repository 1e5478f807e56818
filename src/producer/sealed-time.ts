import {
  addDuration,
  type Duration,
  durationBetween,
  formatDuration,
  formatInstant,
  type Instant,
  minutes,
  parseInstant,
  wholeSecond,
} from '../base/clock.ts';
import { StellaError } from '../base/errors.ts';
import type { ExportLedger } from '../base/schema-types.ts';

/** How far clocks may differ: importers allow as much. */
const CLOCK_TOLERANCE = minutes(5);

/** What is known about when a bundle can have been sealed. */
export interface KnownTimes {
  readonly now: Instant;
  /** When the trust that is sealed was fetched. */
  readonly trustAsOf: Instant;
  readonly ledger: ExportLedger;
  /** After how long importers with this producer's configuration refuse a bundle. */
  readonly window: Duration;
}

/**
 * Refuses a time of sealing that importers would refuse, or that contradicts what the bundle holds and what was sealed
 * before it: a `SOURCE_DATE_EPOCH` that came from elsewhere, or a clock that is wrong, or was when the last bundle was sealed.
 * @throws StellaError SEALED_TIME
 */
export function checkSealedTime(sealedAt: Instant, known: KnownTimes): void {
  const { now, trustAsOf, ledger, window } = known;
  if (sealedAt > addDuration(now, CLOCK_TOLERANCE))
    throw refusal(sealedAt, `that is ahead of the clock (${formatInstant(now)})`);
  if (durationBetween(sealedAt, now) > window)
    throw refusal(sealedAt, `that is longer ago than the staleness window of ${formatDuration(window)}`);
  if (sealedAt < wholeSecond(trustAsOf))
    throw refusal(sealedAt, `the trust to be sealed was fetched later (${formatInstant(trustAsOf)})`);
  const last = ledger.exports.at(-1);
  if (last && sealedAt < parseInstant(last.sealed_at))
    throw new StellaError(
      'SEALED_TIME',
      `the bundle would be sealed at ${formatInstant(sealedAt)}, before number ${last.sequence} (${last.sealed_at}): sites that hold that one would refuse it`,
      {
        hint: [
          'correct the clock, or unset SOURCE_DATE_EPOCH',
          `if the clock was wrong for number ${last.sequence} and no site has imported it: --any-sealed-time`,
        ],
      },
    );
}

/**
 * The same for what the logs say: witnesses state when they saw a checkpoint. The earliest counts, so that one witness
 * whose clock is fast stops nothing.
 * @param cosignedAt when each witness signed one checkpoint
 * @throws StellaError SEALED_TIME
 */
export function checkCosignedTimes(sealedAt: Instant, origin: string, cosignedAt: readonly Instant[]): void {
  const first = cosignedAt.toSorted((a, b) => a - b)[0];
  if (first !== undefined && first > addDuration(sealedAt, CLOCK_TOLERANCE))
    throw refusal(sealedAt, `witnesses signed the checkpoint of ${origin} later (${formatInstant(first)})`);
}

function refusal(sealedAt: Instant, why: string): StellaError {
  return new StellaError('SEALED_TIME', `the bundle would be sealed at ${formatInstant(sealedAt)}: ${why}`);
}
