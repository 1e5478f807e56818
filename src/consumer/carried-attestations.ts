import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { StellaError } from '../base/errors.ts';
import { fileSha256 } from '../base/files.ts';
import type { Manifest } from '../base/schema-types.ts';
import type { Finding } from './check-list.ts';

/**
 * The carried attestations are the ones that the manifest names; their bytes are named by their digest, which the digest
 * check has established. Whether each verifies is for `attest verify` to say, at the time it is asked.
 * @param directory the unpacked `attestations/` @param held `attestations/` of the store, where a delta's base left its own
 * @throws StellaError MANIFEST_INVALID, BASE_MISSING
 */
export function checkCarriedAttestations(manifest: Manifest, directory: string, held: string): Finding<void> {
  const files = existsSync(directory) ? readdirSync(directory).sort() : [];
  const named = new Map((manifest.attestations ?? []).map(({ name, sha256 }) => [`${sha256}.json`, name]));
  const digests = new Map(manifest.entries.map((entry) => [entry.path, entry.sha256]));
  for (const file of files) {
    if (!named.has(file))
      throw new StellaError('MANIFEST_INVALID', `attestations/${file} has no name in the manifest`);
    // What a mirror has beside a delta is in no list of its own: then the name is the digest that it must have.
    const digest = digests.get(`attestations/${file}`) ?? fileSha256(join(directory, file));
    if (`${digest}.json` !== file) {
      throw new StellaError('MANIFEST_INVALID', `attestations/${file} is not named by its digest`);
    }
  }
  const carried = new Set(files);
  const missing = [...named].find(
    ([file]) => !carried.has(file) && !(manifest.base && existsSync(join(held, file))),
  );
  if (missing) {
    throw manifest.base
      ? new StellaError(
          'BASE_MISSING',
          `this delta relies on the attestation ${missing[1]} of its base, which this store does not hold`,
        )
      : new StellaError(
          'MANIFEST_INVALID',
          `the manifest names the attestation ${missing[1]}, which is not in the bundle`,
        );
  }
  return { detail: files.length === 0 ? 'none carried' : `${files.length} carried`, value: undefined };
}
