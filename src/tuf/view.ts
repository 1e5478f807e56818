import { createHash, getHashes, timingSafeEqual } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { excerpt } from '../base/bytes.ts';
import type { Instant } from '../base/clock.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { makeDirectory, readBoundedIfPresent, writeError } from '../base/files.ts';
import type { Fetcher } from '../net/types.ts';
import { TufClient } from './client.ts';
import { isPublishable, metadataPath, TARGET_HASHES, targetPath, urlPath } from './layout.ts';
import { metadataFileName } from './metadata-file.ts';
import type { LocalMetadata, TufRole, TufTarget } from './types.ts';

export type { TufRole, TufTarget } from './types.ts';

/** A verified TUF repository: what its roles say, and the targets that are held of it. */
export interface TufView {
  readonly url: string;
  /** The instant as of which it was verified. */
  readonly referenceTime: Instant;
  /** Holds the repository as published. */
  readonly directory: string;
  /** root, timestamp, snapshot, targets, then delegated roles. */
  readonly roles: readonly TufRole[];
  /** Every root from the one that was vouched for. */
  readonly rootVersions: readonly number[];
  targetNames(): readonly string[];
  /** The target of exactly this name, as the most trusted role that may speak for it has it. */
  target(name: string): TufTarget | undefined;
  /** Whether there is a file for the target, good or not; of a large repository only some are held. */
  isHeld(name: string): boolean;
  /**
   * The target's bytes, checked against length and every hash.
   * @throws StellaError TARGET_UNKNOWN, TARGET_INVALID, TUF_MISMATCH
   */
  readTarget(name: string): Promise<Uint8Array>;
}

export interface RefreshedTuf extends TufView {
  /** Whether the repository had anything, metadata or target, that was not held. */
  readonly changed: boolean;
}

/** Above this, roles are loaded only as far as the wanted targets need them. */
const MOST_ROLES_LOADED = 256;
/** A repository whose targets have no more than this is held whole. */
const MOST_TOTAL_BYTES = 64 * 1024 * 1024;
const MOST_TARGETS_HELD = 10_000;
const MOST_TARGET_BYTES = 64 * 1024 * 1024;
const MOST_METADATA_BYTES = 5_000_000;

export interface RefreshOptions {
  readonly url: string;
  readonly fetcher: Fetcher;
  /** An empty or missing directory: gets the repository as published. */
  readonly directory: string;
  readonly now: Instant;
  /** Root metadata that somebody vouched for. */
  readonly trustedRoot: Uint8Array;
  /** The `tuf/` of the current generation: guards against rollback and saves requests. */
  readonly held?: string | undefined;
  /** Configured target names, with or without their extension: held whatever the repository's size. */
  readonly wanted?: readonly string[];
}

/**
 * The TUF client workflow (specification 1.0 §5) at the present time, from the network or a file:// URL.
 *
 * `directory` gets a servable copy: every N.root.json from the trusted one, current metadata, and targets under
 * `targets/` with their hash prefix. All targets are taken if together they have at most 64 MiB and 10,000 files;
 * of a greater repository those with a known usage in their custom metadata, `trusted_root.json`, and the wanted ones.
 * @throws StellaError TUF_*, FETCH_*, OFFLINE, TARGET_INVALID, WRITE_FAILED, STORE_CORRUPT (what is held)
 */
export async function refreshTuf(options: RefreshOptions): Promise<RefreshedTuf> {
  const base = options.url.endsWith('/') ? options.url : `${options.url}/`;
  const { directory, fetcher, held } = options;
  const fetched = async (path: string, most: number): Promise<Uint8Array | undefined> => {
    try {
      return (await fetcher.fetch(`${base}${path}`, { most })).bytes;
    } catch (error) {
      if (isStellaError(error, 'FETCH_NOT_FOUND')) return undefined;
      throw error;
    }
  };
  const client = new TufClient({
    url: options.url,
    trustedRoot: options.trustedRoot,
    referenceTime: options.now,
    source: (role, version, most) => fetched(metadataFileName(encodeURIComponent(role), version), most),
    ...(held === undefined ? {} : { local: directorySource(held), strictLocal: true }),
  });
  await client.refresh();
  const consistent = client.consistentSnapshot;
  const targets = await resolveTargets(client, options.wanted ?? [], false);

  const written = new Set<string>();
  for (const { role, version, bytes } of client.files) {
    const prefixed = role === 'root' || (consistent && role !== 'timestamp');
    const path = metadataPath(role, prefixed ? version : undefined);
    // `1.root` without consistent snapshots, or `a%2Fb` beside `a/b`: one would replace the other.
    if (written.has(path))
      throw new StellaError(
        'TUF_INVALID',
        `TUF repository ${options.url} has two roles that are published as ${excerpt(path)}`,
      );
    written.add(path);
    write(join(directory, path), bytes);
  }
  let changed = client.changed;
  for (const target of selectTargets([...targets.values()], options.wanted ?? [])) {
    const path = targetPath(target, consistent);
    let bytes = held === undefined ? undefined : readHeldTarget(held, path, target);
    if (!bytes) {
      changed = true;
      bytes = await fetched(`targets/${urlPath(path)}`, target.length);
      if (!bytes)
        throw new StellaError(
          'TUF_MISMATCH',
          `TUF repository ${options.url} lists the target ${excerpt(target.name)} but does not have it`,
        );
      checkTarget(target, bytes, options.url);
    }
    write(join(directory, 'targets', path), bytes);
  }
  return { ...viewOf(options.url, directory, options.now, client, targets), changed };
}

export interface LoadOptions {
  /** How to call the repository in messages. */
  readonly url: string;
  /** Holds a repository as published: `tuf/` of a generation, or of an opened bundle. */
  readonly directory: string;
  /** Root metadata that somebody vouched for. */
  readonly trustedRoot: Uint8Array;
  /** The instant as of which expiry is judged. */
  readonly asOf: Instant;
  readonly wanted?: readonly string[];
}

/**
 * Verifies what is on disk as of a given instant: root chain from the trusted root, thresholds, versions, expiry, hashes,
 * delegations. Never touches the network. Targets are checked when they are read.
 * @throws StellaError TUF_*, FETCH_NOT_FOUND where a file is missing, FILE_UNREADABLE
 */
export async function loadTuf(options: LoadOptions): Promise<TufView> {
  const read = directorySource(options.directory);
  const client = new TufClient({
    url: options.url,
    trustedRoot: options.trustedRoot,
    referenceTime: options.asOf,
    source: async (role, version) => read(role, version),
  });
  await client.refresh();
  const targets = await resolveTargets(client, options.wanted ?? [], true);
  return viewOf(options.url, options.directory, options.asOf, client, targets);
}

/** Metadata in a directory that holds a repository as published. */
function directorySource(directory: string): LocalMetadata {
  const read = (path: string) => readBoundedIfPresent(join(directory, path), MOST_METADATA_BYTES);
  return (role, version) =>
    read(metadataPath(role, version)) ??
    (role === 'root' || version === undefined ? undefined : read(metadataPath(role, undefined)));
}

/** @param held whether the source is a directory: of a large repository it has the roles that were needed */
async function resolveTargets(
  client: TufClient,
  wanted: readonly string[],
  held: boolean,
): Promise<Map<string, TufTarget>> {
  const whole = client.snapshotRoles.length <= MOST_ROLES_LOADED;
  const names =
    whole || held ? await client.loadDelegations(!whole) : new Set([...wanted, ...client.topLevelTargets]);
  const find = async (name: string) => {
    try {
      return await client.find(name);
    } catch (error) {
      // A role that comes first is not held: nobody wanted this target.
      if (!whole && held && isStellaError(error, 'FETCH_NOT_FOUND')) return undefined;
      throw error;
    }
  };
  const targets = new Map<string, TufTarget>();
  for (const name of names) {
    const target = await find(name);
    if (target) targets.set(name, target);
  }
  checkExpiredRoles(client, wanted);
  if (client.expiredRoles.length > 0) {
    const found = new Set([...targets.keys()].flatMap((name) => [name, stemOf(name)]));
    for (const name of wanted) if (!found.has(name)) await find(name);
  }
  return targets;
}

/**
 * By the TUF workflow a delegated role is asked for when a target is looked for (§5.6.7), so one that has expired
 * refuses what depends on it, and nothing else. That is what a search comes to after it: other roles' targets, and names
 * of the configuration that no role before it has. And it is what the role itself lists that trust could rest on; of
 * roles below it nobody can know what they list.
 * @throws StellaError TUF_EXPIRED
 */
function checkExpiredRoles(client: TufClient, wanted: readonly string[]): void {
  const names = new Set(wanted);
  for (const { lists, error } of client.expiredRoles)
    if (lists.delegates || lists.targets.some((target) => isUseful(target, names))) throw error;
}

const baseOf = (name: string) => name.slice(name.lastIndexOf('/') + 1);
const stemOf = (name: string) => baseOf(name).replace(/\.[^.]*$/, '');

function isUseful(target: Pick<TufTarget, 'name' | 'custom'>, wanted: ReadonlySet<string>): boolean {
  if (wanted.has(target.name) || wanted.has(stemOf(target.name))) return true;
  return (
    baseOf(target.name) === 'trusted_root.json' ||
    ['sigstore', 'stella'].some((key) => isObject(target.custom[key]))
  );
}

const isObject = (value: unknown) => typeof value === 'object' && value !== null;

function selectTargets(targets: readonly TufTarget[], wanted: readonly string[]): readonly TufTarget[] {
  const names = new Set(wanted);
  const total = targets.reduce((sum, target) => sum + target.length, 0);
  const whole = total <= MOST_TOTAL_BYTES && targets.length <= MOST_TARGETS_HELD;
  // One that cannot be a file, or cannot be checked, is an error for whoever asks for it, and for nobody else.
  const chosen = targets.filter((target) => isPublishable(target) && (whole || isUseful(target, names)));
  for (const { name, length } of chosen) {
    if (!Number.isSafeInteger(length) || length > MOST_TARGET_BYTES)
      throw new StellaError(
        'TARGET_INVALID',
        `target ${excerpt(name)} is larger than ${MOST_TARGET_BYTES} bytes`,
      );
  }
  return chosen;
}

/** @throws StellaError TUF_MISMATCH, TARGET_INVALID */
export function checkTarget(target: TufTarget, bytes: Uint8Array, url: string): void {
  const mismatch = (what: string) =>
    new StellaError(
      'TUF_MISMATCH',
      `TUF repository ${url}: target ${excerpt(target.name)} does not have the ${what} that ${target.role}.json gives it`,
      { details: { target: target.name, url } },
    );
  if (bytes.length !== target.length) throw mismatch('length');
  let strong = 0;
  for (const [algorithm, hash] of Object.entries(target.hashes)) {
    const isStrong = TARGET_HASHES.some((name) => name === algorithm);
    // What this runtime does not know cannot be checked; one that it knows, and that is strong, there must be.
    if (!isStrong && !getHashes().includes(algorithm)) continue;
    const expected = Buffer.from(hash, 'hex');
    const actual = createHash(algorithm).update(bytes).digest();
    if (expected.length !== actual.length || !timingSafeEqual(expected, actual)) throw mismatch(algorithm);
    if (isStrong) strong += 1;
  }
  if (strong === 0)
    throw new StellaError('TARGET_INVALID', `target ${excerpt(target.name)} has no SHA-256 or SHA-512`);
}

function readHeldTarget(directory: string, path: string, target: TufTarget): Uint8Array | undefined {
  try {
    const bytes = readBoundedIfPresent(join(directory, 'targets', path), target.length);
    if (bytes) checkTarget(target, bytes, directory);
    return bytes;
  } catch (error) {
    // Damaged or replaced: it is fetched anew.
    if (isStellaError(error)) return undefined;
    throw error;
  }
}

function viewOf(
  url: string,
  directory: string,
  referenceTime: Instant,
  client: TufClient,
  targets: ReadonlyMap<string, TufTarget>,
): TufView {
  const fileOf = (target: TufTarget) =>
    join(directory, 'targets', targetPath(target, client.consistentSnapshot));
  return {
    url,
    directory,
    referenceTime,
    roles: client.roles,
    rootVersions: client.roots.map((root) => root.version),
    targetNames: () => [...targets.keys()],
    target: (name) => targets.get(name),
    isHeld(name) {
      const target = targets.get(name);
      return target !== undefined && isPublishable(target) && existsSync(fileOf(target));
    },
    async readTarget(name) {
      const target = targets.get(name);
      if (!target) throw new StellaError('TARGET_UNKNOWN', `Unknown target ${excerpt(name)} in ${url}`);
      const bytes = readBoundedIfPresent(fileOf(target), MOST_TARGET_BYTES);
      if (!bytes)
        throw new StellaError('TUF_MISMATCH', `target ${excerpt(name)} of ${url} is listed but not held`);
      checkTarget(target, bytes, url);
      return bytes;
    },
  };
}

function write(path: string, bytes: Uint8Array): void {
  try {
    makeDirectory(dirname(path));
    writeFileSync(path, bytes);
  } catch (cause) {
    throw writeError(path, cause);
  }
}
