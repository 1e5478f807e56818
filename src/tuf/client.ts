import { Key, Metadata, MetaFile, Root, Snapshot, TargetFile, Targets } from '@tufjs/models';
import { Delegations } from '@tufjs/models/dist/delegations.js';
import { LengthOrHashMismatchError, UnsignedMetadataError } from '@tufjs/models/dist/error.js';
import { BadVersionError, EqualVersionError, ExpiredMetadataError } from 'tuf-js/dist/error.js';
import { TrustedMetadataStore } from 'tuf-js/dist/store.js';
import { excerpt, sha256Hex } from '../base/bytes.ts';
import { durationBetween, formatDuration, formatInstant, instant } from '../base/clock.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { type Delegator, duplicateKeyProblem } from './distinct-keys.ts';
import { makeLinear } from './linear-metadata.ts';
import { checkShape, headOf, LIMITS, type Listing, listingOf, metadataFileName } from './metadata-file.ts';
import { isInPattern } from './path-pattern.ts';
import { delegatedNames, makeFaithful } from './trusted-set.ts';
import type { ClientOptions, TufRole, TufTarget } from './types.ts';

makeLinear({ Root, Snapshot, Targets, Delegations, Key, MetaFile, TargetFile });
makeFaithful({ Metadata, Key });

const MOST_ROOT_ROTATIONS = 1024;
const MOST_DELEGATIONS = 32;

/** What of tuf-js's rule set is private and needed: its clock, and its roles by name. */
interface Internals {
  referenceTime: Date;
  readonly trustedSet: Readonly<Record<string, unknown>>;
}

/**
 * The client workflow of the TUF specification 1.0 (§5) over tuf-js's rules without I/O: it fetches, tuf-js judges.
 * tuf-js's own `Updater` is not used because it keeps its state in files that a crash leaves half written, passes over
 * damaged ones in silence, keeps the newest root only, and reports what went wrong as text.
 */
export class TufClient {
  readonly #options: ClientOptions;
  readonly #set: TrustedMetadataStore;
  /** The metadata file of each trusted role. */
  readonly #files = new Map<string, Uint8Array>();
  readonly #roots: { version: number; bytes: Uint8Array }[] = [];
  readonly #verifiedDelegations = new Set<string>();
  readonly #expiredRoles = new Map<string, StellaError>();
  #changed = false;

  /** @throws StellaError TUF_SIGNATURE, TUF_INVALID */
  constructor(options: ClientOptions) {
    this.#options = options;
    const bytes = options.trustedRoot;
    this.#set = this.#judge('root', bytes, () => {
      const set = new TrustedMetadataStore(Buffer.from(bytes));
      (set as unknown as Internals).referenceTime = new Date(options.referenceTime);
      checkSigners(set.root, 'root', set.root);
      return set;
    });
    this.#accept('root', this.#set.root.signed.version, bytes);
  }

  /** Every root from the one that was vouched for to the newest. */
  get roots(): readonly { readonly version: number; readonly bytes: Uint8Array }[] {
    return this.#roots;
  }

  /** Every trusted metadata file, old roots included. */
  get files(): { readonly role: string; readonly version: number; readonly bytes: Uint8Array }[] {
    const current = this.roles.filter(({ name }) => name !== 'root');
    return [
      ...this.#roots.map((root) => ({ role: 'root', ...root })),
      ...current.map(({ name, version }) => ({ role: name, version, bytes: this.#files.get(name)! })),
    ];
  }

  get consistentSnapshot(): boolean {
    return this.#set.root.signed.consistentSnapshot;
  }

  /** Whether the source had anything that was not held locally. */
  get changed(): boolean {
    return this.#changed;
  }

  /** The trusted roles, top-level ones first. */
  get roles(): TufRole[] {
    return [...this.#files].map(([name, bytes]) => {
      const { version, expires } = headOf(bytes);
      return { name, version, expires: instant(new Date(expires).getTime()), sha256: sha256Hex(bytes) };
    });
  }

  /**
   * Delegated roles that are as the snapshot lists them and duly signed, but expired: what each lists, which cannot be
   * used, and the refusal for whatever depends on it.
   */
  get expiredRoles(): { readonly lists: Listing; readonly error: StellaError }[] {
    return [...this.#expiredRoles].map(([role, error]) => ({
      lists: listingOf(this.#files.get(role)!),
      error,
    }));
  }

  /** The names of the targets that no role was delegated. */
  get topLevelTargets(): string[] {
    return Object.keys(this.#set.targets!.signed.targets);
  }

  /** The names of all roles that the snapshot lists. */
  get snapshotRoles(): string[] {
    return Object.keys(this.#set.snapshot?.signed.meta ?? {}).map((file) => file.replace(/\.json$/, ''));
  }

  /**
   * Updates root, timestamp, snapshot and top-level targets (§5.3 – §5.6).
   * @throws StellaError TUF_*, and what the source throws
   */
  async refresh(): Promise<void> {
    // Rotated timestamp or snapshot keys are how a repository recovers from a fast-forward attack: the metadata that was
    // held is forgotten (§5.3.11).
    const guards = await this.#updateRoot();
    const oldSnapshot = guards ? this.#loadLocalTimestamp() : undefined;
    await this.#updateTimestamp();
    await this.#updateSnapshot(oldSnapshot);
    await this.#loadTargets('targets', 'root');
  }

  /**
   * Finds a target by the preorder depth-first search of §5.6.7, loading the roles that it passes. Call it after {@link refresh}.
   * @throws StellaError TUF_*, and what the source throws
   */
  async find(name: string): Promise<TufTarget | undefined> {
    const stack = [{ role: 'targets', parent: 'root' }];
    const visited = new Set<string>();
    while (visited.size <= MOST_DELEGATIONS) {
      const next = stack.pop();
      if (!next) return undefined;
      if (visited.has(next.role)) continue;
      await this.#loadTargets(next.role, next.parent);
      const { targets } = this.#set.getRole(next.role)!.signed;
      if (Object.hasOwn(targets, name)) {
        const { length, hashes, custom } = targets[name]!;
        return { name, length, hashes: { ...hashes }, custom, role: next.role };
      }
      visited.add(next.role);
      const children: typeof stack = [];
      for (const { role, terminating } of this.#delegatesFor(name, next.role)) {
        children.push({ role, parent: next.role });
        if (terminating) {
          stack.length = 0;
          break;
        }
      }
      stack.push(...children.reverse());
    }
    return undefined;
  }

  /** Which of the roles that `delegator` delegates to may speak for a target, the most trusted first. */
  #delegatesFor(name: string, delegator: string): { readonly role: string; readonly terminating: boolean }[] {
    const metadata = this.#set.getRole(delegator)!;
    const { roles, succinctRoles } = metadata.signed.delegations ?? {};
    if (!roles)
      return succinctRoles ? [{ role: succinctRoles.getRoleForTarget(name), terminating: true }] : [];
    const hash = sha256Hex(Buffer.from(name));
    return delegatedNames(metadata)
      .map((role) => roles[role]!)
      .filter(
        ({ paths, pathHashPrefixes }) =>
          paths?.some((pattern) => isInPattern(name, pattern)) ??
          pathHashPrefixes?.some((prefix) => hash.startsWith(prefix)),
      )
      .map((role) => ({ role: role.name, terminating: role.terminating }));
  }

  /**
   * Loads every delegated role, whatever it is for; of those that have expired see {@link expiredRoles}.
   * @param partly whether the source may have only some of them
   * @returns the names of all targets that the others list
   */
  async loadDelegations(partly: boolean): Promise<Set<string>> {
    const names = new Set<string>();
    const visited = new Set<string>();
    const queue = ['targets'];
    for (let role = queue.shift(); role !== undefined; role = queue.shift()) {
      if (visited.has(role)) continue;
      visited.add(role);
      const { targets, delegations } = this.#set.getRole(role)!.signed;
      for (const name of Object.keys(targets)) names.add(name);
      const bins = delegations?.succinctRoles;
      const children = bins
        ? // One by one: 32 bits of them would fill the memory before the first is found missing.
          partly
          ? this.snapshotRoles.filter((name) => bins.isDelegatedRole(name))
          : bins.getRoles()
        : delegatedNames(this.#set.getRole(role)!);
      for (const child of children) {
        try {
          await this.#loadTargets(child, role);
          queue.push(child);
        } catch (error) {
          const isAbsent = partly && isStellaError(error, 'FETCH_NOT_FOUND');
          if (!isAbsent && !this.#expiredRoles.has(child)) throw error;
        }
      }
    }
    return names;
  }

  /** @returns whether what was trusted under the old root still guards against rollback */
  async #updateRoot(): Promise<boolean> {
    const { local, source } = this.#options;
    let lastHeld = this.#set.root.signed;
    for (let i = 0; i < MOST_ROOT_ROTATIONS; i += 1) {
      const version = this.#set.root.signed.version + 1;
      const held = local?.('root', version);
      const bytes = held ?? (await source('root', version, LIMITS.rootBytes));
      if (!bytes) {
        const newest = this.#set.root.signed;
        return (['timestamp', 'snapshot'] as const).every((role) =>
          lastHeld.roles[role]!.keyIDs.every((id) => newest.roles[role]!.keyIDs.includes(id)),
        );
      }
      const old = this.#set.root;
      const update = () => {
        const root = this.#set.updateRoot(Buffer.from(bytes));
        for (const delegator of [old, root]) checkSigners(delegator, 'root', root);
      };
      this.#judge('root', bytes, update, held !== undefined);
      this.#accept('root', version, bytes);
      if (held) lastHeld = this.#set.root.signed;
      else this.#changed = true;
    }
    throw this.#error('TUF_INVALID', `more than ${MOST_ROOT_ROTATIONS} new roots`);
  }

  /** @returns the snapshot that was held with the timestamp */
  #loadLocalTimestamp(): Uint8Array | undefined {
    const bytes = this.#options.local?.('timestamp', undefined);
    if (!bytes) return this.#options.local?.('snapshot', undefined);
    try {
      this.#judge('timestamp', bytes, () => this.#set.updateTimestamp(Buffer.from(bytes)), true);
    } catch (error) {
      // An expired one still guards against rollback; one that the newest root's keys have not signed does not.
      const expected = isStellaError(error, 'TUF_EXPIRED') || isStellaError(error, 'TUF_SIGNATURE');
      if (this.#options.strictLocal && !expected) throw error;
    }
    if (!this.#set.timestamp) return this.#options.local?.('snapshot', undefined);
    this.#accept('timestamp', this.#set.timestamp.signed.version, bytes);
    return this.#options.local?.('snapshot', this.#set.timestamp.signed.snapshotMeta.version);
  }

  async #updateTimestamp(): Promise<void> {
    const bytes = await this.#require('timestamp', undefined, LIMITS.timestampBytes);
    const fresh = this.#judge('timestamp', bytes, () => {
      try {
        checkSigners(this.#set.root, 'timestamp', this.#set.updateTimestamp(Buffer.from(bytes)));
        return true;
      } catch (error) {
        if (error instanceof EqualVersionError) return false;
        throw error;
      }
    });
    if (!fresh) {
      this.#checkExpiry('timestamp', this.#set.timestamp!.signed.expires);
      return;
    }
    this.#accept('timestamp', this.#set.timestamp!.signed.version, bytes);
    this.#changed = true;
  }

  async #updateSnapshot(old: Uint8Array | undefined): Promise<void> {
    const meta = this.#set.timestamp!.signed.snapshotMeta;
    if (old) {
      try {
        // What was trusted once counts for rollback even though the new timestamp names another.
        this.#judge('snapshot', old, () => this.#set.updateSnapshot(Buffer.from(old), true), true);
        meta.verify(Buffer.from(old));
        this.#accept('snapshot', meta.version, old);
        return;
      } catch (error) {
        // Another version, or other bytes: the source has the one that the timestamp names.
        const damaged = isStellaError(error, 'TUF_INVALID') || isStellaError(error, 'STORE_CORRUPT');
        if (this.#options.strictLocal && damaged) throw error;
      }
    }
    const bytes = await this.#require(
      'snapshot',
      this.consistentSnapshot ? meta.version : undefined,
      bounded(meta.length, LIMITS.snapshotBytes),
    );
    this.#judge('snapshot', bytes, () =>
      checkSigners(this.#set.root, 'snapshot', this.#set.updateSnapshot(Buffer.from(bytes))),
    );
    this.#accept('snapshot', meta.version, bytes);
    this.#changed = true;
  }

  async #loadTargets(role: string, parent: string): Promise<void> {
    // tuf-js keeps roles in a plain object: such a name would find, or set, what every object has. And half a surrogate
    // pair is no character: neither a URL nor a file can be called so.
    if (role in Object.prototype || /\p{Cs}/u.test(role))
      throw this.#error('TUF_INVALID', `a delegated role is called ${excerpt(role)}`);
    const expired = this.#expiredRoles.get(role);
    if (expired) throw expired;
    if (this.#files.has(role)) {
      this.#checkDelegation(role, parent);
      return;
    }
    const metas = this.#set.snapshot!.signed.meta;
    const meta = Object.hasOwn(metas, `${role}.json`) ? metas[`${role}.json`] : undefined;
    if (!meta) throw this.#error('TUF_INVALID', `the snapshot does not list the role ${excerpt(role)}`);
    const version = this.consistentSnapshot ? meta.version : undefined;
    const delegator = parent === 'root' ? this.#set.root : this.#set.getRole(parent)!;
    const update = (bytes: Uint8Array) =>
      this.#judge(role, bytes, () => {
        this.#set.updateDelegatedTargets(Buffer.from(bytes), role, parent);
        checkSigners(delegator, role, this.#set.getRole(role)!);
      });
    const held = this.#options.local?.(role, meta.version);
    if (held) {
      try {
        update(held);
        this.#accept(role, meta.version, held);
        return;
      } catch {
        // The snapshot names another version than the one held, or it is damaged: what counts is what the source has.
      }
    }
    const bytes = await this.#require(role, version, bounded(meta.length, LIMITS.targetsBytes));
    try {
      update(bytes);
    } catch (error) {
      // Expiry is judged last. The file is kept, so that whoever verifies it again finds the same.
      if (parent !== 'root' && isStellaError(error, 'TUF_EXPIRED')) {
        this.#expiredRoles.set(role, error);
        this.#files.set(role, bytes);
      }
      throw error;
    }
    this.#accept(role, meta.version, bytes);
    this.#changed = true;
  }

  /** A role that two others delegate to must be signed as each of them demands. */
  #checkDelegation(role: string, parent: string): void {
    const pair = JSON.stringify([parent, role]);
    if (this.#verifiedDelegations.has(pair)) return;
    const delegator = parent === 'root' ? this.#set.root : this.#set.getRole(parent)!;
    const metadata = this.#set.getRole(role)!;
    this.#judge(role, this.#files.get(role)!, () => {
      delegator.verifyDelegate(role, metadata);
      checkSigners(delegator, role, metadata);
    });
    this.#verifiedDelegations.add(pair);
  }

  async #require(role: string, version: number | undefined, most: number): Promise<Uint8Array> {
    const bytes = await this.#options.source(role, version, most);
    if (bytes) return bytes;
    throw new StellaError(
      'FETCH_NOT_FOUND',
      `the TUF repository ${this.#options.url} has no ${metadataFileName(role, version)}`,
    );
  }

  #accept(role: string, version: number, bytes: Uint8Array): void {
    this.#files.set(role, bytes);
    if (role === 'root') this.#roots.push({ version, bytes });
    this.#options.onTrusted?.(role, version, bytes);
  }

  /** Runs one of tuf-js's rules over untrusted bytes; whatever it throws becomes a refusal with a code. */
  #judge<T>(role: string, bytes: Uint8Array, rule: () => T, local = false): T {
    const what = `${role}.json`;
    try {
      checkShape(bytes);
      return rule();
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      if (isStellaError(error) && error.code !== 'PARSE_FAILED') throw error;
      if (error instanceof ExpiredMetadataError) {
        this.#checkExpiry('root', this.#set.root.signed.expires);
        throw this.#expired(role, headOf(bytes).expires, error);
      }
      if (error instanceof UnsignedMetadataError)
        throw this.#error('TUF_SIGNATURE', `Signature verification failed: ${what}: ${message}`, error);
      if (error instanceof LengthOrHashMismatchError)
        throw this.#error(
          'TUF_MISMATCH',
          `${what} is not the file that the signed metadata names: ${message}`,
          error,
        );
      if (error instanceof BadVersionError) {
        const mixed =
          / match /.test(message) ||
          (role === 'root' && headOf(bytes).version > this.#set.root.signed.version);
        throw this.#error(mixed ? 'TUF_MISMATCH' : 'TUF_ROLLBACK', `${what}: ${message}`, error);
      }
      if (message.startsWith('Missing file '))
        throw this.#error('TUF_ROLLBACK', `${what}: ${message}`, error);
      throw this.#error(local ? 'STORE_CORRUPT' : 'TUF_INVALID', `${what} is malformed: ${message}`, error);
    }
  }

  #checkExpiry(role: string, expires: string): void {
    if (this.#options.referenceTime >= new Date(expires).getTime()) throw this.#expired(role, expires);
  }

  #expired(role: string, expires: string, cause?: unknown): StellaError {
    const at = instant(new Date(expires).getTime());
    return new StellaError(
      'TUF_EXPIRED',
      `TUF metadata expired: ${role}.json of ${this.#options.url} expired ${formatInstant(at)}, ${formatDuration(durationBetween(at, this.#options.referenceTime))} before ${formatInstant(this.#options.referenceTime)}`,
      {
        cause,
        details: { role, expires: formatInstant(at), url: this.#options.url },
        ...(role === 'timestamp'
          ? {}
          : {
              hint: `on the TUF repository, sign ${role} anew and publish it; then \`stella trust sync --force\``,
            }),
      },
    );
  }

  #error(
    code: 'TUF_INVALID' | 'TUF_SIGNATURE' | 'TUF_MISMATCH' | 'TUF_ROLLBACK' | 'STORE_CORRUPT',
    message: string,
    cause?: unknown,
  ): StellaError {
    const name = /^Signature verification failed: /.test(message)
      ? message
      : `TUF repository ${this.#options.url}: ${message}`;
    return new StellaError(code, name, { cause, details: { url: this.#options.url } });
  }
}

function checkSigners<M>(delegator: { readonly signed: Delegator<M> }, role: string, metadata: M): void {
  const problem = duplicateKeyProblem(delegator.signed, role, metadata);
  if (problem !== undefined) throw new UnsignedMetadataError(problem);
}

function bounded(length: number | undefined, most: number): number {
  return length === undefined || length <= 0 ? most : Math.min(length, most);
}
