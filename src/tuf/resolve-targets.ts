import { isStellaError } from '../base/errors.ts';
import type { TufClient } from './client.ts';
import type { OmittedRole, TufTarget } from './types.ts';

/** Above this, delegated roles that nothing names are not fetched. */
const MAX_ROLES_LOADED = 256;

export interface ResolvedTargets {
  /** By name; where a role that is trusted for it and another list the same name, the trusted one's. */
  readonly targets: ReadonlyMap<string, TufTarget>;
  /** Delegated roles that should have been there and could not be used. */
  readonly omitted: readonly OmittedRole[];
}

/**
 * Finds every target of a repository. What trust may rest on is what the top-level role lists, and the delegated roles that
 * `trustRoles` names, as far as only such roles delegate to them: all of that must be in order. Other delegated roles are
 * content: one that cannot be used is left out, since a repository that cannot be followed could not revoke anything.
 * @param isDirectory whether all that there is lies there already: of a large repository only the roles that were needed
 * @throws StellaError TUF_*, and what the source throws, for the roles that trust rests on
 */
export async function resolveTargets(
  client: TufClient,
  trustRoles: ReadonlySet<string>,
  isDirectory: boolean,
): Promise<ResolvedTargets> {
  const targets = new Map<string, TufTarget>();
  const take = async (name: string, roles?: ReadonlySet<string>) => {
    const target = await client.find(name, roles);
    if (target) targets.set(name, { ...target, anchored: roles !== undefined });
  };
  for (const name of await client.loadDelegations(trustRoles)) await take(name, trustRoles);
  const isLarge = client.snapshotRoles.length > MAX_ROLES_LOADED;
  if (!isLarge || isDirectory) {
    for (const name of await client.loadDelegations()) {
      if (targets.has(name)) continue;
      try {
        await take(name);
      } catch (error) {
        // A role that comes first cannot be used: what it would have said of this target is not known.
        if (!isStellaError(error)) throw error;
      }
    }
  }
  const isExpected = ({ error }: OmittedRole) => isLarge && isStellaError(error, 'FETCH_NOT_FOUND');
  return { targets, omitted: client.omittedRoles.filter((role) => !isExpected(role)) };
}
