import { excerpt, formatBase64, formatUtf8, parseBase64, parseUtf8 } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import { HASH_BYTES } from './hash.ts';

/** A proof between trees of up to 2^63 entries has at most this many hashes. */
const MOST_HASHES = 64;
export const MOST_PROOF_BYTES = MOST_HASHES * 45;

/** Where a log that serves no tiles has its proof from one size to another, in the mirror's directory. */
export function consistencyProofPath(oldSize: bigint, newSize: bigint): string {
  return `consistency/${oldSize}-${newSize}`;
}

/**
 * A consistency proof as C2SP tlog-witness writes it: one base64 hash a line.
 * @throws StellaError PROOF_INVALID
 */
export function parseConsistencyProof(bytes: Uint8Array): Uint8Array[] {
  if (bytes.length > MOST_PROOF_BYTES)
    throw new StellaError('PROOF_INVALID', 'the consistency proof is too long');
  const lines = parseUtf8(bytes, 'PROOF_INVALID').split('\n');
  if (lines.pop() !== '')
    throw new StellaError('PROOF_INVALID', 'the consistency proof does not end with a line feed');
  return lines.map((line) => {
    const hash = parseBase64(line, 'PROOF_INVALID');
    if (hash.length !== HASH_BYTES) throw new StellaError('PROOF_INVALID', `not a hash: ${excerpt(line)}`);
    return hash;
  });
}

/** The inverse of {@link parseConsistencyProof}. */
export function formatConsistencyProof(proof: readonly Uint8Array[]): Uint8Array {
  return formatUtf8(proof.map((hash) => `${formatBase64(hash)}\n`).join(''));
}
