import { formatCanonicalJson } from '../base/canonical-json.ts';
import { StellaError } from '../base/errors.ts';
import { readBoundedIfPresent } from '../base/files.ts';
import { parseJson } from '../base/schema.ts';
import type { AttestationList } from '../base/schema-types.ts';

export type CarriedAttestation = AttestationList['attestations'][number];

const MOST_LIST_BYTES = 64 * 1024 * 1024;

/** attestations.json of a generation: canonical JSON and LF. Kept apart from its state, which every command reads. */
export function formatAttestationList(attestations: readonly CarriedAttestation[]): Uint8Array {
  return Buffer.from(`${formatCanonicalJson({ attestations })}\n`);
}

/**
 * The attestations that a generation carries. Inverse of {@link formatAttestationList}.
 * @throws StellaError STORE_CORRUPT, FILE_UNREADABLE
 */
export function readAttestationList(generation: { readonly attestationsFile: string }): CarriedAttestation[] {
  const { attestationsFile } = generation;
  const bytes = readBoundedIfPresent(attestationsFile, MOST_LIST_BYTES);
  if (!bytes) throw new StellaError('STORE_CORRUPT', `the trust store has lost ${attestationsFile}`);
  return parseJson('attestation-list', bytes, attestationsFile, 'STORE_CORRUPT').attestations;
}
