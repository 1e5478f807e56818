import { delegationsOf } from '../../tuf/delegation.ts';
import type { MetadataFile, TufRoot } from '../../tuf/metadata.ts';
import { ruleOf, type SigningRule, validSigners } from '../../tuf/signature.ts';
import type { Audit } from '../directory/audit.ts';
import type { Change } from '../edit/change.ts';

/** One set of keys that must have signed, with a name for messages. */
export interface Requirement {
  readonly by: string;
  readonly rule: SigningRule;
}

/** How far a requirement is met. */
export interface SignatureProgress extends Requirement {
  readonly signed: readonly string[];
  readonly missing: number;
}

/** Whether keys that a change takes away from a role can still sign it one last time. */
export type OldKeys = 'sign' | 'lost';

/**
 * Who must sign a role of a change. When the root changes too, both the old and the new keys sign the top-level roles:
 * clients that have not seen the new root yet, and those that have, then accept the same files.
 */
export function requirementsOf(
  role: string,
  change: Change | undefined,
  published: Audit | undefined,
  oldKeys: OldKeys = 'sign',
): Requirement[] {
  const roots: [string, TufRoot][] = [];
  const root = change?.root;
  if (root) roots.push([root.signed.version === 1 ? 'the root' : 'the new root', root]);
  // A new root without the old root's keys would leave every client behind: those are never lost.
  if (published && (!root || role === 'root' || oldKeys === 'sign'))
    roots.push([root ? 'the present root' : 'the root', published.root]);
  if (role === 'root' || role === 'snapshot' || role === 'timestamp' || role === 'targets')
    return roots.map(([by, root]) => ({ by, rule: ruleOf(root, role) }));
  const current = new Map([...(published?.roles ?? []), ...(change?.roles ?? [])]);
  const rules: Requirement[] = [];
  for (const [delegator, metadata] of current)
    for (const [name, rule] of delegationsOf(metadata))
      if (name === role) rules.push({ by: `role ${delegator}`, rule });
  return rules;
}

export function progressOf(
  metadata: MetadataFile,
  requirements: readonly Requirement[],
): SignatureProgress[] {
  return requirements.map((requirement) => {
    const signed = validSigners(metadata, requirement.rule);
    return { ...requirement, signed, missing: Math.max(0, requirement.rule.threshold - signed.length) };
  });
}
