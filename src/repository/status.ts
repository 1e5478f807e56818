import type { Instant } from '../base/clock.ts';
import { TOP_ROLES, type TopRole } from '../tuf/roles.ts';
import { ruleOf, type SigningRule } from '../tuf/signature.ts';
import { expiriesOf } from './directory/audit.ts';
import type { Settings } from './directory/settings.ts';
import { openWorkingDirectory, type WorkingDirectory } from './directory/working-directory.ts';
import { parseCustom } from './edit/target.ts';
import { describeFacts } from './edit/targets.ts';
import { progressOf, requirementsOf } from './publish/requirements.ts';
import { filesOf } from './publish/sign-change.ts';
import { isStaged, loadStaged } from './publish/staged.ts';
import { describeChange } from './publish/summary.ts';

/** One role as it is published. */
export interface RoleStatus {
  readonly role: string;
  readonly version: number;
  readonly expires: Instant;
  readonly threshold: number;
  /** The role's keys; those that repo.yaml knows have a name. */
  readonly keys: readonly { readonly id: string; readonly name?: string }[];
}

/** What is published, and what waits to be. */
export interface RepositoryStatus {
  readonly repository: string;
  readonly roles: readonly RoleStatus[];
  readonly targets: readonly {
    readonly name: string;
    readonly length: number;
    readonly role: string;
    readonly facts: string;
  }[];
  /** What waits to be published. */
  readonly staged?: { readonly summary: readonly string[]; readonly missing: readonly string[] };
}

/** What is published, who can sign it, and what is on its way. Changes nothing. */
export function repositoryStatus(path: string, now: Instant): RepositoryStatus {
  const directory = openWorkingDirectory(path, now);
  const { published, settings } = directory;
  const staged = stagedStatus(directory, now);
  if (!published) return { repository: path, roles: [], targets: [], ...staged };
  const isTop = (role: string): role is TopRole => TOP_ROLES.some((top) => top === role);
  const roles = expiriesOf(published).map(({ role, version, expires }): RoleStatus => {
    const rule = isTop(role) ? ruleOf(published.root, role) : published.delegations.get(role)![0]!;
    return { role, version, expires, threshold: rule.threshold, keys: keysOf(rule, settings) };
  });
  const targets = [...published.roles].flatMap(([role, { signed }]) =>
    Object.entries(signed.targets).map(([name, target]) => ({
      name,
      length: target.length,
      role,
      facts: describeFacts(parseCustom(target.custom)),
    })),
  );
  return { repository: path, roles, targets, ...staged };
}

function keysOf(rule: SigningRule, settings: Settings): RoleStatus['keys'] {
  return rule.keyids.map((id) => {
    const name = Object.entries(settings.keys).find(([, place]) => place.id === id)?.[0];
    return { id, ...(name === undefined ? {} : { name }) };
  });
}

function stagedStatus(directory: WorkingDirectory, now: Instant): Pick<RepositoryStatus, 'staged'> {
  if (!isStaged(directory.staged)) return {};
  const { change, published } = loadStaged(directory.staged, now);
  const missing = [...filesOf(change)].flatMap(([role, metadata]) =>
    progressOf(metadata, requirementsOf(role, change, published)).map(
      ({ by, rule, signed }) => `${role}: ${signed.length} of ${rule.threshold} signatures by keys of ${by}`,
    ),
  );
  return { staged: { summary: describeChange(change, published), missing } };
}
