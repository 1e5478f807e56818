import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  DAY,
  formatDuration,
  formatInstant,
  HOUR,
  instant,
  MINUTE,
  milliseconds,
  parseDuration,
  parseInstant,
  SECOND,
} from '../../src/base/clock.ts';
import { refusal } from '../support/errors.ts';

describe('durations', () => {
  test.each([
    ['7d', 7 * DAY],
    ['12h', 12 * HOUR],
    ['30m', 30 * MINUTE],
    ['90s', 90 * SECOND],
    ['2w', 14 * DAY],
    ['P7D', 7 * DAY],
    ['PT12H', 12 * HOUR],
    ['P1DT6H30M', DAY + 6 * HOUR + 30 * MINUTE],
    ['P2W', 14 * DAY],
    ['0d', 0],
  ])('%s', (text, duration) => {
    expect(parseDuration(text)).toBe(duration);
  });

  test.each([
    '',
    '7',
    'd',
    '7D',
    '-7d',
    '7.5d',
    '7 d',
    ' 7d',
    'P',
    'PT',
    'P1DT',
    'P1Y',
    'P1M',
    '99999999d',
    '7d7d',
    '٧d',
    '7d\n',
  ])('%j is refused', async (text) => {
    await refusal('USAGE', () => parseDuration(text));
  });

  test.each([
    [0, '0s'],
    [999, '0s'],
    [61 * SECOND, '1m 1s'],
    [DAY, '1d'],
    [DAY + 59 * MINUTE, '1d'],
    [6 * DAY + 4 * HOUR + MINUTE, '6d 4h'],
    [-90 * SECOND, '-1m 30s'],
  ])('%d ms is printed as %s', (duration, text) => {
    expect(formatDuration(milliseconds(duration))).toBe(text);
  });
});

describe('instants', () => {
  test('property: what is printed is read back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: Date.UTC(9999, 0) }), (time) => {
        expect(parseInstant(formatInstant(instant(time)))).toBe(time);
      }),
    );
  });

  test('fractions up to milliseconds', () => {
    expect(parseInstant('2026-01-25T12:00:00.5Z')).toBe(Date.UTC(2026, 0, 25, 12, 0, 0, 500));
  });

  test('the leap day exists in leap years only', async () => {
    expect(formatInstant(parseInstant('2028-02-29T23:59:59Z'))).toBe('2028-02-29T23:59:59Z');
    await refusal('PARSE_FAILED', () => parseInstant('2026-02-29T00:00:00Z'));
  });

  test.each([
    '2026-01-25',
    '2026-01-25T12:00:00',
    '2026-01-25T12:00:00+01:00',
    '2026-01-25 12:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-04-31T00:00:00Z',
    '2026-01-25T24:00:00Z',
    '2026-01-25T12:60:00Z',
    '2026-06-30T23:59:60Z',
    '2026-01-25T12:00:00.1234Z',
    'x',
  ])('%j is refused', async (text) => {
    await refusal('PARSE_FAILED', () => parseInstant(text));
  });
});
