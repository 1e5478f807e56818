import { excerpt } from '../../base/bytes.ts';
import type { Instant } from '../../base/clock.ts';
import { isStellaError, StellaError } from '../../base/errors.ts';
import { delegationsOf } from '../../tuf/delegation.ts';
import { checkMetaFile } from '../../tuf/meta-file.ts';
import type { MetadataFile, TufRoot, TufSnapshot, TufTargets, TufTimestamp } from '../../tuf/metadata.ts';
import { expiryOf, parseMetadata } from '../../tuf/parse-metadata.ts';
import { checkThreshold, ruleOf, type SigningRule } from '../../tuf/signature.ts';

/** A published repository: a path below the served directory → its bytes, if there is such a file. */
export type RepositoryReader = (path: string) => Uint8Array | undefined;

/** Everything that a repository publishes, its signatures checked. */
export interface Audit {
  readonly root: TufRoot;
  readonly rootBytes: Uint8Array;
  /** The versions of the chain that was walked, first to last. */
  readonly rootVersions: readonly number[];
  readonly timestamp: TufTimestamp;
  readonly snapshot: TufSnapshot;
  /** `targets` and every delegated role, by name. */
  readonly roles: ReadonlyMap<string, TufTargets>;
  /** Who must sign each delegated role: one rule for each role that delegates to it. */
  readonly delegations: ReadonlyMap<string, readonly SigningRule[]>;
  /** The metadata files as they were read, with every root that was walked: path → bytes. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

export interface AuditOptions {
  /** The root to begin with; without it, the first that the repository still has. */
  readonly trustedRoot?: Uint8Array;
  /** Whether to read every target file too. */
  readonly files?: boolean;
}

/** Twice what clients walk at most. */
const MAX_ROOTS = 512;

/**
 * Walks a repository as the client workflow does (TUF specification §5.3–5.7), but visits every delegated role and,
 * if asked, every target. Expiry is not judged: see {@link expiredRoles}.
 * @throws StellaError TUF_INVALID, TUF_SIGNATURE, TUF_ROLLBACK, TUF_MISMATCH
 */
export function auditRepository(read: RepositoryReader, options: AuditOptions = {}): Audit {
  try {
    return walkRepository(read, options);
  } catch (error) {
    if (!isStellaError(error, 'TUF_SIGNATURE')) throw error;
    throw error.with({
      hint: 'the file was altered after it was signed, or its keys have not signed it: put back what was published before, from a mirror or a backup',
    });
  }
}

function walkRepository(read: RepositoryReader, options: AuditOptions): Audit {
  const { root, rootBytes, rootVersions, files } = walkRoots(read, options.trustedRoot);
  const fetch = (path: string) => {
    const bytes = need(read, path);
    files.set(path, bytes);
    return bytes;
  };
  const timestamp = parseMetadata('timestamp', fetch('timestamp.json'), 'timestamp.json');
  checkThreshold(timestamp, ruleOf(root, 'timestamp'), 'timestamp.json');

  const consistent = root.signed.consistent_snapshot ?? false;
  const pathOf = (name: string, version: number) =>
    `${consistent ? `${version}.` : ''}${encodeURIComponent(name)}.json`;
  const load = <K extends 'snapshot' | 'targets'>(
    kind: K,
    name: string,
    meta: { version: number; length?: number; hashes?: Record<string, string> },
  ) => {
    const path = pathOf(name, meta.version);
    const bytes = fetch(path);
    checkMetaFile(bytes, meta, path);
    const metadata = parseMetadata(kind, bytes, path);
    if (metadata.signed.version !== meta.version)
      throw new StellaError(
        'TUF_MISMATCH',
        `${path} has version ${metadata.signed.version}, ${meta.version} was announced`,
      );
    return metadata;
  };

  const snapshot = load('snapshot', 'snapshot', timestamp.signed.meta['snapshot.json']);
  checkThreshold(snapshot, ruleOf(root, 'snapshot'), 'snapshot.json');

  const roles = new Map<string, TufTargets>();
  const delegations = new Map<string, SigningRule[]>();
  const queue: [string, SigningRule][] = [['targets', ruleOf(root, 'targets')]];
  for (let next = queue.shift(); next; next = queue.shift()) {
    const [name, rule] = next;
    const known = roles.get(name);
    const file = `${name}.json`;
    const meta = Object.hasOwn(snapshot.signed.meta, file) ? snapshot.signed.meta[file] : undefined;
    if (!meta) throw new StellaError('TUF_MISMATCH', `the snapshot does not list the delegated role ${name}`);
    const metadata = known ?? load('targets', name, meta);
    checkThreshold(metadata, rule, file);
    if (name !== 'targets') delegations.set(name, [...(delegations.get(name) ?? []), rule]);
    if (known) continue;
    roles.set(name, metadata);
    queue.push(...delegationsOf(metadata));
  }
  if (options.files) for (const metadata of roles.values()) checkTargetFiles(read, metadata, consistent);
  return { root, rootBytes, rootVersions, timestamp, snapshot, roles, delegations, files };
}

/** Every role whose metadata is past its expiry at `now`, with that instant. */
export function expiredRoles(audit: Audit, now: Instant): { role: string; expires: Instant }[] {
  return expiriesOf(audit).filter(({ expires }) => expires <= now);
}

/** Every role with the instant at which it expires. */
export function expiriesOf(audit: Audit): { role: string; version: number; expires: Instant }[] {
  const all: [string, MetadataFile][] = [
    ['root', audit.root],
    ['timestamp', audit.timestamp],
    ['snapshot', audit.snapshot],
    ...audit.roles,
  ];
  return all.map(([role, metadata]) => ({
    role,
    version: metadata.signed.version,
    expires: expiryOf(metadata),
  }));
}

function need(read: RepositoryReader, path: string): Uint8Array {
  const bytes = read(path);
  if (!bytes) throw new StellaError('TUF_MISMATCH', `the repository has no ${path}`);
  return bytes;
}

function walkRoots(read: RepositoryReader, trustedRoot: Uint8Array | undefined) {
  let rootBytes = trustedRoot;
  for (let version = 1; !rootBytes && version <= MAX_ROOTS; version += 1)
    rootBytes = read(`${version}.root.json`);
  if (!rootBytes) throw new StellaError('TUF_MISMATCH', 'the repository has no root metadata');
  let root = parseMetadata('root', rootBytes, trustedRoot ? 'the trusted root' : 'the first root');
  checkThreshold(root, ruleOf(root, 'root'), 'the first root');
  const rootVersions = [root.signed.version];
  const files = new Map([[`${root.signed.version}.root.json`, rootBytes]]);
  while (rootVersions.length <= MAX_ROOTS) {
    const version = root.signed.version + 1;
    const path = `${version}.root.json`;
    const bytes = read(path);
    if (!bytes) break;
    const next = parseMetadata('root', bytes, path);
    checkThreshold(next, ruleOf(root, 'root'), path);
    checkThreshold(next, ruleOf(next, 'root'), path);
    if (next.signed.version !== version)
      throw new StellaError('TUF_ROLLBACK', `${path} has version ${next.signed.version}`);
    root = next;
    rootBytes = bytes;
    files.set(path, bytes);
    rootVersions.push(version);
  }
  return { root, rootBytes, rootVersions, files };
}

function checkTargetFiles(read: RepositoryReader, metadata: TufTargets, consistent: boolean): void {
  for (const [name, target] of Object.entries(metadata.signed.targets)) {
    if (name.split('/').some((segment) => segment === '' || segment === '.' || segment === '..'))
      throw new StellaError('TUF_INVALID', `target name ${excerpt(name)} leads out of the repository`);
    const digests = Object.values(target.hashes);
    if (digests.length === 0) throw new StellaError('TUF_INVALID', `target ${name} has no hash`);
    const slash = name.lastIndexOf('/') + 1;
    const paths = consistent
      ? digests.map((digest) => `targets/${name.slice(0, slash)}${digest}.${name.slice(slash)}`)
      : [`targets/${name}`];
    const path = paths.find((candidate) => read(candidate) !== undefined) ?? paths[0]!;
    checkMetaFile(need(read, path), { version: 1, ...target }, path);
  }
}
