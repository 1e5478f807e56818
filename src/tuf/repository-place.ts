import { isStellaError } from '../base/errors.ts';
import type { Fetcher } from '../net/types.ts';
import { MAX_BYTES } from './metadata-file.ts';

/** Where a repository is, as far as its operator says it. */
export interface RepositoryPlace {
  readonly url: string;
  /** Where its targets are, where not in `targets/` below `url`. */
  readonly targetsUrl?: string | undefined;
  /** Whether target files bear their hash in a repository with consistent snapshots; yes unless told otherwise (§6.2). */
  readonly prefixTargetsWithHash?: boolean | undefined;
}

/** Addresses of a repository's files; both end with a slash. */
export interface RepositoryLayout {
  readonly metadataUrl: string;
  readonly targetsUrl: string;
  readonly prefixTargets: boolean;
}

const directory = (url: string) => (url.endsWith('/') ? url : `${url}/`);

/** Metadata at the address itself, targets in `targets/` below it. */
export function plainLayout(place: RepositoryPlace): RepositoryLayout {
  return layoutOf(place, directory(place.url));
}

function layoutOf(place: RepositoryPlace, metadataUrl: string): RepositoryLayout {
  return {
    metadataUrl,
    targetsUrl: directory(place.targetsUrl ?? `${directory(place.url)}targets`),
    prefixTargets: place.prefixTargetsWithHash ?? true,
  };
}

/**
 * Works with a repository wherever its metadata is: at the address itself, or, where nothing is there, in `metadata/` below
 * it, as tuf-on-ci, RSTUF and tough publish it. An ordinary repository is asked for nothing more than without.
 * @throws whatever `work` throws for the place that has something
 */
export async function withLayout<T>(
  place: RepositoryPlace,
  fetcher: Fetcher,
  work: (layout: RepositoryLayout) => Promise<T>,
): Promise<T> {
  try {
    return await work(plainLayout(place));
  } catch (error) {
    if (!isStellaError(error, 'FETCH_NOT_FOUND')) throw error;
    const below = layoutOf(place, `${directory(place.url)}metadata/`);
    if (!(await isThere(`${below.metadataUrl}timestamp.json`, fetcher))) throw error;
    return await work(below);
  }
}

async function isThere(url: string, fetcher: Fetcher): Promise<boolean> {
  try {
    await fetcher.fetch(url, { most: MAX_BYTES.timestamp });
    return true;
  } catch (error) {
    if (isStellaError(error, 'FETCH_NOT_FOUND')) return false;
    throw error;
  }
}
