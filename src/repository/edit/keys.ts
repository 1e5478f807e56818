import { StellaError } from '../../base/errors.ts';
import type { PublicKey } from '../../base/keys.ts';
import { formatTufKey, tufKeyId } from '../../tuf/key.ts';
import { putEntry, type RootPart } from '../../tuf/metadata.ts';
import type { Draft } from './change.ts';

/** What a set of keys of a role is to become. */
export interface KeyEdit {
  readonly add?: readonly PublicKey[];
  /** TUF key ids */
  readonly remove?: readonly string[];
  readonly threshold?: number;
}

interface KeyHolder {
  readonly keys: Record<string, { keytype: string; scheme: string; keyval: { public: string } }>;
  readonly roles: readonly { keyids: string[] }[];
}

/**
 * Changes the keys of a top-level role in a new root, or those of a delegated role in the roles that delegate to it.
 * @throws StellaError USAGE for a role that is not there, a key that is or is not there, or a threshold that cannot be met
 */
export function editKeys(draft: Draft, role: string, edit: KeyEdit): void {
  if (role === 'root' || role === 'targets' || role === 'snapshot' || role === 'timestamp') {
    draft.editRoot((root) => {
      applyEdit(root.roles[role], holderOf(root), role, edit);
    });
    return;
  }
  const delegators = [...draft.roles].filter(([, { signed }]) => delegationOf(signed, role) !== undefined);
  if (delegators.length === 0) throw new StellaError('USAGE', `there is no role ${role}`);
  for (const [name] of delegators) {
    draft.editRole(name, (targets) => {
      const { delegations } = targets;
      const delegation = delegationOf(targets, role)!;
      const all = [
        ...(delegations!.roles ?? []),
        ...(delegations!.succinct_roles ? [delegations!.succinct_roles] : []),
      ];
      applyEdit(delegation, { keys: delegations!.keys, roles: all }, role, edit);
    });
  }
}

function delegationOf(targets: NonNullable<ReturnType<Draft['role']>>, role: string) {
  const { roles, succinct_roles: bins } = targets.delegations ?? {};
  return roles?.find(({ name }) => name === role) ?? (bins?.name_prefix === role ? bins : undefined);
}

function holderOf(root: RootPart): KeyHolder {
  const { root: a, targets, snapshot, timestamp } = root.roles;
  return { keys: root.keys, roles: [a, targets, snapshot, timestamp] };
}

function applyEdit(
  rule: { keyids: string[]; threshold: number },
  holder: KeyHolder,
  role: string,
  edit: KeyEdit,
): void {
  for (const keyid of edit.remove ?? []) {
    if (!rule.keyids.includes(keyid)) throw new StellaError('USAGE', `role ${role} has no key ${keyid}`);
    rule.keyids = rule.keyids.filter((other) => other !== keyid);
  }
  for (const publicKey of edit.add ?? []) {
    const key = formatTufKey(publicKey);
    const keyid = tufKeyId(key);
    if (rule.keyids.includes(keyid))
      throw new StellaError('USAGE', `role ${role} has the key ${keyid} already`);
    rule.keyids.push(keyid);
    putEntry(holder.keys, keyid, key);
  }
  if (edit.threshold !== undefined) rule.threshold = edit.threshold;
  if (rule.threshold < 1 || rule.threshold > rule.keyids.length)
    throw new StellaError(
      'USAGE',
      `role ${role} would have ${rule.keyids.length} keys, of which ${rule.threshold} cannot sign`,
      { hint: 'add keys first, or lower the threshold with `stella repo set-threshold ROLE N`' },
    );
  const used = new Set(holder.roles.flatMap(({ keyids }) => keyids));
  for (const keyid of Object.keys(holder.keys)) if (!used.has(keyid)) delete holder.keys[keyid];
}
