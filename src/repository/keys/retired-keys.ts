import type { Instant } from '../../base/clock.ts';
import { TOP_ROLES } from '../../tuf/roles.ts';
import type { Audit } from '../directory/audit.ts';
import { writeKeys } from '../directory/settings.ts';
import { openWorkingDirectory, type WorkingDirectory } from '../directory/working-directory.ts';

/** The TUF key ids that a repository's roles have. */
function keyIdsOf(audit: Audit): Set<string> {
  const { roles } = audit.root.signed;
  const delegated = [...audit.delegations.values()].flat();
  return new Set([...TOP_ROLES.map((role) => roles[role]), ...delegated].flatMap(({ keyids }) => keyids));
}

/**
 * Takes those keys out of repo.yaml that the last publication took from the last role that had them. Their files stay:
 * destroying a key is for people to do.
 * @param before the repository as it was before the publication
 * @returns the names of the keys
 */
export function forgetRetiredKeys(before: WorkingDirectory, now: Instant): string[] {
  if (!before.published) return [];
  const after = openWorkingDirectory(before.path, now);
  const kept = keyIdsOf(after.published!);
  const gone = [...keyIdsOf(before.published)].filter((id) => !kept.has(id));
  const names = Object.entries(after.settings.keys).filter(([, place]) => gone.includes(place.id));
  if (names.length > 0) writeKeys(before.path, Object.fromEntries(names.map(([name]) => [name, undefined])));
  return names.map(([name]) => name);
}
