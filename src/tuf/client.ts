/**
 * tuf/: one model of TUF metadata, for those who author a repository and for those who follow one. metadata.ts says what
 * metadata is, signature.ts who has signed it, delegation.ts who may speak for a target. This file is the client workflow
 * of the specification (1.0, §5) and judges nothing: trusted-set.ts has the rules, one method for each step. The room
 * never decides what a target is trusted for (trust/ does), and changes no other package: tuf-js is asked for a second
 * opinion, in second-opinion.ts alone.
 * Start here, then refresh.ts (a repository to disk), load.ts (read again) and view.ts (what a verified one offers).
 */

import { excerpt } from '../base/bytes.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { delegatesFor, isBin } from './delegation.ts';
import { recoversFromFastForward } from './fast-forward.ts';
import { metadataPath, TakenPaths } from './layout.ts';
import { entryOf, type MetaFile, type TufTargets } from './metadata.ts';
import { MAX_BYTES, MAX_SIGNED_BYTES, metadataFileName } from './metadata-file.ts';
import { isTopRole } from './roles.ts';
import { type MetadataOrigin, TrustedSet } from './trusted-set.ts';
import type { ClientOptions, OmittedRole, TufRole, TufTarget } from './types.ts';

const MAX_ROOT_ROTATIONS = 1024;
const MAX_DELEGATIONS_SEARCHED = 32;

/** The client workflow over {@link TrustedSet}: it fetches, the set judges. */
export class TufClient {
  readonly #options: ClientOptions;
  readonly #set: TrustedSet;
  readonly #roots: { version: number; bytes: Uint8Array }[] = [];
  /** What delegated roles could not be used for: they are asked for once. */
  readonly #omitted = new Map<string, StellaError>();
  /** Duly signed, but expired: kept so that whoever verifies again finds the same. */
  readonly #expired = new Map<string, TufRole & { readonly bytes: Uint8Array }>();
  readonly #checkedDelegations = new Set<string>();
  readonly #paths = new TakenPaths();
  #changed = false;

  /** @throws StellaError TUF_SIGNATURE, TUF_INVALID */
  constructor(options: ClientOptions) {
    this.#options = options;
    this.#set = new TrustedSet(options.url, options.referenceTime, options.trustedRoot);
    this.#accept('root', this.#set.root.signed.version, options.trustedRoot);
  }

  /** Every root from the one that was vouched for to the newest. */
  get roots(): readonly { readonly version: number; readonly bytes: Uint8Array }[] {
    return this.#roots;
  }

  /** Every trusted metadata file, old roots included. */
  get files(): { readonly role: string; readonly version: number; readonly bytes: Uint8Array }[] {
    const current = [...this.#set.roles, ...this.#expired.values()].filter(({ name }) => name !== 'root');
    return [
      ...this.#roots.map((root) => ({ role: 'root', ...root })),
      ...current.map(({ name, version, bytes }) => ({ role: name, version, bytes })),
    ];
  }

  get consistentSnapshot(): boolean {
    return this.#set.root.signed.consistent_snapshot ?? false;
  }

  /** Whether the source had anything that was not held locally. */
  get changed(): boolean {
    return this.#changed;
  }

  /** The trusted roles, top-level ones first, and those that have expired. */
  get roles(): TufRole[] {
    return [...this.#set.roles, ...this.#expired.values()].map(({ bytes: _, ...role }) => role);
  }

  /** Delegated roles that could not be used, with the reason. */
  get omittedRoles(): OmittedRole[] {
    return [...this.#omitted].map(([role, error]) => ({ role, error }));
  }

  /** The names of the targets that no role was delegated. */
  get topLevelTargets(): string[] {
    return Object.keys(this.#set.targets('targets')!.signed.targets);
  }

  /** The names of all roles that the snapshot lists. */
  get snapshotRoles(): string[] {
    return Object.keys(this.#set.snapshot?.signed.meta ?? {}).map((file) => file.replace(/\.json$/, ''));
  }

  /**
   * Updates root, timestamp, snapshot and top-level targets (§5.3–§5.6).
   * @throws StellaError TUF_*, and what the source throws
   */
  async refresh(): Promise<void> {
    // Rotated timestamp or snapshot keys are how a repository recovers from a fast-forward attack: the metadata that was
    // held is forgotten (§5.3.11).
    const guards = await this.#updateRoot();
    const oldSnapshot = guards ? this.#loadHeldTimestamp() : undefined;
    await this.#updateTimestamp();
    await this.#updateSnapshot(oldSnapshot);
    await this.#loadTargets('targets', 'root');
  }

  /**
   * Finds a target by the preorder depth-first search of §5.6.7, loading the roles that it passes. Call it after
   * {@link refresh}.
   * @param roles the delegated roles that are asked, where not all are
   * @throws StellaError TUF_*, and what the source throws, where a role on the way cannot be used: what it would have
   *   said of the target is not known
   */
  async find(name: string, roles?: ReadonlySet<string>): Promise<TufTarget | undefined> {
    // What the top-level role lists, it speaks for itself.
    const own = targetOf(this.#set.targets('targets')!, name, 'targets');
    if (own) return own;
    const stack = [{ role: 'targets', delegator: 'root' }];
    const visited = new Set<string>();
    while (visited.size <= MAX_DELEGATIONS_SEARCHED) {
      const next = stack.pop();
      if (!next) return undefined;
      if (visited.has(next.role)) continue;
      await this.#loadTargets(next.role, next.delegator);
      const metadata = this.#set.targets(next.role)!;
      const target = targetOf(metadata, name, next.role);
      if (target) return target;
      visited.add(next.role);
      const children: typeof stack = [];
      for (const { role, terminating } of delegatesFor(metadata, name)) {
        if (roles && !roles.has(role)) continue;
        children.push({ role, delegator: next.role });
        if (terminating) {
          stack.length = 0;
          break;
        }
      }
      stack.push(...children.reverse());
    }
    return undefined;
  }

  /**
   * Loads the delegated roles, whatever they are for. Those that cannot be used are left out: see {@link omittedRoles}.
   * @param roles the only ones that are loaded, as far as they delegate to each other; each must be in order
   * @returns the names of all targets that are listed
   * @throws StellaError what is wrong with one of `roles`; what the source throws for other reasons than a repository's
   */
  async loadDelegations(roles?: ReadonlySet<string>): Promise<Set<string>> {
    const names = new Set<string>();
    const visited = new Set<string>();
    const queue = ['targets'];
    for (let role = queue.shift(); role !== undefined; role = queue.shift()) {
      if (visited.has(role)) continue;
      visited.add(role);
      const metadata = this.#set.targets(role)!;
      for (const name of Object.keys(metadata.signed.targets)) names.add(name);
      for (const child of this.#childrenOf(metadata)) {
        if (roles && !roles.has(child)) continue;
        try {
          await this.#loadTargets(child, role);
          queue.push(child);
        } catch (error) {
          if (roles || !this.#omitted.has(child)) throw error;
        }
      }
    }
    return names;
  }

  /** The roles that are delegated to; of hash bins those that there are, since there could be 2^32. */
  #childrenOf({ signed }: TufTargets): string[] {
    const { roles, succinct_roles: bins } = signed.delegations ?? {};
    if (roles) return roles.map(({ name }) => name);
    return bins ? this.snapshotRoles.filter((name) => isBin(bins, name)) : [];
  }

  /** §5.3. @returns whether what was trusted under the old root still guards against rollback */
  async #updateRoot(): Promise<boolean> {
    const { held, source } = this.#options;
    let lastHeld = this.#set.root.signed;
    for (let i = 0; i < MAX_ROOT_ROTATIONS; i += 1) {
      // §5.3.2
      const version = this.#set.root.signed.version + 1;
      const own = held?.('root', version);
      const bytes = own ?? (await source('root', version, MAX_BYTES.root));
      if (!bytes) {
        // §5.3.11
        return !recoversFromFastForward(lastHeld, this.#set.root.signed);
      }
      this.#set.updateRoot(bytes, own ? 'held' : 'source');
      // §5.3.8
      this.#accept('root', version, bytes);
      if (own) lastHeld = this.#set.root.signed;
      else this.#changed = true;
    }
    throw new StellaError(
      'TUF_INVALID',
      `TUF repository ${this.#options.url}: more than ${MAX_ROOT_ROTATIONS} new roots`,
    );
  }

  /** @returns the snapshot that was held with the timestamp */
  #loadHeldTimestamp(): Uint8Array | undefined {
    const { held, strictHeld } = this.#options;
    const bytes = held?.('timestamp', undefined);
    if (!bytes) return held?.('snapshot', undefined);
    try {
      this.#set.updateTimestamp(bytes, 'held');
    } catch (error) {
      // An expired one still guards against rollback; one that the newest root's keys have not signed does not.
      const expected = isStellaError(error, 'TUF_EXPIRED') || isStellaError(error, 'TUF_SIGNATURE');
      if (!isStellaError(error) || (strictHeld && !expected)) throw error;
    }
    const { timestamp } = this.#set;
    if (!timestamp) return held?.('snapshot', undefined);
    this.#accept('timestamp', timestamp.signed.version, bytes);
    return held?.('snapshot', this.#set.snapshotMeta.version);
  }

  /** §5.4 */
  async #updateTimestamp(): Promise<void> {
    const bytes = await this.#require('timestamp', undefined, MAX_BYTES.timestamp);
    if (!this.#set.updateTimestamp(bytes, 'source')) return;
    this.#accept('timestamp', this.#set.timestamp!.signed.version, bytes);
    this.#changed = true;
  }

  /** §5.5 */
  async #updateSnapshot(old: Uint8Array | undefined): Promise<void> {
    const meta = this.#set.snapshotMeta;
    if (old) {
      try {
        // What was trusted once counts for rollback even though the new timestamp names another.
        this.#set.updateSnapshot(old, 'held');
        this.#set.checkSnapshotFile(old);
        this.#accept('snapshot', meta.version, old);
        return;
      } catch (error) {
        // Another version, or other bytes: the source has the one that the timestamp names.
        const damaged = isStellaError(error, 'TUF_INVALID') || isStellaError(error, 'STORE_CORRUPT');
        if (!isStellaError(error) || (this.#options.strictHeld && damaged)) throw error;
      }
    }
    const version = this.consistentSnapshot ? meta.version : undefined;
    const bytes = await this.#require('snapshot', version, bounded(meta, MAX_BYTES.snapshot));
    this.#set.updateSnapshot(bytes, 'source');
    this.#accept('snapshot', meta.version, bytes);
    this.#changed = true;
  }

  /** §5.6 of one role, which is left out from now on where anything is wrong with it, unless it is the top-level one. */
  async #loadTargets(role: string, delegator: string): Promise<void> {
    const omitted = this.#omitted.get(role);
    if (omitted) throw omitted;
    try {
      if (this.#set.targets(role)) this.#checkDelegation(role, delegator);
      else await this.#updateTargets(role, delegator);
    } catch (error) {
      if (delegator !== 'root' && isRepositoryFault(error)) this.#omitted.set(role, error);
      throw error;
    }
  }

  async #updateTargets(role: string, delegator: string): Promise<void> {
    const meta = this.#set.targetsMeta(role);
    if (!meta)
      throw new StellaError(
        'TUF_INVALID',
        `TUF repository ${this.#options.url}: the snapshot does not list the role ${excerpt(role)}`,
      );
    const version = this.consistentSnapshot ? meta.version : undefined;
    const path = metadataPath(role, version);
    if (delegator !== 'root' && (/^targets\//i.test(path) || !this.#paths.take(path)))
      throw new StellaError(
        'TUF_INVALID',
        `TUF repository ${this.#options.url}: the role ${excerpt(role)} cannot be a file of its own`,
      );
    const update = (bytes: Uint8Array, origin: MetadataOrigin) => {
      this.#set.updateTargets(bytes, role, delegator, origin);
      this.#checkedDelegations.add(JSON.stringify([delegator, role]));
      this.#accept(role, meta.version, bytes);
    };
    const own = this.#options.held?.(role, meta.version);
    if (own) {
      try {
        update(own, 'held');
        return;
      } catch (error) {
        if (!isStellaError(error)) throw error;
        // The snapshot names another version than the one held, or it is damaged: what counts is what the source has.
      }
    }
    const bytes = await this.#require(role, version, bounded(meta, MAX_BYTES.targets));
    try {
      update(bytes, 'source');
    } catch (error) {
      // Expiry is judged last.
      const expired = isStellaError(error, 'TUF_EXPIRED') && this.#set.expiredRole(role, bytes);
      if (expired && delegator !== 'root') this.#expired.set(role, expired);
      throw error;
    }
    this.#changed = true;
  }

  /** A role that two others delegate to must be signed as each of them demands. */
  #checkDelegation(role: string, delegator: string): void {
    const pair = JSON.stringify([delegator, role]);
    if (this.#checkedDelegations.has(pair)) return;
    this.#set.checkDelegation(role, delegator);
    this.#checkedDelegations.add(pair);
  }

  async #require(role: string, version: number | undefined, max: number): Promise<Uint8Array> {
    const bytes = await this.#options.source(role, version, max);
    if (bytes) return bytes;
    throw new StellaError(
      'FETCH_NOT_FOUND',
      `the TUF repository ${this.#options.url} has no ${metadataFileName(role, version)}`,
    );
  }

  #accept(role: string, version: number, bytes: Uint8Array): void {
    if (role === 'root') this.#roots.push({ version, bytes });
    if (isTopRole(role)) {
      const isPrefixed = role === 'root' || (role !== 'timestamp' && this.consistentSnapshot);
      this.#paths.take(metadataPath(role, isPrefixed ? version : undefined));
    }
    this.#options.onTrusted?.(role, version, bytes);
  }
}

/** A target of a role, whatever it is called. */
function targetOf({ signed }: TufTargets, name: string, role: string): TufTarget | undefined {
  const entry = entryOf(signed.targets, name);
  if (!entry) return undefined;
  const { length, hashes, custom } = entry;
  return { name, length, hashes, custom: isRecord(custom) ? custom : {}, role, anchored: false };
}

/** What another implementation has signed for custom metadata may be anything. */
const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Whether a role cannot be used because of what the repository has, and not because nothing could be asked. */
function isRepositoryFault(error: unknown): error is StellaError {
  return (
    isStellaError(error) &&
    (/^TUF_/.test(error.code) || error.code === 'FETCH_NOT_FOUND' || error.code === 'FETCH_TOO_LARGE')
  );
}

/** A signed length is a better bound than a general one (§5.5.1, §5.6.1), as far as it fits into memory. */
function bounded({ length }: MetaFile, max: number): number {
  return length === undefined || length <= 0 ? max : Math.min(length, MAX_SIGNED_BYTES);
}
