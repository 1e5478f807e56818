import {
  addDuration,
  type Duration,
  days,
  durationBetween,
  formatDuration,
  formatInstant,
  type Instant,
  inSeconds,
  milliseconds,
  shortest,
} from '../base/clock.ts';
import type { ErrorCode } from '../base/codes.ts';
import { StellaError } from '../base/errors.ts';
import type { Config } from '../config/config.ts';

/** How old trust may be. Ages are counted from the instant that the signed state speaks for. */
export interface FreshnessWindow {
  /** Older than this is worth a warning. */
  readonly warn: Duration;
  /** Older than this is refused. */
  readonly block: Duration;
  /** By how much an explicit flag made `block` longer than configuration and producer's advice would have it. */
  readonly widenedBy: Duration;
}

export type FreshnessState = 'fresh' | 'stale' | 'blocked';

export interface Freshness {
  readonly state: FreshnessState;
  /** What the age is counted from: `sealed_at`, or the last sync. */
  readonly reference: Instant;
  readonly age: Duration;
  readonly window: FreshnessWindow;
  /** The last instants at which the state is still fresh, or not yet blocked. */
  readonly freshUntil: Instant;
  readonly acceptedUntil: Instant;
}

export interface WindowInputs {
  readonly thresholdDays: number;
  /** Default: half of the threshold. */
  readonly warnDays?: number | undefined;
  /** An explicit window, e.g. `--reject-if-stale`; replaces the threshold. */
  readonly rejectAfter?: Duration | undefined;
  /** `stale_after_days` of the manifest: it may narrow the window and never widens it. */
  readonly adviceDays?: number | undefined;
  /** An explicit exception for one run (`--max-age`); the only thing that goes past the producer's advice. */
  readonly maxAge?: Duration | undefined;
}

/**
 * `stale_after_days` with which a producer says that it has no opinion: format v1 demands the member, and after a year no
 * root is good.
 */
export const NO_ADVICE_DAYS = 365;

/** What a manifest advises, in days; `undefined` where its producer has no opinion. */
export function adviceOf({
  stale_after_days: advised,
}: {
  readonly stale_after_days?: number | undefined;
}): number | undefined {
  return advised === NO_ADVICE_DAYS ? undefined : advised;
}

/** The advice that came with what a store holds; what was synced came with none. */
export function adviceOfSource(
  source:
    | { readonly kind: 'sync' }
    | { readonly kind: 'import'; readonly stale_after_days?: number | undefined },
): number | undefined {
  return source.kind === 'import' ? adviceOf(source) : undefined;
}

/**
 * The window that verification, status and import hold alike: what is configured, narrowed by the producer's advice, with
 * the exceptions of this run.
 */
export function configuredWindow(
  config: Config,
  adviceDays: number | undefined,
  exceptions: Pick<WindowInputs, 'rejectAfter' | 'maxAge'> = {},
): FreshnessWindow {
  return freshnessWindow({
    thresholdDays: config.freshnessThresholdDays,
    warnDays: configuredWarnDays(config),
    adviceDays,
    ...exceptions,
  });
}

/** The staleness window from everything that has a say in it. */
export function freshnessWindow(inputs: WindowInputs): FreshnessWindow {
  const configured = days(inputs.thresholdDays);
  const wanted = inputs.rejectAfter ?? configured;
  const advised = inputs.adviceDays === undefined ? wanted : shortest(wanted, days(inputs.adviceDays));
  const block = inputs.maxAge ?? advised;
  const usual = inputs.adviceDays === undefined ? configured : shortest(configured, days(inputs.adviceDays));
  const warn = inputs.warnDays === undefined ? milliseconds(usual / 2) : days(inputs.warnDays);
  return { warn: shortest(warn, block), block, widenedBy: milliseconds(Math.max(0, block - usual)) };
}

/** `freshness_warn_days` where somebody set it: its default follows a window that advice or a flag narrows. */
function configuredWarnDays(config: Config): number | undefined {
  return config.origins.freshness_warn_days.source === 'default' ? undefined : config.freshnessWarnDays;
}

/** Exactly as old as the window is still accepted; one millisecond more is not. */
export function judgeFreshness(reference: Instant, now: Instant, window: FreshnessWindow): Freshness {
  const age = durationBetween(reference, now);
  const state = age > window.block ? 'blocked' : age > window.warn ? 'stale' : 'fresh';
  return {
    state,
    reference,
    age,
    window,
    freshUntil: addDuration(reference, window.warn),
    acceptedUntil: addDuration(reference, window.block),
  };
}

/** Freshness in JSON: every length of time in whole seconds, under the same names wherever it is printed. */
export interface FreshnessJson {
  readonly state: FreshnessState;
  readonly age_seconds: number;
  readonly window_seconds: number;
  readonly widened_by_seconds: number;
  readonly accepted_until: string;
}

/** @param window that the run judged by, where it is not the one that the freshness says */
export function freshnessJson(freshness: Freshness, window = freshness.window): FreshnessJson {
  return {
    state: freshness.state,
    age_seconds: inSeconds(freshness.age),
    window_seconds: inSeconds(freshness.window.block),
    widened_by_seconds: inSeconds(window.widenedBy),
    accepted_until: formatInstant(freshness.acceptedUntil),
  };
}

/** One line for people: `fresh: sealed 2h 5m ago (2026-01-25T12:00:00Z), accepted until 2026-02-01T12:00:00Z`. */
export function formatFreshness(freshness: Freshness, verb: 'sealed' | 'synced'): string {
  const { state, age, reference, acceptedUntil, window } = freshness;
  const until = state === 'blocked' ? 'was accepted until' : 'accepted until';
  const widened = window.widenedBy > 0 ? `; window widened by ${formatDuration(window.widenedBy)}` : '';
  return `${state}: ${verb} ${formatDuration(milliseconds(Math.max(0, age)))} ago (${formatInstant(reference)}), ${until} ${formatInstant(acceptedUntil)}${widened}`;
}

/**
 * What an import announces: until when verification will accept what was imported, and what a flag of this run allowed
 * beyond that or below it.
 * @param window that this run had the bundle pass
 */
export function formatAdmission(freshness: Freshness, window: FreshnessWindow): string {
  const line = formatFreshness(freshness, 'sealed');
  if (window.block < freshness.window.block)
    return `${line}; this run demanded that it be at most ${formatDuration(window.block)} old`;
  if (window.widenedBy <= 0) return line;
  return `${line}; window widened by ${formatDuration(window.widenedBy)} for this run only${freshness.state === 'blocked' ? ': verification refuses it without --max-age' : ''}`;
}

/** @throws StellaError `code` (exit 5) when blocked, saying how old, since when, and until when it was accepted */
export function checkFreshness(
  freshness: Freshness,
  what: string,
  code: Extract<ErrorCode, 'BUNDLE_STALE' | 'STORE_STALE'>,
): void {
  if (freshness.state !== 'blocked') return;
  const { age, reference, acceptedUntil, window } = freshness;
  throw new StellaError(
    code,
    `${what} is stale: ${formatDuration(age)} old (of ${formatInstant(reference)}), the staleness window is ${formatDuration(window.block)}; it was accepted until ${formatInstant(acceptedUntil)}`,
    {
      details: {
        reference: formatInstant(reference),
        accepted_until: formatInstant(acceptedUntil),
        age_seconds: inSeconds(age),
        window_seconds: inSeconds(window.block),
      },
    },
  );
}
