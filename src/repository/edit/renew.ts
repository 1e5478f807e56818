import { StellaError } from '../../base/errors.ts';
import { binNames } from '../../tuf/delegation.ts';
import type { Draft } from './change.ts';

/**
 * Issues a role anew as it is, with a new expiry; by the name that hash bins begin with, all of them.
 * @throws StellaError USAGE
 */
export function renewRole(draft: Draft, role: string): void {
  const bins = [...draft.roles.values()]
    .map(({ signed }) => signed.delegations?.succinct_roles)
    .find((candidate) => candidate?.name_prefix === role);
  if (role === 'timestamp')
    throw new StellaError('USAGE', 'the timestamp is not staged', {
      hint: 'run `stella repo update-timestamp`',
    });
  if (role === 'root') draft.editRoot(() => {});
  else if (role === 'snapshot') draft.renewSnapshot();
  else if (bins) for (const bin of binNames(bins)) draft.editRole(bin, () => {});
  else if (draft.role(role)) draft.editRole(role, () => {});
  else
    throw new StellaError('USAGE', `there is no role ${role}`, {
      hint: 'list the roles with `stella repo status`',
    });
}
