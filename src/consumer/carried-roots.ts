import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { sha256Hex } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import { copyFile } from '../base/file-system/copy.ts';
import { readBounded, readBoundedIfPresent, writeError } from '../base/files.ts';
import type { Manifest } from '../base/schema-types.ts';
import { repositoryTitle } from '../store/generation.ts';
import type { HeldRepository } from '../store/repositories.ts';
import type { StoreState } from '../store/store.ts';
import type { CarriedRoot } from '../trust/pin.ts';
import { recoversFromFastForward } from '../tuf/fast-forward.ts';
import { rootPath } from '../tuf/layout.ts';
import { MAX_BYTES } from '../tuf/metadata-file.ts';
import { parseMetadata } from '../tuf/parse-metadata.ts';

const MAX_ROOTS = 4096;

/** Every N.root.json of a repository directory, lowest version first. */
export function loadCarriedRoots(tufDirectory: string): CarriedRoot[] {
  const versions = readdirSync(tufDirectory)
    .map((name) => /^([1-9]\d{0,8})\.root\.json$/.exec(name)?.[1])
    .filter((version) => version !== undefined)
    .map(Number)
    .sort((a, b) => a - b);
  if (versions.length > MAX_ROOTS)
    throw new StellaError('TUF_INVALID', `the bundle carries more than ${MAX_ROOTS} TUF roots`);
  return versions.map((version) => ({
    version,
    bytes: readBounded(join(tufDirectory, `${version}.root.json`), MAX_BYTES.root),
  }));
}

/**
 * Lets the store's own chain of roots stand below the carried one: roots that the bundle leaves out are added, and one
 * that it carries with other bytes is refused, whatever its signatures.
 * @returns the pinned root, from which the whole chain is to be verified
 * @throws StellaError STORE_CORRUPT, TUF_ROLLBACK
 */
export function adoptHeldRoots(repository: HeldRepository, tufDirectory: string): Uint8Array {
  const { pin, directory, name, isHome } = repository;
  const where = isHome ? '' : ` of the repository ${name}`;
  let pinned: Uint8Array | undefined;
  for (const { version, bytes } of loadCarriedRoots(directory)) {
    const file = `${version}.root.json`;
    const carried = readBoundedIfPresent(join(tufDirectory, file), MAX_BYTES.root);
    if (carried && !carried.equals(bytes)) {
      throw new StellaError(
        'TUF_ROLLBACK',
        `the bundle has another root version ${version}${where} than the store`,
      );
    }
    if (!carried) copyRoot(join(directory, file), join(tufDirectory, file));
    if (version === pin.version) pinned = bytes;
  }
  if (!pinned || sha256Hex(pinned) !== pin.sha256) {
    throw new StellaError(
      'STORE_CORRUPT',
      `${repositoryTitle(repository)} does not hold the root it is pinned to (version ${pin.version}, sha256:${pin.sha256})`,
    );
  }
  return pinned;
}

/**
 * Whether the newest root has taken away a key under which the held timestamp and snapshot were trusted.
 * @param tufDirectory with the verified chain of roots, the store's own among them
 */
export function isRecovery(
  heldRoles: StoreState['tuf']['roles'],
  carriedRoles: Manifest['tuf']['roles'],
  tufDirectory: string,
): boolean {
  const [held, carried] = [heldRoles, carriedRoles].map(
    (roles) => new Map(Object.entries(roles)).get('root')?.version,
  );
  if (held === undefined || carried === undefined || carried <= held) return false;
  const [before, after] = [held, carried].map(
    (version) =>
      parseMetadata('root', readBounded(rootPath(tufDirectory, version), MAX_BYTES.root), 'root.json').signed,
  );
  return recoversFromFastForward(before!, after!);
}

function copyRoot(from: string, to: string): void {
  try {
    copyFile(from, to);
  } catch (cause) {
    throw writeError(to, cause);
  }
}
