import type { ConfigKey } from './config.ts';

/** A setting that accepts more than the default does. */
export interface Widening {
  /** The key as the file has it. */
  readonly key: ConfigKey;
  readonly value: string;
  /** What the default would be. */
  readonly usual: string;
  /** Where it is set: `FILE:LINE`, the name of a variable, or the kind of source. */
  readonly where: string;
}

/** `freshness_threshold_days 36500 instead of 7 (/etc/stella/stella.yaml:3)` */
export function formatWidening({ key, value, usual, where }: Widening): string {
  return `${key} ${value} instead of ${usual} (${where})`;
}

/** The configuration that something was judged by, as `--json` prints it. */
export interface UsedConfiguration {
  /** The file that was read; null where none was. */
  readonly file: string | null;
  readonly widened: readonly Widening[];
}

/** One line for people: the file, and what it widens. */
export function formatUsedConfiguration({ file, widened }: UsedConfiguration): string {
  return `${file ?? 'none'}${widened.map((each) => `; WIDENED: ${formatWidening(each)}`).join('')}`;
}
