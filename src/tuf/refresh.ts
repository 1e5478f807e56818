import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { excerpt } from '../base/bytes.ts';
import type { Instant } from '../base/clock.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { makeDirectory, readBoundedIfPresent, writeError } from '../base/files.ts';
import type { Fetcher } from '../net/types.ts';
import { TufClient } from './client.ts';
import { isPublishable, metadataPath, TakenPaths, targetPath, urlPath } from './layout.ts';
import { directorySource } from './load.ts';
import { metadataFileName } from './metadata-file.ts';
import { plainLayout, type RepositoryLayout } from './repository-place.ts';
import { resolveTargets } from './resolve-targets.ts';
import { checkTarget, MAX_TARGET_BYTES } from './target-file.ts';
import type { TufTarget } from './types.ts';
import { type TufView, viewOf } from './view.ts';

export interface RefreshOptions {
  /** How to call the repository in messages. */
  readonly url: string;
  /** Where its files are; at `url` unless told otherwise. */
  readonly layout?: RepositoryLayout | undefined;
  readonly fetcher: Fetcher;
  /** An empty or missing directory: gets the repository as published. */
  readonly directory: string;
  readonly now: Instant;
  /** Root metadata that the operator, or the program, vouches for. */
  readonly trustedRoot: Uint8Array;
  /** The `tuf/` of the current generation: guards against rollback and saves requests. */
  readonly held?: string | undefined;
  /** Delegated roles that trust may rest on. */
  readonly trustRoles?: ReadonlySet<string>;
  /** Whether trust rests on a target of the top-level role or of one of `trustRoles`: then it must be there. */
  readonly isNeeded?: (target: TufTarget) => boolean;
}

export interface RefreshedTuf extends TufView {
  /** Whether the repository had anything, metadata or target, that was not held. */
  readonly changed: boolean;
  /** Targets that nothing needs, and that could not be had: their names with the reasons, the first few. */
  readonly missingTargets: readonly { readonly name: string; readonly error: StellaError }[];
}

/** A repository whose targets have no more than this is held with all of them. */
const MAX_TOTAL_BYTES = 64 * 1024 * 1024;
const MAX_TARGETS_HELD = 10_000;
/** After so many targets that are not there, no more of those that nothing needs are asked for. */
const MAX_MISSING_TARGETS = 20;

/**
 * The TUF client workflow (specification 1.0 §5) at the present time, from the network or a file:// URL.
 *
 * `directory` gets a servable copy: every N.root.json from the trusted one, current metadata, and targets under
 * `targets/` with their hash prefix: those that trust needs, and for the mirror's sake the others, if together they have
 * at most 64 MiB and 10,000 files.
 * @throws StellaError TUF_*, FETCH_*, OFFLINE, TARGET_INVALID, WRITE_FAILED, STORE_CORRUPT (what is held)
 */
export async function refreshTuf(options: RefreshOptions): Promise<RefreshedTuf> {
  const { url, directory, held, trustRoles = new Set() } = options;
  const layout = options.layout ?? plainLayout(options);
  const fetched = fetchFrom(layout.metadataUrl, options.fetcher);
  const client = new TufClient({
    url,
    trustedRoot: options.trustedRoot,
    referenceTime: options.now,
    source: (role, version, max) => fetchMetadata(fetched, layout, role, version, max),
    ...(held === undefined ? {} : { held: directorySource(held), strictHeld: true }),
  });
  await client.refresh();
  const resolved = await resolveTargets(client, trustRoles, false);
  writeMetadata(client, directory);
  const { changed, missing } = await fetchTargets([...resolved.targets.values()], client, options, layout);
  const view = viewOf(url, directory, options.now, client, resolved);
  return { ...view, changed: client.changed || changed, missingTargets: missing };
}

type Fetch = (path: string, max: number) => Promise<Uint8Array | undefined>;

function fetchFrom(base: string, fetcher: Fetcher): Fetch {
  return async (path, most) => {
    try {
      return (await fetcher.fetch(`${base}${path}`, { most })).bytes;
    } catch (error) {
      if (isStellaError(error, 'FETCH_NOT_FOUND')) return undefined;
      throw error;
    }
  };
}

/**
 * Of a server every role is asked for in the one way that the specification gives its URL; a directory has the file where
 * a server would look for it, or under the name that other implementations write: percent-encoded as in URLs.
 */
async function fetchMetadata(
  fetched: Fetch,
  { metadataUrl }: RepositoryLayout,
  role: string,
  version: number | undefined,
  max: number,
): Promise<Uint8Array | undefined> {
  const inUrl = metadataFileName(encodeURIComponent(role), version);
  if (!metadataUrl.startsWith('file:') || /^[\w.-]+$/.test(role)) return await fetched(inUrl, max);
  const onDisk = urlPath(metadataPath(role, version));
  return (await fetched(onDisk, max)) ?? (await fetched(urlPath(inUrl), max));
}

function writeMetadata(client: TufClient, directory: string): void {
  for (const { role, version, bytes } of client.files) {
    const prefixed = role === 'root' || (client.consistentSnapshot && role !== 'timestamp');
    write(join(directory, metadataPath(role, prefixed ? version : undefined)), bytes);
  }
}

async function fetchTargets(
  targets: readonly TufTarget[],
  { consistentSnapshot }: TufClient,
  { url, directory, held, isNeeded, fetcher }: RefreshOptions,
  { targetsUrl, prefixTargets }: RepositoryLayout,
): Promise<{ changed: boolean; missing: { name: string; error: StellaError }[] }> {
  const missing: { name: string; error: StellaError }[] = [];
  const taken = new TakenPaths();
  const fetched = fetchFrom(targetsUrl, fetcher);
  let changed = false;
  const get = async (target: TufTarget): Promise<void> => {
    if (!Number.isSafeInteger(target.length) || target.length > MAX_TARGET_BYTES)
      throw new StellaError(
        'TARGET_INVALID',
        `target ${excerpt(target.name)} is larger than ${MAX_TARGET_BYTES} bytes`,
      );
    const path = targetPath(target, consistentSnapshot);
    if (!taken.take(`targets/${path}`))
      throw new StellaError('TARGET_INVALID', `target ${excerpt(target.name)} cannot be a file of its own`);
    let bytes = held === undefined ? undefined : readHeldTarget(held, path, target);
    if (!bytes) {
      const published = targetPath(target, consistentSnapshot && prefixTargets);
      bytes = await fetched(urlPath(published), target.length);
      if (!bytes)
        throw new StellaError(
          'TUF_MISMATCH',
          `TUF repository ${url} lists the target ${excerpt(target.name)} but does not have it`,
        );
      checkTarget(target, bytes, url);
      changed = true;
    }
    write(join(directory, 'targets', path), bytes);
  };
  const needed = targets.filter((target) => target.anchored && isNeeded?.(target));
  for (const target of needed) await get(target);
  for (const target of forTheMirror(targets, new Set(needed))) {
    if (missing.length >= MAX_MISSING_TARGETS) break;
    try {
      await get(target);
    } catch (error) {
      if (!isStellaError(error) || !CANNOT_BE_HAD.has(error.code)) throw error;
      missing.push({ name: target.name, error });
    }
  }
  return { changed, missing };
}

/** What may be wrong with a target that nothing needs; a server that does not answer stops the sync all the same. */
const CANNOT_BE_HAD: ReadonlySet<string> = new Set(['TUF_MISMATCH', 'TARGET_INVALID', 'FETCH_TOO_LARGE']);

/** The targets that nothing needs, where there are few enough. One that cannot be a file is left out. */
function forTheMirror(targets: readonly TufTarget[], needed: ReadonlySet<TufTarget>): readonly TufTarget[] {
  const others = targets.filter((target) => !needed.has(target) && isPublishable(target));
  // One that is too large for anything is refused by itself, and keeps no other out.
  const total = targets.reduce((sum, { length }) => sum + (length > MAX_TARGET_BYTES ? 0 : length), 0);
  return total <= MAX_TOTAL_BYTES && targets.length <= MAX_TARGETS_HELD ? others : [];
}

function readHeldTarget(directory: string, path: string, target: TufTarget): Uint8Array | undefined {
  try {
    const bytes = readBoundedIfPresent(join(directory, 'targets', path), target.length);
    if (bytes) checkTarget(target, bytes, directory);
    return bytes;
  } catch (error) {
    // Damaged or replaced: it is fetched again.
    if (isStellaError(error)) return undefined;
    throw error;
  }
}

function write(path: string, bytes: Uint8Array): void {
  try {
    makeDirectory(dirname(path));
    writeFileSync(path, bytes);
  } catch (cause) {
    throw writeError(path, cause);
  }
}
