import type { IncomingHttpHeaders } from 'node:http';
import { type Duration, type Instant, instant, milliseconds, seconds } from '../base/clock.ts';
import { isStellaError, type StellaError } from '../base/errors.ts';

export interface RetryOptions {
  /** How often a request that failed for a passing reason is tried again. */
  readonly retries: number;
  /** Before the first repetition; doubled for each further one, with jitter. Default: half a second. */
  readonly firstDelay?: Duration;
  /** Told of each repetition, before the pause. */
  readonly onRetry?: (what: string, error: StellaError, delay: Duration) => void;
}

/** Answers that may be another one in a while. */
export const PASSING_STATUSES: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

const FIRST_DELAY = milliseconds(500);
const MAX_DELAY = seconds(30);
/** A server that asks for more patience than this is asked again by the operator, not by this command. */
const MAX_PATIENCE = seconds(120);

/** Runs `work` again, with growing pauses, as long as it fails for a passing reason and is not aborted. */
export async function withRetries<T>(
  what: string,
  work: (attempt: number) => Promise<T>,
  options: RetryOptions,
  signal?: AbortSignal,
): Promise<T> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await work(attempt);
    } catch (error) {
      if (!isStellaError(error) || !error.retry || attempt >= options.retries || signal?.aborted) throw error;
      await pauseBeforeRetry(what, error, attempt, options, signal);
      if (signal?.aborted) throw error;
    }
  }
}

/**
 * The pause before another try.
 * @throws StellaError `error` where the server asks for more than can be waited
 */
export async function pauseBeforeRetry(
  what: string,
  error: StellaError,
  attempt: number,
  options: RetryOptions,
  signal?: AbortSignal,
): Promise<void> {
  const asked = error.retry?.after ?? 0;
  if (asked > MAX_PATIENCE) throw error;
  const longest = Math.min(MAX_DELAY, (options.firstDelay ?? FIRST_DELAY) * 2 ** attempt);
  // Jitter keeps many clients from coming back at the same instant; what the server asks for counts as the least.
  const delay = milliseconds(asked + longest / 2 + Math.random() * (longest / 2));
  options.onRetry?.(what, error, delay);
  await pause(delay, signal);
}

function pause(delay: Duration, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, delay);
    function done(): void {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    }
    if (signal?.aborted) done();
    else signal?.addEventListener('abort', done);
  });
}

/**
 * `Retry-After` in milliseconds: a number of seconds (some servers give fractions), or a date against the server's own
 * `Date` (RFC 9110 §10.2.3). `undefined` where it says nothing that can be understood.
 */
export function parseRetryAfter(headers: IncomingHttpHeaders): Duration | undefined {
  const text = headers['retry-after'];
  if (text === undefined) return undefined;
  if (/^\d+(?:\.\d+)?$/.test(text)) return seconds(Number(text));
  const wait = parseHttpDate(text) - parseHttpDate(headers.date ?? '');
  return wait > 0 ? milliseconds(wait) : undefined;
}

/** IMF-fixdate of RFC 9110 §5.6.7, NaN for anything else: Date.parse alone takes `-5` for a month of May. */
function parseHttpDate(text: string): Instant {
  return /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(text)
    ? instant(Date.parse(text))
    : instant(Number.NaN);
}
