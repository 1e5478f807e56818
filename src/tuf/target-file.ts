import { createHash, getHashes, timingSafeEqual } from 'node:crypto';
import { excerpt } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import { TARGET_HASHES } from './layout.ts';
import type { TufTarget } from './types.ts';

/** The largest target that is fetched or read. */
export const MAX_TARGET_BYTES = 64 * 1024 * 1024;

/**
 * Whether bytes are the target that metadata describes (TUF specification §5.7.2): its length and every hash that this
 * runtime knows, of which one at least must be strong.
 * @throws StellaError TUF_MISMATCH, TARGET_INVALID
 */
export function checkTarget(target: TufTarget, bytes: Uint8Array, url: string): void {
  const mismatch = (what: string) =>
    new StellaError(
      'TUF_MISMATCH',
      `TUF repository ${url}: target ${excerpt(target.name)} does not have the ${what} that ${target.role}.json gives it`,
      { details: { target: target.name, url } },
    );
  if (bytes.length !== target.length) throw mismatch('length');
  let strong = 0;
  for (const [algorithm, hash] of Object.entries(target.hashes)) {
    const isStrong = TARGET_HASHES.some((name) => name === algorithm);
    // What this runtime does not know cannot be checked; one that it knows, and that is strong, there must be.
    if (!isStrong && !getHashes().includes(algorithm)) continue;
    const expected = Buffer.from(hash, 'hex');
    const actual = createHash(algorithm).update(bytes).digest();
    if (expected.length !== actual.length || !timingSafeEqual(expected, actual)) throw mismatch(algorithm);
    if (isStrong) strong += 1;
  }
  if (strong === 0)
    throw new StellaError('TARGET_INVALID', `target ${excerpt(target.name)} has no SHA-256 or SHA-512`);
}
