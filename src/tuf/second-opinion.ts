import { excerpt } from '../base/bytes.ts';
import type { Instant } from '../base/clock.ts';
import { StellaError } from '../base/errors.ts';
import { parseStrictJson } from '../base/json.ts';
import { formatTufCanonicalJson } from './canonical-json.ts';
import { delegationRule } from './delegation.ts';
import { directorySource } from './load.ts';
import { entryOf, type MetadataFile, type TufKey, type TufRoot, type TufTargets } from './metadata.ts';
import { parseMetadata } from './parse-metadata.ts';
import { roleFile, type TopRole } from './roles.ts';
import { ruleOf, type SigningRule, validSigners } from './signature.ts';
import type { HeldMetadata } from './types.ts';
import type { TufView } from './view.ts';

/** What tuf-js says of a repository that was found good: it agrees, or it cannot tell, and why. */
export type SecondOpinion =
  | { readonly verdict: 'agrees' }
  | { readonly verdict: 'cannot judge'; readonly reason: string };

/** tuf-js copies all entries before for each one: of more than this it would take too long. */
const MAX_ENTRIES_JUDGED = 2000;

/** A repository that was found good: what of it is to be judged again. */
export interface JudgedRepository {
  /** How to call it in messages. */
  readonly url: string;
  readonly referenceTime: Instant;
  /** Every root from the one that was vouched for. */
  readonly rootVersions: readonly number[];
  /** The roles that were found good, with the versions that they have now. */
  readonly roles: readonly { readonly name: string; readonly version: number }[];
  /** Its metadata files as published. */
  readonly read: HeldMetadata;
}

/** What a view rests on. */
export function judgedView({
  url,
  referenceTime,
  rootVersions,
  roles,
  directory,
}: TufView): JudgedRepository {
  const good = roles.filter(({ expires }) => expires > referenceTime);
  return { url, referenceTime, rootVersions, roles: good, read: directorySource(directory) };
}

/** A metadata file with who delegated to it; `root` for top-level roles. */
interface Judged {
  readonly kind: TopRole;
  readonly role: string;
  readonly delegator: string;
  readonly bytes: Uint8Array;
  readonly metadata: MetadataFile;
}

/**
 * Has tuf-js judge the very metadata that was found good here, from the root that was vouched for and as of the same
 * instant: two implementations by different people must agree before trust changes. What it cannot read as it was meant
 * is said, and is no refusal.
 * @throws StellaError TUF_SECOND_OPINION where it refuses, and nothing that is known of it explains why
 */
export async function secondOpinion(repository: JudgedRepository): Promise<SecondOpinion> {
  const files = judgedFiles(repository);
  const unsuitable = files.map(whyUnsuitable).find((reason) => reason !== undefined);
  if (unsuitable !== undefined) return { verdict: 'cannot judge', reason: unsuitable };
  // 30 ms to load, which only those pay who change trust.
  const { TrustedMetadataStore } = await import('tuf-js/dist/store.js');
  let at = files[0]!;
  try {
    const set = new TrustedMetadataStore(Buffer.from(at.bytes));
    // Its clock cannot be passed in.
    (set as unknown as { referenceTime: Date }).referenceTime = new Date(repository.referenceTime);
    for (const file of files.slice(1)) {
      at = file;
      const bytes = Buffer.from(file.bytes);
      if (file.kind === 'root') set.updateRoot(bytes);
      else if (file.kind === 'timestamp') set.updateTimestamp(bytes);
      else if (file.kind === 'snapshot') set.updateSnapshot(bytes);
      else set.updateDelegatedTargets(bytes, file.role, file.delegator);
    }
    return { verdict: 'agrees' };
  } catch (cause) {
    const reason = await whyMisread(files);
    if (reason !== undefined) return { verdict: 'cannot judge', reason };
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new StellaError(
      'TUF_SECOND_OPINION',
      `TUF repository ${repository.url}: tuf-js refuses ${excerpt(at.role)}.json, which was found good here: ${excerpt(message, 200)}`,
      { cause, details: { url: repository.url, role: at.role } },
    );
  }
}

/** Every file that the view rests on, in the order in which the workflow takes them. */
function judgedFiles({ read, rootVersions, roles }: JudgedRepository): Judged[] {
  const versions = new Map(roles.map(({ name, version }) => [name, version]));
  const fileOf = (kind: TopRole, role: string, delegator: string, bytes: Uint8Array): Judged => {
    return { kind, role, delegator, bytes, metadata: parseMetadata(kind, bytes, roleFile(role)) };
  };
  const fileAt = (kind: TopRole, role: string, delegator: string, version: number | undefined) => {
    const bytes = read(role, version);
    return bytes && fileOf(kind, role, delegator, bytes);
  };
  const current = (kind: TopRole, role: string, delegator: string) =>
    fileAt(kind, role, delegator, versions.get(role));
  const roots = rootVersions.map((version) => fileAt('root', 'root', 'root', version)!);
  const top = (['timestamp', 'snapshot', 'targets'] as const).map((role) => current(role, role, 'root')!);
  const delegated: Judged[] = [];
  const seen = new Set(['targets']);
  const queue = [top[2]!];
  for (let next = queue.shift(); next; next = queue.shift()) {
    const targets = next.metadata as TufTargets;
    for (const role of versions.keys()) {
      if (seen.has(role) || !delegationRule(targets, role)) continue;
      seen.add(role);
      const file = current('targets', role, next.role);
      if (!file) continue;
      delegated.push(file);
      queue.push(file);
    }
  }
  return [...roots, ...top, ...delegated];
}

/** Why tuf-js should not even be given a file. */
function whyUnsuitable({ role, metadata }: Judged): string | undefined {
  const { signed } = metadata;
  const counts =
    signed._type === 'targets'
      ? [signed.targets, signed.delegations?.keys ?? {}, signed.delegations?.roles ?? {}]
      : signed._type === 'snapshot'
        ? [signed.meta]
        : [];
  const most = Math.max(0, ...counts.map((entries) => Object.keys(entries).length));
  if (most > MAX_ENTRIES_JUDGED)
    return `${roleFile(role)} has ${most} entries, and tuf-js takes quadratic time`;
  if (role in Object.prototype) return `a delegated role is called ${role}, which tuf-js cannot hold`;
  return undefined;
}

/** What of a refusal is known to be tuf-js's reading, and not the repository. */
async function whyMisread(files: readonly Judged[]): Promise<string | undefined> {
  const { Metadata } = await import('@tufjs/models');
  let root = files[0]!.metadata as TufRoot;
  const targets = new Map<string, TufTargets>();
  for (const { kind, role, delegator, metadata, bytes } of files) {
    const name = roleFile(role);
    if (metadata.signed._type === 'root' && metadata.signed.consistent_snapshot === undefined)
      return `${name} does not say whether there are consistent snapshots, which tuf-js requires`;
    const rule = delegator === 'root' ? ruleOf(root, kind) : delegationRule(targets.get(delegator)!, role)!;
    const isSignedBy = (keys: SigningRule) => validSigners(metadata, keys).length >= rule.threshold;
    if (isSignedBy(rule) && !isSignedBy(onlyKnown(rule)))
      return `${name} is signed with keys of a type that tuf-js does not know`;
    if (kind === 'root') root = metadata as TufRoot;
    if (kind === 'targets') targets.set(role, metadata as TufTargets);
    const form = canonicalAsRead(Metadata, kind, bytes);
    if (form !== formatTufCanonicalJson(metadata.signed)) return `tuf-js reads ${name} as something else`;
  }
  return undefined;
}

/** The keys that tuf-js knows how to use. */
function onlyKnown({ keys, keyids, threshold }: SigningRule): SigningRule {
  const isKnown = (key: TufKey | undefined) =>
    key !== undefined &&
    (key.keytype === 'rsa' ? /^rsassa-pss-/.test(key.scheme) : /^(?:ed25519|ecdsa)/.test(key.keytype));
  return { keys, threshold, keyids: keyids.filter((id) => isKnown(entryOf(keys, id))) };
}

/** The canonical form of what tuf-js makes of a file; `undefined` where it makes nothing of it. */
function canonicalAsRead(
  Metadata: typeof import('@tufjs/models').Metadata,
  kind: TopRole,
  bytes: Uint8Array,
): string | undefined {
  try {
    const data = parseStrictJson(bytes, kind, { code: 'TUF_INVALID' });
    const read = Metadata.fromJSON(kind as never, data as never) as { signed: { toJSON(): unknown } };
    return formatTufCanonicalJson(read.signed.toJSON());
  } catch {
    return undefined;
  }
}
