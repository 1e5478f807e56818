import type { TufRoot } from './metadata.ts';

const ONLINE_ROLES = ['timestamp', 'snapshot'] as const;

/**
 * Whether a newer root takes a timestamp or snapshot key away (§5.3.11). That is how a repository recovers from a
 * fast-forward attack: the versions of both roles that were trusted before no longer guard against rollback.
 * @param held the root under which they were trusted @param newest a root that the chain leads to from there
 */
export function recoversFromFastForward(held: TufRoot['signed'], newest: TufRoot['signed']): boolean {
  return ONLINE_ROLES.some(
    (role) => !held.roles[role].keyids.every((id) => newest.roles[role].keyids.includes(id)),
  );
}
