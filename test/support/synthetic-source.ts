import { StellaError } from '../../src/base/errors.ts';
import { generateKey, type PrivateKey, signerOf } from '../../src/base/keys.ts';
import type { TileSource } from '../../src/logs/source.ts';
import { formatCheckpoint } from '../../src/tlog/checkpoint.ts';
import { formatEntryBundle } from '../../src/tlog/entry-bundle.ts';
import { signNote, type VerifierKey, verifierKeyOf } from '../../src/tlog/note.ts';
import { entryBundlePath, type Tile, tilePath } from '../../src/tlog/tile.ts';
import { SyntheticTree } from './synthetic-tree.ts';

export interface SyntheticSource extends TileSource {
  readonly tree: SyntheticTree;
  readonly key: VerifierKey;
  /** Paths fetched so far. */
  readonly requests: string[];
  /** The most requests that were in flight at once. */
  readonly mostInFlight: number;
}

export interface SyntheticSetting {
  readonly origin?: string;
  readonly key?: PrivateKey;
  /** One entry that differs from all others. */
  readonly odd?: bigint;
  /** May change what a tile request gives, or throw. */
  readonly tamper?: (bytes: Uint8Array, path: string, tile: Tile) => Uint8Array;
  /** Tiles that end at or below this entry are gone. */
  readonly minimumIndex?: bigint;
}

/** A tile log of any size that is made up as it is read. */
export function syntheticSource(size: bigint, setting: SyntheticSetting = {}): SyntheticSource {
  const { origin = 'logs.example.com/synthetic', key = generateKey() } = setting;
  const tamper = setting.tamper ?? ((bytes: Uint8Array) => bytes);
  const tree = new SyntheticTree(size, setting.odd);
  const requests: string[] = [];
  let inFlight = 0;
  let mostInFlight = 0;
  async function answer<T>(path: string, make: () => T): Promise<T> {
    requests.push(path);
    inFlight += 1;
    mostInFlight = Math.max(mostInFlight, inFlight);
    await new Promise((resolve) => setImmediate(resolve));
    inFlight -= 1;
    return make();
  }
  return {
    url: `https://${origin}/`,
    tree,
    requests,
    key: verifierKeyOf(origin, key.publicKey),
    get mostInFlight() {
      return mostInFlight;
    },
    fetchCheckpoint: () =>
      signNote(
        formatCheckpoint({ origin, size, rootHash: tree.root(), extensions: [] }),
        origin,
        signerOf(key),
      ),
    fetchTile: (tile) =>
      answer(tilePath(tile), () => {
        const end = (tile.index + 1n) << BigInt(8 * (tile.level + 1));
        if (tile.width === 256 && end <= (setting.minimumIndex ?? 0n))
          throw new StellaError('FETCH_NOT_FOUND', `pruned: ${tilePath(tile)}`);
        return tamper(tree.tile(tile), tilePath(tile), tile);
      }),
    fetchEntryBundle: (place) =>
      answer(entryBundlePath(place), () =>
        formatEntryBundle(
          Array.from({ length: place.width }, (_, i) =>
            Buffer.from(place.index * 256n + BigInt(i) === setting.odd ? 'odd' : 'entry'),
          ),
        ),
      ),
  };
}
