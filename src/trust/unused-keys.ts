import { excerpt } from '../base/bytes.ts';
import type { Config } from '../config/config.ts';
import type { IgnoredTarget } from './targets.ts';

/** What to say of a key that the repository publishes, and that a choice of others keeps from being used. */
export interface UnusedKeyAdvice {
  readonly text: string;
  readonly hint: string;
}

const MAX_LISTED = 5;

/** @param keys `unusedKeys` under this configuration; of many, the first few are named */
export function adviceOnUnusedKeys(
  keys: readonly IgnoredTarget[],
  { origins }: Pick<Config, 'origins'>,
): UnusedKeyAdvice[] {
  const more = keys.length - MAX_LISTED;
  return keys.slice(0, MAX_LISTED).map(({ name, usage }, i) => {
    const setting = usage === 'Rekor' ? 'rekor_key_targets' : 'bundle_key_targets';
    const { source, where } = origins[setting];
    const from = source === 'store' || source === 'flag' ? 'as `trust init --pin` has it' : (where ?? source);
    const others = more > 0 && i === MAX_LISTED - 1 ? `; and ${more} more keys` : '';
    return {
      text: `the repository publishes the ${usage} key ${excerpt(name)}, which is not used: ${setting} (${from}) does not name it${others}`,
      hint: `if the trust team has announced it, name it in ${setting} of section attestor.trust_repo, with the others that are to count`,
    };
  });
}
