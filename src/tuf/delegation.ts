import { StellaError } from '../base/errors.ts';
import type { TufTargets } from '../base/schema-types.ts';
import type { SigningRule } from './metadata.ts';

/** 16,384 bins; more would be a repository of hundreds of millions of targets. */
export const MOST_BIN_BITS = 14;

/**
 * The roles that a targets role delegates to, each with who must sign it, in order of precedence.
 * @throws StellaError TUF_INVALID for more hash bins than can be visited
 */
export function delegationsOf(metadata: TufTargets): [string, SigningRule][] {
  const { delegations } = metadata.signed;
  if (!delegations) return [];
  const { keys, roles, succinct_roles: bins } = delegations;
  if (roles) return roles.map(({ name, keyids, threshold }) => [name, { keys, keyids, threshold }]);
  if (!bins) return [];
  return binNames(bins).map((name) => [name, { keys, keyids: bins.keyids, threshold: bins.threshold }]);
}

/** The names of all hash bins, in order (TAP 15). */
export function binNames(bins: { bit_length: number; name_prefix: string }): string[] {
  if (bins.bit_length > MOST_BIN_BITS)
    throw new StellaError(
      'TUF_INVALID',
      `${2 ** bins.bit_length} hash bins are more than ${2 ** MOST_BIN_BITS}`,
    );
  const count = 2 ** bins.bit_length;
  const digits = (count - 1).toString(16).length;
  return Array.from(
    { length: count },
    (_, bin) => `${bins.name_prefix}-${bin.toString(16).padStart(digits, '0')}`,
  );
}
