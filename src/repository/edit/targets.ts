import { excerpt } from '../../base/bytes.ts';
import { formatInstant, type Instant } from '../../base/clock.ts';
import { StellaError } from '../../base/errors.ts';
import { checkNoPrivateKey } from '../../base/output/private-key.ts';
import { binOf } from '../../tuf/delegation.ts';
import { entryOf, putEntry, type TargetEntry } from '../../tuf/metadata.ts';
import { checkTargetName, freeTargetName, servedTargetPath } from '../directory/target-name.ts';
import { SERVICE_USAGES, type Usage } from '../directory/vocabulary.ts';
import type { Draft } from './change.ts';
import { isDelegated } from './path-pattern.ts';
import {
  checkTargetContent,
  formatCustom,
  makeTarget,
  parseCustom,
  type TargetFacts,
  usageOfName,
} from './target.ts';

/** A target to add, or to put in the place of another. */
export interface NewTarget {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly facts: Partial<TargetFacts>;
  /** Whether a target of this name may be there already. */
  readonly replace?: boolean;
  /** The delegated role to list it in; by default `targets`, or the hash bin of its name. */
  readonly role?: string;
}

export interface AddedTarget {
  readonly role: string;
  readonly facts: TargetFacts;
  /** What the key or certificate that was replaced by another was used as. */
  readonly replacedKey?: Usage;
}

/**
 * Adds or replaces a target. A target that is replaced keeps what is not said anew about it.
 * @returns what is published about it, and where
 * @throws StellaError TARGET_NAME, TARGET_EXISTS, TARGET_INVALID, PRIVATE_KEY, USAGE
 */
export function addTarget(draft: Draft, target: NewTarget): AddedTarget {
  const { name, bytes } = target;
  checkTargetName(name);
  const present = findListedTarget(draft, name);
  if (present && !target.replace) throw existsAlready(draft, name, parseCustom(present.target.custom).usage);
  const role = target.role ?? present?.role ?? roleForNew(draft, name);
  checkListing(draft, role, name);
  const before = present ? parseCustom(present.target.custom) : { usage: usageOfName(name) };
  const facts: TargetFacts = { ...before, ...target.facts };
  checkNoPrivateKey(bytes, name);
  checkTargetContent(name, bytes, facts.usage);
  const entry = makeTarget(bytes, facts);
  draft.editRole(role, (targets) => {
    putEntry(targets.targets, name, entry);
  });
  draft.addFile(servedTargetPath(name, entry.hashes['sha256']!), bytes);
  const isOther = present !== undefined && present.target.hashes['sha256'] !== entry.hashes['sha256'];
  return { role, facts, ...(isOther && isKey(before.usage) ? { replacedKey: before.usage } : {}) };
}

/** Usages whose targets are keys or certificates: what is replaced counts as revoked, with all that it signed. */
const isKey = (usage: Usage): boolean => KEY_USAGES.has(usage);
const KEY_USAGES: ReadonlySet<Usage> = new Set([...SERVICE_USAGES, 'bundle-signer', 'attestor']);

function existsAlready(draft: Draft, name: string, usage: Usage): StellaError {
  if (!isKey(usage)) return new StellaError('TARGET_EXISTS', `the repository has a target ${name} already`);
  const free = freeTargetName(name, (candidate) => findListedTarget(draft, candidate) !== undefined);
  return new StellaError(
    'TARGET_EXISTS',
    `the repository has a target ${name} already, which clients use as ${usage} key`,
    {
      hint: [
        `publish the new key next to it, under a name that is free: ${free}`,
        '--replace would revoke the key that is there, with all that it signed',
      ],
    },
  );
}

/** @throws StellaError TARGET_UNKNOWN */
export function removeTarget(draft: Draft, name: string): void {
  const { role } = needTarget(draft, name);
  draft.editRole(role, (targets) => {
    Reflect.deleteProperty(targets.targets, name);
  });
}

/**
 * Says that a target is not to be used for anything signed after `validUntil`.
 * @throws StellaError TARGET_UNKNOWN, USAGE
 */
export function retireTarget(draft: Draft, name: string, validUntil: Instant, now: Instant): TargetFacts {
  const { role, target } = needTarget(draft, name);
  const before = parseCustom(target.custom);
  const facts: TargetFacts = {
    ...before,
    validUntil,
    ...(before.status ? { status: validUntil <= now ? 'Expired' : 'Active' } : {}),
  };
  const custom = { ...target.custom, ...formatCustom(facts) };
  draft.editRole(role, (targets) => {
    putEntry(targets.targets, name, { ...target, custom });
  });
  return facts;
}

/** The role that lists a target, in the order in which clients look. */
export function findListedTarget(
  draft: Pick<Draft, 'roles'>,
  name: string,
): { role: string; target: TargetEntry } | undefined {
  for (const [role, { signed }] of draft.roles) {
    const target = entryOf(signed.targets, name);
    if (target) return { role, target };
  }
  return undefined;
}

function needTarget(draft: Draft, name: string): { role: string; target: TargetEntry } {
  const found = findListedTarget(draft, name);
  if (found) return found;
  throw new StellaError('TARGET_UNKNOWN', `Unknown target ${name}`, {
    hint: 'list the targets with `stella repo status`',
  });
}

/** Where a new target goes: into `targets`, or into its hash bin if there are bins. */
function roleForNew(draft: Draft, name: string): string {
  const bins = draft.role('targets')?.delegations?.succinct_roles;
  return bins ? binOf(bins, name) : 'targets';
}

/** @throws StellaError USAGE when clients would not look for the target in this role */
function checkListing(draft: Draft, role: string, name: string): void {
  if (role === 'targets') return;
  const delegators = [...draft.roles.values()].filter(({ signed }) => isDelegated(signed, role, name));
  if (!draft.role(role)) throw new StellaError('USAGE', `there is no delegated role ${role}`);
  if (delegators.length === 0)
    throw new StellaError('USAGE', `role ${role} is not delegated the path ${excerpt(name)}`, {
      hint: 'clients would not find it there: choose a name that fits the delegation, or another role',
    });
}

/** `usage Rekor, until 2026-02-01T00:00:00Z`, for people. */
export function describeFacts(facts: TargetFacts): string {
  return [
    `usage ${facts.usage}`,
    ...(facts.status === 'Expired' ? ['expired'] : []),
    ...(facts.validFrom === undefined ? [] : [`from ${formatInstant(facts.validFrom)}`]),
    ...(facts.validUntil === undefined ? [] : [`until ${formatInstant(facts.validUntil)}`]),
  ].join(', ');
}
