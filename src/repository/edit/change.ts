/**
 * repository/edit/: changes to metadata, in memory: targets, delegations, keys, thresholds, renewals. A draft takes
 * edits one by one and makes versions, expiries and the snapshot fit together at the end. It never signs, never
 * touches the disk, and refuses what clients would read in different ways. Expiries come from the instant that the
 * caller gives.
 * Start here, then targets.ts and delegations.ts for the edits themselves.
 */

import { addDuration, type Duration, formatInstant, type Instant, wholeSecond } from '../../base/clock.ts';
import { StellaError } from '../../base/errors.ts';
import { delegationsOf } from '../../tuf/delegation.ts';
import type { RootPart, TargetsPart, TufRoot, TufSnapshot, TufTargets } from '../../tuf/metadata.ts';
import { type MetadataFile, putEntry, SPEC_VERSION } from '../../tuf/metadata.ts';
import type { TopRole } from '../../tuf/roles.ts';
import { ruleOf, validSigners } from '../../tuf/signature.ts';
import type { Audit } from '../directory/audit.ts';
import { servedTargetPath } from '../directory/target-name.ts';

/** Metadata that is to be published: whole new files, signed or not yet. The timestamp is made when it is published. */
export interface Change {
  /** The versions that were published when the change was made; 0 where there was nothing. */
  readonly base: { readonly root: number; readonly snapshot: number };
  readonly made: Instant;
  readonly root?: TufRoot;
  /** `targets` and delegated roles that change, by name. */
  readonly roles: ReadonlyMap<string, TufTargets>;
  readonly snapshot?: TufSnapshot;
  /** New target files: path below the served directory → content. */
  readonly files: ReadonlyMap<string, Uint8Array>;
}

/** The instant `validity` from now, as TUF writes it: to the second. */
export function expiryFrom(now: Instant, validity: Duration): string {
  return formatInstant(wholeSecond(addDuration(now, validity)));
}

/** A change in the making: edits go in one by one, {@link Draft.finish} makes everything fit together. */
export class Draft {
  readonly #published: Audit | undefined;
  readonly #expires: Readonly<Record<TopRole, Duration>>;
  readonly #now: Instant;
  readonly #base: Change['base'];
  #root: TufRoot | undefined;
  readonly #roles: Map<string, TufTargets>;
  #snapshot: TufSnapshot | undefined;
  readonly #files: Map<string, Uint8Array>;
  /** Whether a new snapshot was asked for although no targets role changes. */
  #renewSnapshot = false;

  /** @param earlier a change that has not been published yet and is to go on */
  constructor(
    published: Audit | undefined,
    expires: Readonly<Record<TopRole, Duration>>,
    now: Instant,
    earlier?: Change,
  ) {
    this.#published = published;
    this.#expires = expires;
    this.#now = now;
    this.#base = earlier?.base ?? {
      root: published?.root.signed.version ?? 0,
      snapshot: published?.snapshot.signed.version ?? 0,
    };
    this.#root = earlier?.root;
    this.#roles = new Map(earlier?.roles);
    this.#snapshot = earlier?.snapshot;
    this.#files = new Map(earlier?.files);
  }

  /** The root as it would be published; undefined before there is one. */
  get root(): RootPart | undefined {
    return (this.#root ?? this.#published?.root)?.signed;
  }

  /** A targets role as it would be published. */
  role(name: string): TargetsPart | undefined {
    return (this.#roles.get(name) ?? this.#published?.roles.get(name))?.signed;
  }

  /** Every targets role as it would be published, `targets` first. */
  get roles(): ReadonlyMap<string, TufTargets> {
    return new Map([...(this.#published?.roles ?? []), ...this.#roles]);
  }

  /** A new root: what `edit` makes of the present one. Its signatures are gone. */
  editRoot(edit: (root: RootPart) => void): void {
    const signed = structuredClone(this.root) ?? {
      _type: 'root',
      spec_version: SPEC_VERSION,
      version: 0,
      expires: '',
      consistent_snapshot: true,
      keys: {},
      roles: {
        root: { keyids: [], threshold: 1 },
        timestamp: { keyids: [], threshold: 1 },
        snapshot: { keyids: [], threshold: 1 },
        targets: { keyids: [], threshold: 1 },
      },
    };
    signed.version = (this.#published?.root.signed.version ?? 0) + 1;
    signed.expires = expiryFrom(this.#now, this.#expires.root);
    edit(signed);
    this.#root = { signed, signatures: [] };
  }

  /** A new version of `targets` or of a delegated role: what `edit` makes of the present one. */
  editRole(name: string, edit: (targets: TargetsPart) => void): void {
    const signed = structuredClone(this.role(name)) ?? {
      _type: 'targets',
      spec_version: SPEC_VERSION,
      version: 0,
      expires: '',
      targets: {},
    };
    signed.version = (this.#published?.roles.get(name)?.signed.version ?? this.#lastVersion(name)) + 1;
    signed.expires = expiryFrom(this.#now, this.#expires.targets);
    edit(signed);
    this.#roles.set(name, { signed, signatures: [] });
    this.#snapshot = undefined;
  }

  /** Takes back what is new of a role, e.g. because nothing delegates to it any more. */
  dropRole(name: string): void {
    this.#roles.delete(name);
    this.#snapshot = undefined;
  }

  /** Asks for a new snapshot even if no targets role changes. */
  renewSnapshot(): void {
    this.#snapshot = undefined;
    this.#renewSnapshot = true;
  }

  addFile(path: string, bytes: Uint8Array): void {
    this.#files.set(path, bytes);
  }

  /** A file that this change adds. */
  fileAt(path: string): Uint8Array | undefined {
    return this.#files.get(path);
  }

  /**
   * Makes everything fit together: roles that the new keys leave without enough signatures are issued anew, and the
   * snapshot lists what there is.
   * @throws StellaError USAGE when nothing changes
   */
  finish(): Change {
    const reachable = this.#reissueUnsigned();
    const snapshotNeeded = this.#roles.size > 0 || this.#renewSnapshot || this.#isUnderSigned('snapshot');
    const snapshot = this.#snapshot ?? (snapshotNeeded ? this.#makeSnapshot(reachable) : undefined);
    if (!this.#root && !snapshot) throw new StellaError('USAGE', 'there is nothing to change');
    return {
      base: this.#base,
      made: this.#now,
      ...(this.#root ? { root: this.#root } : {}),
      roles: new Map(this.#roles),
      ...(snapshot ? { snapshot } : {}),
      files: this.#listedFiles(),
    };
  }

  /** The new files that still belong to a target. */
  #listedFiles(): Map<string, Uint8Array> {
    const listed = new Set<string>();
    for (const { signed } of this.#roles.values())
      for (const [name, { hashes }] of Object.entries(signed.targets))
        listed.add(servedTargetPath(name, hashes['sha256'] ?? ''));
    return new Map([...this.#files].filter(([path]) => listed.has(path)));
  }

  /** Whether the published metadata of a top-level role does not satisfy the new root. */
  #isUnderSigned(role: 'targets' | 'snapshot'): boolean {
    if (!this.#root || !this.#published) return false;
    const metadata: MetadataFile =
      role === 'targets' ? this.#published.roles.get('targets')! : this.#published.snapshot;
    const rule = ruleOf(this.#root, role);
    return validSigners(metadata, rule).length < rule.threshold;
  }

  /** Issues anew what the new keys leave unsigned; returns the names of all targets roles that clients can reach. */
  #reissueUnsigned(): ReadonlySet<string> {
    if (!this.#roles.has('targets') && this.#isUnderSigned('targets')) this.editRole('targets', () => {});
    // Issuing a role anew does not change whom it delegates to, so one pass is enough.
    const current = this.roles;
    const reachable = new Set(['targets']);
    for (const name of reachable) {
      const metadata = current.get(name);
      if (!metadata) continue;
      for (const [child, rule] of delegationsOf(metadata)) {
        reachable.add(child);
        const carried = current.get(child);
        if (!carried) this.editRole(child, () => {});
        else if (!this.#roles.has(child) && validSigners(carried, rule).length < rule.threshold)
          this.editRole(child, () => {});
      }
    }
    for (const name of current.keys()) if (!reachable.has(name)) this.dropRole(name);
    return reachable;
  }

  #makeSnapshot(listed: ReadonlySet<string>): TufSnapshot {
    const before = this.#published?.snapshot.signed;
    const roles = this.roles;
    // Files that a snapshot has listed stay listed: clients take a file that vanishes for an attack (§5.5.5).
    const meta = structuredClone<TufSnapshot['signed']['meta']>(before?.meta ?? {});
    for (const name of [...listed].sort())
      putEntry(meta, `${name}.json`, { version: roles.get(name)!.signed.version });
    return {
      signed: {
        _type: 'snapshot',
        spec_version: SPEC_VERSION,
        version: (before?.version ?? 0) + 1,
        expires: expiryFrom(this.#now, this.#expires.snapshot),
        meta,
      },
      signatures: [],
    };
  }

  /** The version that a role had when it was last listed: a role that comes back goes on counting. */
  #lastVersion(name: string): number {
    const meta = this.#published?.snapshot.signed.meta ?? {};
    const file = `${name}.json`;
    return Object.hasOwn(meta, file) ? (meta as Record<string, { version: number }>)[file]!.version : 0;
  }
}
