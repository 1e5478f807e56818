import type { Brand } from './brand.ts';
import { excerpt } from './bytes.ts';
import { StellaError } from './errors.ts';
import { table } from './table.ts';

/** Milliseconds since 1970-01-01T00:00:00Z. */
export type Instant = Brand<number, 'Instant'>;
/** A length of time in milliseconds. */
export type Duration = Brand<number, 'Duration'>;

export type Clock = () => Instant;

/** An instant from milliseconds since 1970-01-01T00:00:00Z, as `Date.now()` and `Date.prototype.getTime()` have them. */
export const instant = (milliseconds: number): Instant => milliseconds as Instant;
/** An instant from seconds since 1970-01-01T00:00:00Z. */
export const instantAtSeconds = (seconds: number | bigint): Instant => instant(Number(seconds) * 1000);
/** Before, or after, everything that ever happens. */
export const DISTANT_PAST = instant(Number.NEGATIVE_INFINITY);
export const DISTANT_FUTURE = instant(Number.POSITIVE_INFINITY);

/** A length of time from a number of milliseconds. */
export const milliseconds = (count: number): Duration => count as Duration;
export const seconds = (count: number): Duration => milliseconds(count * 1000);
export const minutes = (count: number): Duration => seconds(count * 60);
export const hours = (count: number): Duration => minutes(count * 60);
export const days = (count: number): Duration => hours(count * 24);

/** A length of time in whole seconds, rounded down: the one unit in which JSON output has lengths of time. */
export const inSeconds = (length: Duration): number => Math.floor(length / 1000);

export const SECOND = seconds(1);
export const MINUTE = minutes(1);
export const HOUR = hours(1);
export const DAY = days(1);

/** `from` plus `length`, which may be negative. */
export const addDuration = (from: Instant, length: Duration): Instant => instant(from + length);
/** The same without the fraction of a second. */
export const wholeSecond = (time: Instant): Instant => instantAtSeconds(Math.floor(time / 1000));
/** How long after `from` `to` is; negative where it is before. */
export const durationBetween = (from: Instant, to: Instant): Duration => milliseconds(to - from);
export const shortest = (...lengths: readonly Duration[]): Duration => milliseconds(Math.min(...lengths));
export const longest = (...lengths: readonly Duration[]): Duration => milliseconds(Math.max(...lengths));
export const earliest = (...instants: readonly Instant[]): Instant => instant(Math.min(...instants));
export const latest = (...instants: readonly Instant[]): Instant => instant(Math.max(...instants));

/** The one place where the present is read. Everything else is told what time it is. */
export const systemClock: Clock = () => instant(Date.now());

const UNITS = table<Duration>({ s: SECOND, m: MINUTE, h: HOUR, d: DAY, w: days(7) });
/** A century: longer windows are typing errors, and stay far from where arithmetic on dates fails. */
const LONGEST = days(36_525);

/**
 * `7d`, `12h`, `30m`, `90s`, `2w` or ISO 8601 (`P7D`, `PT12H`, `P1DT6H`) → milliseconds. Years and months have no
 * fixed length and are refused.
 * @throws StellaError USAGE
 */
export function parseDuration(text: string): Duration {
  const short = /^(\d{1,9})([smhdw])$/.exec(text);
  const iso =
    /^P(?=.)(?:(\d{1,9})W)?(?:(\d{1,9})D)?(?:T(?=.)(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9})S)?)?$/.exec(
      text,
    );
  let duration: number;
  if (short) duration = Number(short[1]) * UNITS[short[2]!]!;
  else if (iso) {
    // A part that is absent is NaN.
    const [, w = 0, d = 0, h = 0, m = 0, s = 0] = iso.map((part) => Number(part) || 0);
    duration = w * 7 * DAY + d * DAY + h * HOUR + m * MINUTE + s * SECOND;
  } else {
    throw new StellaError('USAGE', `not a duration: ${excerpt(text)}`, {
      hint: 'write it like 7d, 12h, 30m or P7D',
    });
  }
  if (duration > LONGEST)
    throw new StellaError('USAGE', `duration out of range: ${excerpt(text)}`, {
      hint: 'give at most 36525d',
    });
  return milliseconds(duration);
}

/** Milliseconds → the two greatest units, for people: `6d 4h`, `12m 30s`, `0s`. */
export function formatDuration(length: Duration): string {
  const sign = length < 0 ? '-' : '';
  let rest = Math.floor(Math.abs(length) / SECOND) * SECOND;
  const parts: string[] = [];
  for (const unit of ['d', 'h', 'm', 's']) {
    const count = Math.floor(rest / UNITS[unit]!);
    rest -= count * UNITS[unit]!;
    if (count > 0) parts.push(`${count}${unit}`);
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.length === 0 ? '0s' : sign + parts.join(' ');
}

/**
 * RFC 3339 in UTC (`2026-01-25T12:00:00Z`, fraction up to milliseconds) → milliseconds since the epoch. Refuses
 * offsets, leap seconds and dates that do not exist.
 * @throws StellaError PARSE_FAILED
 */
export function parseInstant(text: string): Instant {
  const match = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(\.\d{1,3})?Z$/.exec(text);
  const time = match ? Date.parse(text) : Number.NaN;
  // Date.parse turns 30 February into 1 March: only dates that exist print as they were read.
  if (!match || Number.isNaN(time) || !new Date(time).toISOString().startsWith(match[1]!)) {
    throw new StellaError('PARSE_FAILED', `not a UTC time like 2026-01-25T12:00:00Z: ${excerpt(text)}`);
  }
  return instant(time);
}

/** Milliseconds since the epoch → RFC 3339 in UTC, to the second unless there is a fraction. */
export function formatInstant(time: Instant): string {
  return new Date(time).toISOString().replace('.000Z', 'Z');
}

/**
 * Whole seconds since 1970 in decimal, as `SOURCE_DATE_EPOCH` has it → milliseconds.
 * @throws StellaError USAGE
 */
export function parseEpoch(text: string): Instant {
  if (!/^\d{1,11}$/.test(text))
    throw new StellaError('USAGE', `SOURCE_DATE_EPOCH is not a number of seconds: ${excerpt(text)}`, {
      hint: 'set it to whole seconds since 1970, or unset it',
    });
  return instantAtSeconds(Number(text));
}
