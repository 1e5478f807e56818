import { readdirSync, statSync } from 'node:fs';
import { dirname, resolve, sep } from 'node:path';

/** Where media and further disks are mounted (FHS 3.0 §3.11, §3.12; udisks; macOS). */
const MEDIUM_PLACES: readonly string[] = ['/media', '/mnt', '/run/media', '/Volumes'];

/** A path where media are mounted, and nothing is. */
export interface MissingMedium {
  /** The directory that would have to be made, where nothing shows that one is meant to be there; else absent. */
  readonly missing?: string;
  /** The deepest directory on the way that exists. */
  readonly existing: string;
}

/**
 * Whether what is made in a directory would end up on the system's own disk although the directory is one of those where
 * media are mounted: everything that exists on the way is on the same device as the place for media and what is above it.
 * @param directory need not exist
 * @returns `undefined` where a medium is mounted, and for all other directories
 */
export function missingMedium(directory: string, places = MEDIUM_PLACES): MissingMedium | undefined {
  const wanted = resolve(directory);
  const place = places.find((one) => wanted === one || wanted.startsWith(`${one}${sep}`));
  if (place === undefined) return undefined;
  let existing = wanted;
  let missing: string | undefined;
  let device = deviceOf(existing);
  for (; device === undefined; device = deviceOf(existing)) {
    missing ??= existing;
    existing = dirname(existing);
  }
  const isPlaceThere = existing.length >= place.length;
  if (isPlaceThere && (device !== deviceOf(place) || device !== deviceOf(dirname(place)))) return undefined;
  // An unmounted mount point is empty, or holds directories for other media; where there are files, the directory is in use.
  return { existing, ...(missing === undefined || holdsFiles(existing) ? {} : { missing }) };
}

function holdsFiles(directory: string): boolean {
  return readdirSync(directory, { withFileTypes: true }).some((entry) => entry.isFile());
}

function deviceOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.dev;
}
