import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { excerpt, type Sha256Hex } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import type { Manifest } from '../base/schema-types.ts';
import type { BundleFinding } from './check-list.ts';

const FOLDER = 'attestations/';
const SUFFIX = '.json';

/** Compared in place: of 100,000 paths, the texts to compare them with would be no small part of an import's memory. */
function isNamedBy(path: string, sha256: Sha256Hex): boolean {
  return (
    path.length === FOLDER.length + sha256.length + SUFFIX.length &&
    path.startsWith(sha256, FOLDER.length) &&
    path.endsWith(SUFFIX)
  );
}

/**
 * The carried attestations are the ones that the manifest names; their bytes are named by their digest, which the digest
 * check has established. Whether each verifies is for `attest verify` to say, at the time it is asked.
 * @param manifest of a bundle whose digests have been checked
 * @param places where attestations that a delta's base carried may lie: `attestations/` of the store, or what a mirror had
 * @throws StellaError MANIFEST_INVALID, BASE_MISSING
 */
export function checkCarriedAttestations(
  manifest: Pick<Manifest, 'entries' | 'attestations' | 'base'>,
  places: readonly string[],
): BundleFinding<void> {
  const named = new Set((manifest.attestations ?? []).map(({ sha256 }) => sha256));
  const carried = new Set<string>();
  for (const { path, sha256 } of manifest.entries) {
    if (!path.startsWith(FOLDER)) continue;
    if (!isNamedBy(path, sha256))
      throw new StellaError('MANIFEST_INVALID', `${excerpt(path)} is not named by its digest`);
    if (!named.has(sha256)) throw new StellaError('MANIFEST_INVALID', `${path} has no name in the manifest`);
    carried.add(sha256);
  }
  for (const { name, sha256 } of manifest.attestations ?? []) {
    if (carried.has(sha256)) continue;
    if (!manifest.base)
      throw new StellaError(
        'MANIFEST_INVALID',
        `the manifest names the attestation ${excerpt(name)}, which is not in the bundle`,
      );
    if (!places.some((place) => existsSync(join(place, `${sha256}.json`))))
      throw new StellaError(
        'BASE_MISSING',
        `this delta relies on the attestation ${excerpt(name)} of its base, which this store does not hold`,
      );
  }
  return { detail: carried.size === 0 ? 'none carried' : `${carried.size} carried`, value: undefined };
}
