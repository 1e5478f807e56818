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
 * @throws StellaError CLOCK_BEHIND
 */
export function checkClock(now: Instant, floor: Instant): void {
  if (addDuration(now, CLOCK_TOLERANCE) >= floor) return;
  throw new StellaError(
    'CLOCK_BEHIND',
    `the clock says ${formatInstant(now)}, but the trust store has proof of ${formatInstant(floor)} (${formatDuration(durationBetween(now, floor))} later)`,
    { details: { now: formatInstant(now), floor: formatInstant(floor) } },
  );
}
