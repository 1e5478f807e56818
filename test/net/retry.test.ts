import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { milliseconds } from '../../src/base/clock.ts';
import { StellaError } from '../../src/base/errors.ts';
import { parseRetryAfter, pauseBeforeRetry, withRetries } from '../../src/net/retry.ts';
import { refusal } from '../support/errors.ts';
import { impatientFetcher as fetcher, serve } from '../support/loopback.ts';

const passing = (after?: number) =>
  new StellaError('FETCH_FAILED', 'x', { retry: after === undefined ? {} : { after: milliseconds(after) } });

describe('Retry-After', () => {
  const date = 'Sun, 06 Nov 1994 08:49:37 GMT';
  test.each([
    ['120', 120_000],
    ['0', 0],
    ['0.05', 50],
    ['Sun, 06 Nov 1994 08:49:47 GMT', 10_000],
    ['Sun, 06 Nov 1994 08:49:27 GMT', undefined],
    ['soon', undefined],
    ['-5', undefined],
    ['', undefined],
    ['1e9', undefined],
  ])('%s', (text, wait) => {
    expect(parseRetryAfter({ 'retry-after': text, date })).toBe(wait);
  });

  test('a date counts against the server’s own clock only', () => {
    expect(parseRetryAfter({ 'retry-after': 'Sun, 06 Nov 2094 08:49:37 GMT' })).toBeUndefined();
  });

  test('whatever a server writes is a time or nothing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        const wait = parseRetryAfter({ 'retry-after': text, date });
        expect(wait === undefined || wait >= 0).toBe(true);
      }),
    );
  });
});

describe('another try', () => {
  test('is made for what says of itself that it may pass, and for nothing else', async () => {
    const tries = async (error: Error) => {
      let count = 0;
      const work = async () => {
        count += 1;
        throw error;
      };
      await expect(withRetries('x', work, { retries: 2, firstDelay: milliseconds(1) })).rejects.toBe(error);
      return count;
    };
    expect(await tries(passing())).toBe(3);
    expect(await tries(new StellaError('FETCH_FAILED', 'x', { details: { passing: true, retry: {} } }))).toBe(
      1,
    );
    expect(await tries(new TypeError('x'))).toBe(1);
  });

  test('comes after growing pauses with jitter, none longer than half a minute', async () => {
    const delays: number[] = [];
    const signal = AbortSignal.abort();
    for (let attempt = 0; attempt < 12; attempt += 1) {
      const onRetry = (_: string, __: StellaError, delay: number) => void delays.push(delay);
      await pauseBeforeRetry(
        'x',
        passing(),
        attempt,
        { retries: 9, firstDelay: milliseconds(500), onRetry },
        signal,
      );
    }
    for (const [attempt, delay] of delays.entries()) {
      const longest = Math.min(30_000, 500 * 2 ** attempt);
      expect(delay).toBeGreaterThanOrEqual(longest / 2);
      expect(delay).toBeLessThanOrEqual(longest);
    }
    expect(new Set(delays.slice(-4)).size).toBeGreaterThan(1);
  });

  test.each(['121', '86400', '99999999999999999999'])(
    'is left to the operator where the server asks for %s seconds',
    async (after) => {
      let requests = 0;
      const url = await serve((_, response) => {
        requests += 1;
        response.writeHead(503, { 'retry-after': after }).end();
      });
      await refusal('FETCH_FAILED', () => fetcher({ retries: 3 }).fetch(url, { most: 10 }));
      expect(requests).toBe(1);
    },
  );
});

test('that a failure may pass is not printed, and survives more facts', async () => {
  const url = await serve((_, response) => void response.writeHead(503, { 'retry-after': '7' }).end());
  const error = await refusal('FETCH_FAILED', () => fetcher().fetch(url, { most: 10 }));
  expect(error.retry).toEqual({ after: 7000 });
  expect(error.details).toEqual({ url, status: 503 });
  expect(error.with({ details: { more: 1 } }).retry).toEqual({ after: 7000 });
});
