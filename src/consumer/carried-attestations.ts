import { existsSync, readdirSync } from 'node:fs';
import { StellaError } from '../base/errors.ts';
import type { Manifest } from '../base/schema-types.ts';
import type { Finding } from './check-list.ts';

/**
 * The carried attestations are the ones that the manifest names; their bytes are named by their digest, which the digest
 * check has established. Whether each verifies is for `attest verify` to say, at the time it is asked.
 * @throws StellaError MANIFEST_INVALID
 */
export function checkCarriedAttestations(manifest: Manifest, directory: string): Finding<void> {
  const files = existsSync(directory) ? readdirSync(directory).sort() : [];
  const named = new Map((manifest.attestations ?? []).map(({ name, sha256 }) => [`${sha256}.json`, name]));
  const digests = new Map(manifest.entries.map((entry) => [entry.path, entry.sha256]));
  for (const file of files) {
    if (!named.has(file))
      throw new StellaError('MANIFEST_INVALID', `attestations/${file} has no name in the manifest`);
    if (`${digests.get(`attestations/${file}`)}.json` !== file) {
      throw new StellaError('MANIFEST_INVALID', `attestations/${file} is not named by its digest`);
    }
  }
  const held = new Set(files);
  // A delta leaves out attestations that its base carried; the store has them.
  const missing = manifest.base ? [] : [...named.keys()].filter((file) => !held.has(file));
  if (missing[0] !== undefined)
    throw new StellaError(
      'MANIFEST_INVALID',
      `the manifest names the attestation ${named.get(missing[0])}, which is not in the bundle`,
    );
  return { detail: files.length === 0 ? 'none carried' : `${files.length} carried`, value: undefined };
}
