import { StellaError } from '../base/errors.ts';
import { readOwnIfPresent } from '../base/files.ts';
import { parseJson } from '../base/schema.ts';
import type { AttestationList } from '../base/schema-types.ts';

export type CarriedAttestation = AttestationList['attestations'][number];

/** How many names are formatted at a time. */
const PIECE = 1000;
const MAX_LIST_BYTES = 64 * 1024 * 1024;

/**
 * attestations.json of a generation: canonical JSON and LF. Kept apart from its state, which every command reads. Made in
 * pieces, since the parts of one text of 100,000 names would be the most memory that an import takes.
 */
export function formatAttestationList(attestations: readonly CarriedAttestation[]): Uint8Array {
  const pieces = [Buffer.from('{"attestations":[')];
  for (let at = 0; at < attestations.length; at += PIECE) {
    const text = attestations
      .slice(at, at + PIECE)
      .map(({ name, sha256 }) => `{"name":${JSON.stringify(name)},"sha256":${JSON.stringify(sha256)}}`)
      .join(',');
    pieces.push(Buffer.from(at === 0 ? text : `,${text}`));
  }
  return Buffer.concat([...pieces, Buffer.from(']}\n')]);
}

/**
 * The attestations that a generation carries. Inverse of {@link formatAttestationList}.
 * @throws StellaError STORE_CORRUPT, FILE_UNREADABLE
 */
export function readAttestationList(generation: { readonly attestationsFile: string }): CarriedAttestation[] {
  const { attestationsFile } = generation;
  const bytes = readOwnIfPresent(attestationsFile, MAX_LIST_BYTES);
  if (!bytes) throw new StellaError('STORE_CORRUPT', `the trust store has lost ${attestationsFile}`);
  return parseJson('attestation-list', bytes, attestationsFile, 'STORE_CORRUPT').attestations;
}
