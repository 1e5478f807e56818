/**
 * repository/publish/: from a finished change to published files: who must sign, whose signatures are there, what lies
 * staged until all are, and the order of writes. Files that nothing names yet come first and the timestamp last, so
 * that an interruption at any point leaves a repository that verifies. It never publishes below a threshold, and never
 * alters what a change says.
 * Start here, then requirements.ts for who must sign and staged.ts for changes that wait.
 */

import { equalBytes, sha256Hex } from '../../base/bytes.ts';
import { earliest, type Instant, instant } from '../../base/clock.ts';
import { StellaError } from '../../base/errors.ts';
import type { TufTimestamp } from '../../tuf/metadata.ts';
import { formatMetadata, type MetadataFile, SPEC_VERSION, signedBytes } from '../../tuf/metadata.ts';
import { expiryOf } from '../../tuf/parse-metadata.ts';
import { type JudgedRepository, secondOpinion } from '../../tuf/second-opinion.ts';
import { ruleOf, validSigners } from '../../tuf/signature.ts';
import { type Audit, auditRepository, expiriesOf, type RepositoryReader } from '../directory/audit.ts';
import {
  directoryReader,
  type PublicFile,
  type WorkingDirectory,
  writeClock,
  writePublic,
} from '../directory/working-directory.ts';
import { type Change, expiryFrom } from '../edit/change.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import { type OldKeys, requirementsOf } from './requirements.ts';
import { checkProgress, filesOf, signChange, signMetadata } from './sign-change.ts';

/** What a publication wrote, in the order in which it was written. */
export interface Publication {
  readonly written: readonly string[];
  readonly versions: Readonly<Record<string, number>>;
}

/** Whether two metadata files say the same, whoever signed them. */
export function saysTheSame(a: MetadataFile, b: MetadataFile | undefined): boolean {
  return b !== undefined && equalBytes(signedBytes(a), signedBytes(b));
}

/**
 * Publishes a change: adds the signatures of snapshot and timestamp, checks that clients can go from what is published to
 * what will be, and moves it into place so that a client sees a valid repository at every instant. What an interrupted run
 * has published already is not published again.
 * @param oldKeys `lost` if a role has to do without the signatures of its old keys: clients that synchronize at the very
 *   moment are then refused once
 * @throws StellaError REPO_STAGE, REPO_THRESHOLD, REPO_INVALID, WRITE_FAILED
 */
export async function publishChange(
  directory: WorkingDirectory,
  staged: Change,
  ring: KeyRing,
  now: Instant,
  oldKeys: OldKeys = 'sign',
): Promise<Publication> {
  const { published } = directory;
  const pending = pendingOf(staged, published);
  const { change } = await signChange(pending, published, ring, new Set(['snapshot']));
  for (const [role, metadata] of filesOf(change)) {
    checkProgress(role, metadata, requirementsOf(role, change, published, oldKeys), ring.nameOf);
    if (expiryOf(metadata) <= now)
      throw new StellaError(
        'REPO_STAGE',
        `the staged ${role} metadata expired at ${metadata.signed.expires}`,
        {
          hint: 'discard it with `stella repo stage --discard`, then make the change again',
        },
      );
  }
  const steps = await planSteps(directory, change, ring, now, oldKeys);
  const audit = checkSteps(directory, steps);
  await secondOpinion(judgedAudit(audit, now));
  const firstVisible = steps.findIndex(([path]) => path === 'timestamp.json' || path.endsWith('.root.json'));
  writePublic(directory.public, steps.slice(0, firstVisible), steps.slice(firstVisible));
  writeClock(directory.path, now);
  return {
    written: steps.map(([path]) => path),
    versions: Object.fromEntries([...filesOf(staged)].map(([role, { signed }]) => [role, signed.version])),
  };
}

/**
 * What of a change is still to be published.
 * @throws StellaError REPO_STAGE when something else has been published in the meantime
 */
function pendingOf(staged: Change, published: Audit | undefined): Change {
  const { root, snapshot, ...rest } = staged;
  const rootDone = root !== undefined && saysTheSame(root, published?.root);
  // The snapshot names versions only, so the roles themselves have to be compared too.
  const snapshotDone =
    snapshot !== undefined &&
    saysTheSame(snapshot, published?.snapshot) &&
    [...staged.roles].every(([role, metadata]) => saysTheSame(metadata, published?.roles.get(role)));
  const rootVersion = published?.root.signed.version ?? 0;
  const snapshotVersion = published?.snapshot.signed.version ?? 0;
  if (
    (!rootDone && staged.base.root !== rootVersion) ||
    (!snapshotDone && staged.base.snapshot !== snapshotVersion)
  )
    throw new StellaError(
      'REPO_STAGE',
      `the change was made on root ${staged.base.root} and snapshot ${staged.base.snapshot}, but root ${rootVersion} and snapshot ${snapshotVersion} are published now`,
      { hint: 'discard it with `stella repo stage --discard`, then make the change again' },
    );
  return {
    ...rest,
    ...(rootDone || !root ? {} : { root }),
    ...(snapshotDone || !snapshot ? {} : { snapshot }),
    roles: snapshotDone ? new Map() : staged.roles,
    files: snapshotDone ? new Map() : staged.files,
  };
}

/**
 * Signs a timestamp that names a snapshot.
 * @throws StellaError REPO_THRESHOLD
 */
export async function makeTimestamp(
  directory: WorkingDirectory,
  change: Change | undefined,
  snapshot: { readonly version: number; readonly bytes: Uint8Array },
  ring: KeyRing,
  now: Instant,
  oldKeys: OldKeys = 'sign',
): Promise<TufTimestamp> {
  const { published, settings } = directory;
  const meta = {
    version: snapshot.version,
    length: snapshot.bytes.length,
    hashes: { sha256: sha256Hex(snapshot.bytes) },
  };
  const timestamp: TufTimestamp = {
    signed: {
      _type: 'timestamp',
      spec_version: SPEC_VERSION,
      version: (published?.timestamp.signed.version ?? 0) + 1,
      expires: expiryFrom(now, settings.expires.timestamp),
      meta: { 'snapshot.json': meta },
    },
    signatures: [],
  };
  const requirements = requirementsOf('timestamp', change, published, oldKeys);
  const signed = await signMetadata(timestamp, requirements, ring);
  checkProgress('timestamp', signed, requirements, ring.nameOf);
  return signed;
}

/**
 * The files in the order in which they are written: first those that nothing refers to yet, then the timestamp. A new
 * root comes after it, because it takes effect by itself, and everything that the timestamp leads to is signed for both
 * roots; only the very first root, and one whose predecessors' keys are lost, comes before.
 */
async function planSteps(
  directory: WorkingDirectory,
  change: Change,
  ring: KeyRing,
  now: Instant,
  oldKeys: OldKeys,
): Promise<PublicFile[]> {
  const { published } = directory;
  const rootSteps: PublicFile[] = change.root
    ? [[`${change.root.signed.version}.root.json`, formatMetadata(change.root)]]
    : [];
  const rootFirst = !published || oldKeys === 'lost';
  const steps: PublicFile[] = [...change.files];
  for (const [role, metadata] of change.roles)
    steps.push([`${metadata.signed.version}.${role}.json`, formatMetadata(metadata)]);
  const snapshot = (change.snapshot ?? published?.snapshot)!;
  const { version } = snapshot.signed;
  const snapshotPath = `${version}.snapshot.json`;
  const bytes = change.snapshot ? formatMetadata(change.snapshot) : published!.files.get(snapshotPath)!;
  if (change.snapshot) steps.push([snapshotPath, bytes]);
  if (rootFirst) steps.push(...rootSteps);
  if (change.snapshot || lapses(published, change.root)) {
    const timestamp = await makeTimestamp(directory, change, { version, bytes }, ring, now, oldKeys);
    steps.push(['timestamp.json', formatMetadata(timestamp)]);
  }
  if (!rootFirst) steps.push(...rootSteps);
  return steps;
}

/** Whether a new root leaves the published timestamp without enough signatures. */
function lapses(published: Audit | undefined, root: Change['root']): boolean {
  if (!published || !root) return false;
  const rule = ruleOf(root, 'timestamp');
  return validSigners(published.timestamp, rule).length < rule.threshold;
}

/** What clients will find, for tuf-js to judge. That something else has expired is no reason not to publish this. */
function judgedAudit(audit: Audit, now: Instant): JudgedRepository {
  const roles = expiriesOf(audit).map(({ role, ...rest }) => ({ name: role, ...rest }));
  const firstExpiry = Math.min(...roles.map(({ expires }) => expires));
  return {
    url: 'to be published',
    referenceTime: earliest(now, instant(firstExpiry - 1)),
    rootVersions: audit.rootVersions,
    roles,
    read: (role, version) => {
      const name = encodeURIComponent(role);
      return audit.files.get(`${version}.${name}.json`) ?? audit.files.get(`${name}.json`);
    },
  };
}

/**
 * Goes through the publication as clients would, from the root that they have, after each step that they can notice.
 * @returns what they find in the end
 */
function checkSteps(directory: WorkingDirectory, steps: readonly PublicFile[]): Audit {
  const { published } = directory;
  const done = new Map<string, Uint8Array>();
  const onDisk = directoryReader(directory.public);
  const read: RepositoryReader = (path) => done.get(path) ?? onDisk(path);
  let audit = published;
  steps.forEach(([path, bytes], index) => {
    done.set(path, bytes);
    const isLast = index === steps.length - 1;
    if (!isLast && path !== 'timestamp.json') return;
    try {
      audit = auditRepository(read, {
        files: isLast,
        ...(published ? { trustedRoot: published.rootBytes } : {}),
      });
    } catch (cause) {
      throw new StellaError(
        'REPO_INVALID',
        `clients would refuse the repository after ${path}: ${cause instanceof Error ? cause.message : ''}`,
        { cause },
      );
    }
  });
  return audit!;
}
