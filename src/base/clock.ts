import { excerpt } from './bytes.ts';
import { StellaError } from './errors.ts';

/** Milliseconds since 1970-01-01T00:00:00Z. */
export type Instant = number;
/** A length of time in milliseconds. */
export type Duration = number;

export type Clock = () => Instant;

/** The one place where the present is read. Everything else is told what time it is. */
export const systemClock: Clock = () => Date.now();

export const SECOND: Duration = 1000;
export const MINUTE: Duration = 60 * SECOND;
export const HOUR: Duration = 60 * MINUTE;
export const DAY: Duration = 24 * HOUR;

const UNITS: Readonly<Record<string, Duration>> = { s: SECOND, m: MINUTE, h: HOUR, d: DAY, w: 7 * DAY };
/** A century: longer windows are typing errors, and stay far from where arithmetic on dates fails. */
const LONGEST: Duration = 36_525 * DAY;

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
    const [, w = 0, d = 0, h = 0, m = 0, s = 0] = iso.map(Number).map((n) => n || 0);
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
  return duration;
}

/** Milliseconds → the two greatest units, for people: `6d 4h`, `12m 30s`, `0s`. */
export function formatDuration(duration: Duration): string {
  const sign = duration < 0 ? '-' : '';
  let rest = Math.floor(Math.abs(duration) / SECOND) * SECOND;
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
  const instant = match ? Date.parse(text) : Number.NaN;
  // Date.parse turns 30 February into 1 March: only dates that exist print as they were read.
  if (!match || Number.isNaN(instant) || !new Date(instant).toISOString().startsWith(match[1]!)) {
    throw new StellaError('PARSE_FAILED', `not a UTC time like 2026-01-25T12:00:00Z: ${excerpt(text)}`);
  }
  return instant;
}

/** Milliseconds since the epoch → RFC 3339 in UTC, to the second unless there is a fraction. */
export function formatInstant(instant: Instant): string {
  return new Date(instant).toISOString().replace('.000Z', 'Z');
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
  return Number(text) * SECOND;
}
