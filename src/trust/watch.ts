import { type Clock, type Duration, type Instant, MINUTE, milliseconds, shortest } from '../base/clock.ts';
import { isStellaError, type StellaError } from '../base/errors.ts';
import type { Synced } from './sync.ts';

export interface WatchSetting {
  readonly interval: Duration;
  readonly clock: Clock;
  /** Ends the watch: a sync that is under way is finished first. */
  readonly signal: AbortSignal;
  /** One sync at the present time. */
  readonly sync: (now: Instant) => Promise<Synced>;
  readonly onSynced: (synced: Synced) => void;
  readonly onFailure: (error: StellaError, next: Duration) => void;
}

export interface Watched {
  readonly syncs: number;
  readonly failures: number;
}

const FIRST_DELAY_AFTER_FAILURE = MINUTE;

/**
 * Syncs again and again until it is stopped: after each interval, give or take a tenth so that many clients do not come at
 * once; after a failure sooner, from a minute on with growing pauses.
 * @throws whatever is no StellaError
 */
export async function watchTrust(setting: WatchSetting): Promise<Watched> {
  const { interval, clock, signal } = setting;
  let [syncs, failures, inSuccession] = [0, 0, 0];
  while (!signal.aborted) {
    let delay = around(interval);
    try {
      const synced = await setting.sync(clock());
      syncs += 1;
      inSuccession = 0;
      setting.onSynced(synced);
    } catch (error) {
      if (!isStellaError(error)) throw error;
      failures += 1;
      delay = shortest(delay, around(milliseconds(FIRST_DELAY_AFTER_FAILURE * 2 ** inSuccession)));
      inSuccession += 1;
      setting.onFailure(error, delay);
    }
    await pause(delay, signal);
  }
  return { syncs, failures };
}

const around = (length: Duration) => milliseconds(length * (0.9 + Math.random() * 0.2));

function pause(delay: Duration, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(end, delay);
    function end(): void {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    }
    if (signal.aborted) end();
    else signal.addEventListener('abort', end);
  });
}
