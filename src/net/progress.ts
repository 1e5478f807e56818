import type { Duration } from '../base/clock.ts';

/** Less than this in the time that a silence may last is no transfer, but a way to keep a client waiting. */
const MIN_BYTES = 1024;

/**
 * Watches a stream: where fewer than {@link MIN_BYTES} pass in a window of time, it is stopped.
 * @param what happens to the bytes, for the message
 * @param passed how many bytes have passed so far
 * @returns ends the watch
 */
export function guardFlow(
  what: 'came' | 'left',
  passed: () => number,
  window: Duration,
  stop: (error: Error) => void,
): () => void {
  let before = passed();
  const timer = setInterval(() => {
    const moved = passed() - before;
    if (moved < MIN_BYTES) stop(new Error(`only ${moved} bytes ${what} in ${window / 1000} s`));
    before = passed();
  }, window);
  return () => clearInterval(timer);
}

/**
 * Whether a transfer of several tries gets anywhere. What counts is bytes over time, not requests that went well: a try
 * makes up for the failures before it only where the transfer got further than it ever was, and at the least pace that a
 * single try must keep, pauses included. And it may be thrown back only as often as it may fail, since content that is
 * sent again and again can keep any pace.
 */
export class TransferProgress {
  readonly #retries: number;
  readonly #window: Duration;
  readonly #now: () => number;
  #at: number;
  #furthest: number;
  #furthestBefore: number;
  #since: number;
  #failures = 0;
  #setbacks = 0;

  /**
   * @param done bytes that are there already
   * @param window the time that a silence may last
   * @param now milliseconds of a clock that never goes back
   */
  constructor(done: number, retries: number, window: Duration, now: () => number = () => performance.now()) {
    this.#retries = retries;
    this.#window = window;
    this.#now = now;
    this.#at = this.#furthest = this.#furthestBefore = done;
    this.#since = now();
  }

  /** The transfer is at this byte now, which may be before where it was. */
  reach(done: number): void {
    if (done < this.#at) this.#setbacks += 1;
    this.#at = done;
    this.#furthest = Math.max(this.#furthest, done);
  }

  /** A try failed. @returns how many in a row that brought nothing (1 or more), or `undefined` where it is to be given up */
  fail(): number | undefined {
    const now = this.#now();
    const needed = MIN_BYTES * Math.max(1, (now - this.#since) / this.#window);
    this.#failures = this.#furthest - this.#furthestBefore >= needed ? 1 : this.#failures + 1;
    this.#furthestBefore = this.#furthest;
    this.#since = now;
    return this.#failures > this.#retries || this.#setbacks > this.#retries ? undefined : this.#failures;
  }
}
