import { StellaError } from '../base/errors.ts';
import { TILE_WIDTH } from './tile.ts';

/** Entries are prefixed with a 16-bit length. */
export const MAX_LOG_ENTRY_BYTES = 0xffff;
export const MAX_ENTRY_BUNDLE_BYTES = TILE_WIDTH * (2 + MAX_LOG_ENTRY_BYTES);

/**
 * An entry bundle (C2SP tlog-tiles): entries, each after its length as a big-endian u16.
 * @param width the number of entries that it must hold
 * @throws StellaError LOG_ENTRY_INVALID
 */
export function parseEntryBundle(bytes: Uint8Array, width: number): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const entries: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.length && entries.length < width) {
    const begin = at + 2;
    if (begin > bytes.length)
      throw new StellaError('LOG_ENTRY_INVALID', 'the entry bundle ends inside a length');
    at = begin + view.getUint16(begin - 2);
    if (at > bytes.length)
      throw new StellaError('LOG_ENTRY_INVALID', 'the entry bundle ends inside an entry');
    entries.push(bytes.subarray(begin, at));
  }
  if (entries.length !== width || at !== bytes.length)
    throw new StellaError('LOG_ENTRY_INVALID', `the entry bundle does not hold exactly ${width} entries`);
  return entries;
}

/**
 * The inverse of {@link parseEntryBundle}.
 * @throws StellaError LOG_ENTRY_INVALID for an entry of more than 65,535 bytes
 */
export function formatEntryBundle(entries: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(entries.reduce((sum, entry) => sum + 2 + entry.length, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const entry of entries) {
    if (entry.length > MAX_LOG_ENTRY_BYTES)
      throw new StellaError('LOG_ENTRY_INVALID', `an entry has ${entry.length} bytes; at most 65,535 fit`);
    view.setUint16(at, entry.length);
    bytes.set(entry, at + 2);
    at += 2 + entry.length;
  }
  return bytes;
}
