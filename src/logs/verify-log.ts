import { StellaError } from '../base/errors.ts';
import { letInterruptsIn } from '../base/interrupt.ts';
import { HASH_BYTES } from '../tlog/hash.ts';
import { entryBundlePath, TILE_WIDTH, tileWidth } from '../tlog/tile.ts';
import { checkEntries } from './entries.ts';
import { type CarriedLog, type CarriedLogRules, checkCarriedLog } from './store.ts';
import { loadEntryBundle, loadTile } from './tile-directory.ts';

/** What a whole log directory was found to hold. */
export interface VerifiedLog extends CarriedLog {
  /** Entries on disk that were proved to be in the log, each at its place. */
  readonly entries: bigint;
}

/** Entry bundles between two looks at what else the process has to do: some tens of milliseconds. */
const BUNDLES_AT_ONCE = 128n;

/**
 * Checks everything in a log's directory: the checkpoint's signature, every tile up to the signed root, and that every
 * entry on disk hashes to its leaf in that tree, which proves its inclusion.
 * @param rules.complete also require all entries from 0 on, with their content
 * @throws StellaError as `checkCarriedLog`, and LOG_ENTRY_INVALID
 */
export async function verifyLog(
  directory: string,
  rules: CarriedLogRules & { readonly complete?: boolean },
): Promise<VerifiedLog> {
  const carried = await checkCarriedLog(directory, rules);
  const { size } = carried.checkpoint;
  if (rules.complete && carried.firstIndex > 0n)
    throw new StellaError('TILE_INVALID', `the tiles prove entries from ${carried.firstIndex} on only`);
  const width = BigInt(TILE_WIDTH);
  let entries = 0n;
  const begin = carried.firstIndex / width;
  const total = Number(size - carried.firstIndex);
  for (let index = begin; index * width < size; index += 1n) {
    if ((index - begin) % BUNDLES_AT_ONCE === 0n) {
      rules.onProgress?.('checking entries', Math.max(0, Number(index * width - carried.firstIndex)), total);
      await letInterruptsIn();
    }
    const place = { index, width: tileWidth(0, index, size) };
    const bundle = loadEntryBundle(directory, place);
    if (!bundle) {
      if (rules.complete) throw new StellaError('LOG_ENTRY_INVALID', `${entryBundlePath(place)} is missing`);
      continue;
    }
    const hashes = loadTile(directory, { level: 0, ...place })!;
    checkEntries(bundle, hashes, entryBundlePath(place));
    entries += BigInt(hashes.length / HASH_BYTES);
  }
  return { ...carried, entries };
}
