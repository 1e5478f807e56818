import { sha256Hex } from '../base/bytes.ts';
import type { Instant } from '../base/clock.ts';
import { StellaError } from '../base/errors.ts';
import type { TufTimestamp } from '../base/schema-types.ts';
import { auditRepository, expiryOf, type RepositoryReader } from './audit.ts';
import { type Change, expiryFrom } from './change.ts';
import type { KeyRing } from './key-ring.ts';
import {
  addSignature,
  formatMetadata,
  type MetadataFile,
  ruleOf,
  SPEC_VERSION,
  validSigners,
} from './metadata.ts';
import { progressOf, type Requirement, requirementsOf } from './requirements.ts';
import { directoryReader, type WorkingDirectory, writeClock, writePublic } from './working-directory.ts';

/** What a publication wrote, in the order in which it was written. */
export interface Publication {
  readonly written: readonly string[];
  readonly versions: Readonly<Record<string, number>>;
}

/** Every metadata file of a change, by role. */
export function filesOf(change: Change): Map<string, MetadataFile> {
  return new Map<string, MetadataFile>([
    ...(change.root ? [['root', change.root] as const] : []),
    ...change.roles,
    ...(change.snapshot ? [['snapshot', change.snapshot] as const] : []),
  ]);
}

/** The same change with other metadata of one role. */
export function withMetadata(change: Change, role: string, metadata: MetadataFile): Change {
  switch (metadata.signed._type) {
    case 'root':
      return { ...change, root: metadata as NonNullable<Change['root']> };
    case 'snapshot':
      return { ...change, snapshot: metadata as NonNullable<Change['snapshot']> };
    default:
      return { ...change, roles: new Map(change.roles).set(role, metadata as never) };
  }
}

/** Adds every signature that is still needed and whose key is at hand; with `roles`, to those roles only. */
export async function signChange(
  change: Change,
  directory: Pick<WorkingDirectory, 'published'>,
  ring: KeyRing,
  roles?: ReadonlySet<string>,
): Promise<Change> {
  let signed = change;
  for (const [role, metadata] of filesOf(change)) {
    if (roles && !roles.has(role)) continue;
    const requirements = requirementsOf(role, change, directory.published);
    signed = withMetadata(signed, role, await signMetadata(metadata, requirements, ring));
  }
  return signed;
}

async function signMetadata<M extends MetadataFile>(
  metadata: M,
  requirements: readonly Requirement[],
  ring: KeyRing,
): Promise<M> {
  let signed = metadata;
  for (const { rule } of requirements) {
    for (const keyid of rule.keyids) {
      const key = Object.hasOwn(rule.keys, keyid) ? rule.keys[keyid] : undefined;
      if (!key || validSigners(signed, { ...rule, keyids: [keyid] }).length > 0) continue;
      const signer = await ring.signerOf(keyid, key);
      if (signer) signed = await addSignature(signed, keyid, key, signer);
    }
  }
  return signed;
}

/**
 * Signs a timestamp for the given snapshot bytes.
 * @throws StellaError REPO_THRESHOLD
 */
export async function makeTimestamp(
  directory: WorkingDirectory,
  change: Change | undefined,
  snapshot: { readonly version: number; readonly bytes: Uint8Array },
  ring: KeyRing,
  now: Instant,
): Promise<TufTimestamp> {
  const { published } = directory;
  const timestamp: TufTimestamp = {
    signed: {
      _type: 'timestamp',
      spec_version: SPEC_VERSION,
      version: (published?.timestamp.signed.version ?? 0) + 1,
      expires: expiryFrom(now, directory.settings.expires.timestamp),
      meta: {
        'snapshot.json': {
          version: snapshot.version,
          length: snapshot.bytes.length,
          hashes: { sha256: sha256Hex(snapshot.bytes) },
        },
      },
    },
    signatures: [],
  };
  const empty: Change = { base: { root: 0, snapshot: 0 }, made: now, roles: new Map(), files: new Map() };
  const requirements = requirementsOf('timestamp', change ?? empty, published);
  const signed = await signMetadata(timestamp, requirements, ring);
  checkProgress('timestamp', signed, requirements);
  return signed;
}

/** @throws StellaError REPO_THRESHOLD naming the keys that may still sign */
export function checkProgress(
  role: string,
  metadata: MetadataFile,
  requirements: readonly Requirement[],
): void {
  for (const { by, rule, signed, missing } of progressOf(metadata, requirements)) {
    if (missing === 0) continue;
    const others = rule.keyids.filter((keyid) => !signed.includes(keyid));
    throw new StellaError(
      'REPO_THRESHOLD',
      `${role} needs ${missing} more signature${missing === 1 ? '' : 's'} by keys of ${by}: ${signed.length} of ${rule.threshold} are there`,
      { details: { role, needed: rule.threshold, signed, missing: others } },
    );
  }
}

/**
 * Publishes a change: adds the signatures of snapshot and timestamp, checks that clients can go from what is published to
 * what will be, and moves it into place so that a client sees a valid repository at every instant.
 * @throws StellaError REPO_STAGE, REPO_THRESHOLD, REPO_INVALID, WRITE_FAILED
 */
export async function publishChange(
  directory: WorkingDirectory,
  staged: Change,
  ring: KeyRing,
  now: Instant,
): Promise<Publication> {
  checkBase(directory, staged);
  const change = await signChange(staged, directory, ring, new Set(['snapshot']));
  for (const [role, metadata] of filesOf(change)) {
    checkProgress(role, metadata, requirementsOf(role, change, directory.published));
    if (expiryOf(metadata, role) <= now)
      throw new StellaError(
        'REPO_STAGE',
        `the staged ${role} metadata expired at ${metadata.signed.expires}`,
      );
  }
  const steps = await planSteps(directory, change, ring, now);
  checkSteps(directory, steps);
  for (const [path, bytes] of steps) writePublic(directory.public, path, bytes);
  writeClock(directory.path, now);
  return {
    written: steps.map(([path]) => path),
    versions: Object.fromEntries([...filesOf(change)].map(([role, { signed }]) => [role, signed.version])),
  };
}

/** @throws StellaError REPO_STAGE when something else has been published in the meantime */
export function checkBase(directory: WorkingDirectory, change: Change): void {
  const root = directory.published?.root.signed.version ?? 0;
  const snapshot = directory.published?.snapshot.signed.version ?? 0;
  if (change.base.root !== root || change.base.snapshot !== snapshot)
    throw new StellaError(
      'REPO_STAGE',
      `the change was staged on root ${change.base.root} and snapshot ${change.base.snapshot}, but root ${root} and snapshot ${snapshot} are published now`,
      { hint: 'discard it with `stella repo stage --discard`, then make the change again' },
    );
}

type Step = readonly [path: string, bytes: Uint8Array];

/**
 * The files in the order in which they are written: first those that nothing refers to yet, then the timestamp. A new
 * root comes after it, because it takes effect by itself and everything that the timestamp leads to is signed for both
 * roots; only the very first one comes first.
 */
async function planSteps(
  directory: WorkingDirectory,
  change: Change,
  ring: KeyRing,
  now: Instant,
): Promise<Step[]> {
  const { published } = directory;
  const steps: Step[] = [...change.files];
  const rootStep: Step[] = change.root
    ? [[`${change.root.signed.version}.root.json`, formatMetadata(change.root)]]
    : [];
  if (!published) steps.push(...rootStep);
  for (const [role, metadata] of change.roles)
    steps.push([`${metadata.signed.version}.${role}.json`, formatMetadata(metadata)]);
  const timestampRule = change.root ? ruleOf(change.root, 'timestamp') : undefined;
  const timestampLapses =
    published && timestampRule
      ? validSigners(published.timestamp, timestampRule).length < timestampRule.threshold
      : false;
  if (change.snapshot || timestampLapses) {
    const version = (change.snapshot ?? published!.snapshot).signed.version;
    const path = `${version}.snapshot.json`;
    const bytes = change.snapshot
      ? formatMetadata(change.snapshot)
      : directoryReader(directory.public)(path)!;
    if (change.snapshot) steps.push([path, bytes]);
    const timestamp = await makeTimestamp(directory, change, { version, bytes }, ring, now);
    steps.push(['timestamp.json', formatMetadata(timestamp)]);
  }
  if (published) steps.push(...rootStep);
  return steps;
}

/** Goes through the publication as clients would, from the root that they have, after each step that they can notice. */
function checkSteps(directory: WorkingDirectory, steps: readonly Step[]): void {
  const { published } = directory;
  const done = new Map<string, Uint8Array>();
  const onDisk = directoryReader(directory.public);
  const read: RepositoryReader = (path) => done.get(path) ?? onDisk(path);
  for (const [path, bytes] of steps) {
    done.set(path, bytes);
    if (path !== 'timestamp.json' && !(published && path.endsWith('.root.json'))) continue;
    try {
      auditRepository(read, { files: true, ...(published ? { trustedRoot: published.rootBytes } : {}) });
    } catch (cause) {
      throw new StellaError(
        'REPO_INVALID',
        `clients would refuse the repository after ${path}: ${cause instanceof Error ? cause.message : ''}`,
        { cause },
      );
    }
  }
}
