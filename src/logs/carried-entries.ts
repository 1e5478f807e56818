import { concatBytes } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import { parseEntryBundle } from '../tlog/entry-bundle.ts';
import { entryBundlePath, parseTilePath, TILE_WIDTH, tileWidth } from '../tlog/tile.ts';
import { checkEntries } from './entries.ts';
import { type TreeHead, tileReader } from './store.ts';
import { listTileFiles, loadEntryBundle } from './tile-directory.ts';

/** One entry of a log, shown to be in it. */
export interface CarriedEntry {
  readonly index: bigint;
  readonly bytes: Uint8Array;
}

/**
 * The entries whose content is in a log's directory, in order, each proved to be in the tree with this head before it is
 * given out.
 * @throws StellaError LOG_ENTRY_INVALID, LOG_CONSISTENCY_UNPROVEN for an entry bundle whose tile is not held, TILE_INVALID,
 * ROOT_MISMATCH
 */
export async function* carriedEntries(directory: string, head: TreeHead): AsyncGenerator<CarriedEntry> {
  const held = new Set<bigint>();
  for (const path of listTileFiles(directory)) {
    const place = parseTilePath(path);
    if (place.kind === 'entries' && place.width === tileWidth(0, place.index, head.size))
      held.add(place.index);
  }
  const reader = tileReader(directory, head);
  for (const index of [...held].sort((a, b) => (a < b ? -1 : 1))) {
    const width = tileWidth(0, index, head.size);
    const path = entryBundlePath({ index, width });
    const bundle = loadEntryBundle(directory, { index, width });
    if (!bundle) throw new StellaError('LOG_ENTRY_INVALID', `${path} is missing`);
    const first = index * BigInt(TILE_WIDTH);
    const leaves = Array.from({ length: width }, (_, i) => ({ level: 0, index: first + BigInt(i) }));
    checkEntries(bundle, concatBytes(...(await reader.readHashes(leaves))), path);
    for (const [i, bytes] of parseEntryBundle(bundle, width).entries())
      yield { index: first + BigInt(i), bytes };
  }
}
