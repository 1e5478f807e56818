import { fileURLToPath } from 'node:url';
import { excerpt } from '../base/bytes.ts';
import { type Duration, milliseconds, seconds } from '../base/clock.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { readBounded } from '../base/files.ts';
import { HttpClient, type HttpOptions } from './http.ts';
import type { Fetched, Fetcher } from './types.ts';

/** @throws StellaError URL_INVALID */
function parseUrl(url: string): URL {
  if (!URL.canParse(url)) throw new StellaError('URL_INVALID', `not a URL: ${excerpt(url, 200)}`);
  const parsed = new URL(url);
  if (!/^(?:https?|file):$/.test(parsed.protocol))
    throw new StellaError('URL_INVALID', `URLs of scheme ${excerpt(parsed.protocol)} are not supported`);
  return parsed;
}

/** `FILE_*` of a file:// URL, as a fetcher has to say it. */
function fetchFile(url: URL, most: number): Fetched {
  let path: string;
  try {
    // An encoded slash is part of a name here, as in the file names that percent-encoded role names get.
    path = fileURLToPath(url.href.replace(/%(?=2f|5c)/gi, '%25'));
  } catch (cause) {
    throw new StellaError('URL_INVALID', `not a usable file URL: ${excerpt(url.href, 200)}`, { cause });
  }
  try {
    return { bytes: readBounded(path, most) };
  } catch (error) {
    if (isStellaError(error, 'FILE_NOT_FOUND'))
      throw new StellaError('FETCH_NOT_FOUND', `no such file: ${path}`, { cause: error });
    if (isStellaError(error, 'FILE_TOO_LARGE'))
      throw new StellaError('FETCH_TOO_LARGE', error.message, { cause: error });
    if (isStellaError(error)) throw new StellaError('FETCH_FAILED', error.message, { cause: error });
    throw error;
  }
}

/** Reads file:// URLs and has no network in it: every other URL is refused with OFFLINE. */
export function fileFetcher(): Fetcher {
  return {
    async fetch(url, { most }) {
      const parsed = parseUrl(url);
      if (parsed.protocol === 'file:') return fetchFile(parsed, most);
      throw new StellaError(
        'OFFLINE',
        `${excerpt(url, 200)} is needed, but offline mode forbids the network`,
        { details: { url } },
      );
    },
  };
}

export interface NetworkOptions extends HttpOptions {
  /** How often a request that failed for a passing reason is tried again. */
  readonly retries: number;
  /** Before the first repetition; doubled for each further one, with jitter. */
  readonly firstDelay?: Duration;
  readonly onRetry?: (url: string, error: StellaError, delay: Duration) => void;
}

const FIRST_DELAY = milliseconds(500);
const LONGEST_DELAY = seconds(30);

/**
 * http, https and file. Bodies are bounded before they are read, requests and silences have an end, redirects are
 * followed a few times and never from https to http, what may pass by itself is tried again with growing pauses.
 */
export function networkFetcher(options: NetworkOptions): Fetcher {
  const client = new HttpClient(options);
  return {
    async fetch(url, request) {
      const parsed = parseUrl(url);
      if (parsed.protocol === 'file:') return fetchFile(parsed, request.most);
      for (let attempt = 0; ; attempt += 1) {
        try {
          return await client.get(parsed, request);
        } catch (error) {
          if (!isStellaError(error, 'FETCH_FAILED') || error.details?.['passing'] !== true) throw error;
          if (attempt >= options.retries || request.signal?.aborted) throw error;
          const delay = delayOf(attempt, options.firstDelay ?? FIRST_DELAY, error.details['retryAfter']);
          options.onRetry?.(url, error, delay);
          await pause(delay, request.signal);
        }
      }
    },
  };
}

/** Full jitter keeps many clients from coming back at the same instant; what the server asks for counts as the least. */
function delayOf(attempt: number, first: Duration, asked: unknown): Duration {
  const longest = Math.min(LONGEST_DELAY, first * 2 ** attempt);
  const least = typeof asked === 'number' ? Math.min(asked, LONGEST_DELAY) : 0;
  return milliseconds(least + longest / 2 + Math.random() * (longest / 2));
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
