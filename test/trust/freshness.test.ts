import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DAY, days, HOUR, instant, MINUTE, milliseconds, parseInstant } from '../../src/base/clock.ts';
import { checkClock } from '../../src/store/clock-floor.ts';
import {
  checkFreshness,
  formatFreshness,
  freshnessWindow,
  judgeFreshness,
} from '../../src/trust/freshness.ts';
import { refusal } from '../support/errors.ts';

const sealed = parseInstant('2026-01-25T12:00:00Z');

describe('the staleness window', () => {
  test.each([
    ['configuration alone', { thresholdDays: 7 }, { block: 7 * DAY, warn: 3.5 * DAY, widenedBy: 0 }],
    [
      'a flag narrows',
      { thresholdDays: 7, rejectAfter: days(2) },
      { block: 2 * DAY, warn: 2 * DAY, widenedBy: 0 },
    ],
    [
      'a flag widens, and it shows',
      { thresholdDays: 7, rejectAfter: days(30) },
      { block: 30 * DAY, warn: 3.5 * DAY, widenedBy: 23 * DAY },
    ],
    [
      'advice narrows',
      { thresholdDays: 7, adviceDays: 3 },
      { block: 3 * DAY, warn: 1.5 * DAY, widenedBy: 0 },
    ],
    [
      'advice narrows a flag too',
      { thresholdDays: 7, rejectAfter: days(7), adviceDays: 3 },
      { block: 3 * DAY, warn: 1.5 * DAY, widenedBy: 0 },
    ],
    [
      'advice never widens',
      { thresholdDays: 7, adviceDays: 365 },
      { block: 7 * DAY, warn: 3.5 * DAY, widenedBy: 0 },
    ],
    [
      'an exception for one run goes past everything',
      { thresholdDays: 7, adviceDays: 3, maxAge: days(40) },
      { block: 40 * DAY, warn: 1.5 * DAY, widenedBy: 37 * DAY },
    ],
    [
      'warn days as configured',
      { thresholdDays: 7, warnDays: 1 },
      { block: 7 * DAY, warn: DAY, widenedBy: 0 },
    ],
    [
      'warning never later than blocking',
      { thresholdDays: 7, warnDays: 9 },
      { block: 7 * DAY, warn: 7 * DAY, widenedBy: 0 },
    ],
    ['no age at all', { thresholdDays: 0 }, { block: 0, warn: 0, widenedBy: 0 }],
  ])('%s', (_, inputs, expected) => {
    expect(freshnessWindow(inputs)).toEqual(expected);
  });

  test('property: advice never makes the window longer', () => {
    fc.assert(
      fc.property(
        fc.nat(4000),
        fc.option(fc.nat(1e9).map(milliseconds), { nil: undefined }),
        fc.nat(4000),
        (thresholdDays, rejectAfter, adviceDays) => {
          expect(freshnessWindow({ thresholdDays, rejectAfter, adviceDays }).block).toBeLessThanOrEqual(
            freshnessWindow({ thresholdDays, rejectAfter }).block,
          );
        },
      ),
    );
  });
});

describe('the three states', () => {
  const window = freshnessWindow({ thresholdDays: 7 });
  test.each([
    ['at the instant of sealing', 0, 'fresh'],
    ['from a producer whose clock is a little ahead', -4 * MINUTE, 'fresh'],
    ['exactly at the warning', 3.5 * DAY, 'fresh'],
    ['a millisecond past the warning', 3.5 * DAY + 1, 'stale'],
    ['exactly at the window', 7 * DAY, 'stale'],
    ['a millisecond past the window', 7 * DAY + 1, 'blocked'],
  ] as const)('%s', (_, age, state) => {
    expect(judgeFreshness(sealed, instant(sealed + age), window).state).toBe(state);
  });

  test('a leap day counts like any other day', () => {
    const before = parseInstant('2028-02-27T00:00:00Z');
    expect(judgeFreshness(before, parseInstant('2028-03-05T00:00:00Z'), window).state).toBe('stale');
    expect(judgeFreshness(before, parseInstant('2028-03-05T00:00:00.001Z'), window).state).toBe('blocked');
  });

  test('a blocked state is refused with the date until which it was accepted', async () => {
    const freshness = judgeFreshness(sealed, instant(sealed + 8 * DAY), window);
    const error = await refusal('BUNDLE_STALE', () =>
      checkFreshness(freshness, 'the bundle', 'BUNDLE_STALE'),
    );
    expect(error.exit).toBe(5);
    expect(error.message).toContain('8d old');
    expect(error.message).toContain('accepted until 2026-02-01T12:00:00Z');
    expect(formatFreshness(freshness, 'sealed')).toBe(
      'blocked: sealed 8d ago (2026-01-25T12:00:00Z), was accepted until 2026-02-01T12:00:00Z',
    );
  });

  test('a widened window is said aloud', () => {
    const freshness = judgeFreshness(
      sealed,
      instant(sealed + 8 * DAY),
      freshnessWindow({ thresholdDays: 7, maxAge: days(10) }),
    );
    expect(formatFreshness(freshness, 'sealed')).toContain('window widened by 3d');
  });
});

describe('the clock floor', () => {
  test.each([
    ['later', HOUR],
    ['equal', 0],
    ['five minutes behind', -5 * MINUTE],
  ])('a clock %s is accepted', (_, offset) => {
    expect(() => checkClock(instant(sealed + offset), sealed, 'sync')).not.toThrow();
  });

  test('a clock set back is refused', async () => {
    const error = await refusal('CLOCK_BEHIND', () =>
      checkClock(instant(sealed - 5 * MINUTE - 1), sealed, 'sync'),
    );
    expect(error.exit).toBe(5);
    expect(error.hints).toEqual([
      'set the system clock, then run again',
      expect.stringContaining('stella trust sync --lower-clock-floor'),
    ]);
  });
});
