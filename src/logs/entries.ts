import { equalBytes } from '../base/bytes.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { parseEntryBundle } from '../tlog/entry-bundle.ts';
import { HASH_BYTES, leafHash } from '../tlog/hash.ts';

/** @throws StellaError LOG_ENTRY_INVALID unless the bundle holds exactly the entries with these leaf hashes */
export function checkEntries(bundle: Uint8Array, hashes: Uint8Array, path: string): void {
  const entries = parseEntryBundle(bundle, hashes.length / HASH_BYTES);
  entries.forEach((entry, i) => {
    if (!equalBytes(leafHash(entry), hashes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES)))
      throw new StellaError('LOG_ENTRY_INVALID', `entry ${i} of ${path} does not hash to its leaf`);
  });
}

/** Whether the bundle holds exactly the entries with these leaf hashes. */
export function areEntriesOf(bundle: Uint8Array, hashes: Uint8Array): boolean {
  try {
    checkEntries(bundle, hashes, 'the entry bundle held');
    return true;
  } catch (error) {
    if (isStellaError(error, 'LOG_ENTRY_INVALID')) return false;
    throw error;
  }
}
