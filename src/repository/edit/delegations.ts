import { StellaError } from '../../base/errors.ts';
import type { PublicKey } from '../../base/keys.ts';
import { MAX_BIN_BITS } from '../../tuf/delegation.ts';
import { formatTufKey } from '../../tuf/key.ts';
import type { TufTargets } from '../../tuf/metadata.ts';
import { checkRoleName } from '../directory/target-name.ts';
import { tufKeyIdOf } from '../keys/new-key.ts';
import type { Draft } from './change.ts';
import { checkPattern } from './path-pattern.ts';

export interface NewDelegation {
  /** The delegated role, or what the names of all hash bins begin with. */
  readonly name: string;
  readonly from: string;
  readonly keys: readonly PublicKey[];
  readonly threshold: number;
  readonly to:
    | { readonly paths: readonly string[]; readonly terminating: boolean }
    | { readonly hashBins: number };
}

/**
 * Delegates paths to a new role, or all targets to hash bins (TAP 15). Targets that are listed already stay where they are.
 * @throws StellaError USAGE
 */
export function delegate(draft: Draft, delegation: NewDelegation): void {
  const { name, from, keys, threshold, to } = delegation;
  checkRoleName(name);
  const delegator = draft.role(from);
  if (!delegator) throw new StellaError('USAGE', `there is no role ${from}`);
  if (draft.role(name)) throw new StellaError('USAGE', `there is a delegated role ${name} already`);
  if (threshold < 1 || threshold > keys.length)
    throw new StellaError('USAGE', `role ${name} has ${keys.length} keys, of which ${threshold} cannot sign`);
  const present = delegator.delegations;
  if (present?.succinct_roles || (present?.roles && 'hashBins' in to))
    throw new StellaError(
      'USAGE',
      `role ${from} delegates already, and hash bins exclude other delegations`,
      {
        hint: 'delegate from another role with --from',
      },
    );
  const rule = { keyids: keys.map(tufKeyIdOf), threshold };
  const delegations: NonNullable<TufTargets['signed']['delegations']> = {
    keys: {
      ...present?.keys,
      ...Object.fromEntries(keys.map((key) => [tufKeyIdOf(key), formatTufKey(key)])),
    },
  };
  if ('hashBins' in to) {
    delegations.succinct_roles = { ...rule, bit_length: binBits(to.hashBins), name_prefix: name };
  } else {
    for (const pattern of to.paths) checkPattern(pattern);
    const role = { name, ...rule, paths: [...to.paths], terminating: to.terminating };
    delegations.roles = [...(present?.roles ?? []), role];
  }
  draft.editRole(from, (targets) => {
    targets.delegations = delegations;
  });
}

function binBits(count: number): number {
  const bits = Math.log2(count);
  if (!Number.isInteger(bits) || bits < 1 || bits > MAX_BIN_BITS)
    throw new StellaError('USAGE', `${count} is not a number of hash bins`, {
      hint: `give a power of two from 2 to ${2 ** MAX_BIN_BITS}`,
    });
  return bits;
}
