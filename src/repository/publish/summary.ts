import { excerpt } from '../../base/bytes.ts';
import { entryOf, type TargetEntry, type TufRoot, type TufTargets } from '../../tuf/metadata.ts';
import { TOP_ROLES } from '../../tuf/roles.ts';
import type { Audit } from '../directory/audit.ts';
import type { Change } from '../edit/change.ts';
import { parseCustom } from '../edit/target.ts';
import { describeFacts } from '../edit/targets.ts';

/**
 * What a change does to what is published, for the people who are asked to sign it: one line for each difference, computed
 * from the metadata itself.
 */
export function describeChange(change: Change, published: Audit | undefined): string[] {
  const lines: string[] = [];
  if (change.root) lines.push(...describeRoot(change.root, published?.root));
  for (const [role, metadata] of change.roles)
    lines.push(...describeRole(role, metadata, published?.roles.get(role)));
  if (change.snapshot) {
    const { version, expires, meta } = change.snapshot.signed;
    lines.push(`snapshot: version ${version}, expires ${expires}, lists ${Object.keys(meta).length} roles`);
  }
  return lines;
}

function describeRoot(root: TufRoot, before: TufRoot | undefined): string[] {
  const { signed } = root;
  const lines = [`root: version ${signed.version}, expires ${signed.expires}`];
  // Kept keys too: whoever signs a root vouches for every key in it.
  for (const role of TOP_ROLES) {
    const now = signed.roles[role];
    const then = before?.signed.roles[role] ?? { keyids: [], threshold: 0 };
    for (const keyid of now.keyids)
      lines.push(
        `  ${then.keyids.includes(keyid) ? '=' : '+'} key of ${role} ${keyid} (${entryOf(signed.keys, keyid)?.scheme})`,
      );
    for (const keyid of then.keyids)
      if (!now.keyids.includes(keyid)) lines.push(`  - key of ${role} ${keyid}`);
    if (now.threshold !== then.threshold || now.keyids.length !== then.keyids.length)
      lines.push(`  ${role} is signed by ${now.threshold} of ${now.keyids.length} keys`);
  }
  return lines;
}

function describeRole(role: string, metadata: TufTargets, before: TufTargets | undefined): string[] {
  const { signed } = metadata;
  const lines = [`${role}: version ${signed.version}, expires ${signed.expires}`];
  const now = signed.targets;
  const then = before?.signed.targets ?? {};
  for (const [name, target] of Object.entries(now)) {
    const old = Object.hasOwn(then, name) ? then[name] : undefined;
    const text = describeTarget(name, target);
    if (!old) lines.push(`  + ${text}`);
    else if (JSON.stringify(old) !== JSON.stringify(target)) lines.push(`  ~ ${text}`);
  }
  for (const name of Object.keys(then))
    if (!Object.hasOwn(now, name)) lines.push(`  - target ${excerpt(name)}`);
  return [...lines, ...describeDelegations(signed.delegations, before?.signed.delegations)];
}

function describeTarget(name: string, target: TargetEntry): string {
  const [digest] = Object.values(target.hashes);
  return `target ${excerpt(name)}: ${target.length} bytes, sha256 ${digest}, ${describeFacts(parseCustom(target.custom))}`;
}

type Delegations = TufTargets['signed']['delegations'];

function describeDelegations(now: Delegations, then: Delegations): string[] {
  type Role = { readonly keyids: readonly string[]; readonly threshold: number; readonly what: string };
  const named = (delegations: Delegations) => {
    const roles = new Map<string, Role>();
    for (const { name, keyids, threshold, paths } of delegations?.roles ?? [])
      roles.set(name, {
        keyids,
        threshold,
        what: `paths ${(paths ?? []).map((path) => excerpt(path)).join(' ')}`,
      });
    const bins = delegations?.succinct_roles;
    if (bins)
      roles.set(bins.name_prefix, {
        keyids: bins.keyids,
        threshold: bins.threshold,
        what: `${2 ** bins.bit_length} hash bins`,
      });
    return roles;
  };
  const [current, previous] = [named(now), named(then)];
  const lines: string[] = [];
  for (const [name, role] of current) {
    const old = previous.get(name);
    if (old && JSON.stringify(old) === JSON.stringify(role)) continue;
    lines.push(
      `  ${old ? '~' : '+'} delegation to ${name}: ${role.what}, signed by ${role.threshold} of ${role.keyids.length} keys`,
    );
  }
  for (const name of previous.keys()) if (!current.has(name)) lines.push(`  - delegation to ${name}`);
  return lines;
}
