import {
  addDuration,
  durationBetween,
  formatDuration,
  formatInstant,
  type Instant,
  minutes,
} from '../base/clock.ts';
import { StellaError } from '../base/errors.ts';

/** Clocks differ a little everywhere; more than this is not a little. */
export const CLOCK_TOLERANCE = minutes(5);

/**
 * Refuses a clock that is behind a time the trust store has proof of: expiry and staleness would be judged wrongly.
 * @param kind where the store's trust comes from, which says how the floor can be lowered
 * @throws StellaError CLOCK_BEHIND
 */
export function checkClock(now: Instant, floor: Instant, kind: 'sync' | 'import'): void {
  if (addDuration(now, CLOCK_TOLERANCE) >= floor) return;
  const wayOut =
    kind === 'sync'
      ? 'if this clock is right, and was ahead at the last sync: `stella trust sync --lower-clock-floor`'
      : "if this clock is right, and the producer's was ahead when it sealed: move the store away and import a bundle that was sealed since, with --root FILE";
  throw new StellaError(
    'CLOCK_BEHIND',
    `the clock says ${formatInstant(now)}, but the trust store has proof of ${formatInstant(floor)} (${formatDuration(durationBetween(now, floor))} later)`,
    {
      hint: ['set the system clock, then run again', wayOut],
      details: { now: formatInstant(now), floor: formatInstant(floor) },
    },
  );
}
