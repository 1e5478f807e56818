import { StellaError } from '../../base/errors.ts';
import { binOf } from '../../tuf/delegation.ts';
import type { TufTargets } from '../../tuf/metadata.ts';
import { isInPattern } from '../../tuf/path-pattern.ts';

/** @throws StellaError USAGE for a pattern that implementations read differently */
export function checkPattern(pattern: string): void {
  const good = pattern
    .split('/')
    .every((part) => /^[A-Za-z0-9._@+=,~*?-]+$/.test(part) && !/^\.\.?$/.test(part));
  if (!good || pattern.includes('**'))
    throw new StellaError('USAGE', `${JSON.stringify(pattern)} is not a path pattern`, {
      hint: 'write it like team/* or team/*/key-?.pub; a * stays within its segment',
    });
}

/** Whether clients that come from `delegator` look for the target in the delegated role. */
export function isDelegated(delegator: TufTargets['signed'], role: string, name: string): boolean {
  const { roles, succinct_roles: bins } = delegator.delegations ?? {};
  if (bins) return binOf(bins, name) === role;
  const delegation = roles?.find((candidate) => candidate.name === role);
  return delegation?.paths?.some((pattern) => isInPattern(name, pattern)) ?? false;
}
