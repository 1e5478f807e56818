import type { HashReader, NodeId } from './merkle.ts';
import { parentTile, rightEdge, TILE_WIDTH, type Tile, tilePath } from './tile.ts';
import { nodeInTile, nodePlace } from './tile-node.ts';
import { TileVerifier } from './tile-verifier.ts';

/** Gives the contents of tiles, in the order asked for; may be a disk, a server, or made up in a test. */
export type ReadTiles = (tiles: readonly Tile[]) => Promise<readonly Uint8Array[]>;

/** Level-0 tiles kept between calls: proofs for entries near each other need the same ones. */
const MOST_KEPT_LEAF_TILES = 256;

function unique(tiles: Iterable<Tile>): Tile[] {
  return [...new Map([...tiles].map((tile) => [tilePath(tile), tile])).values()];
}

/**
 * Hashes of the tree of `size` entries, read from tiles that are checked against the root as they come: whatever a proof is
 * made from is known to be of that tree.
 *
 * `readHashes` throws StellaError TILE_INVALID, ROOT_MISMATCH, and whatever `readTiles` throws.
 */
export function verifiedHashReader(
  { size, rootHash }: { readonly size: bigint; readonly rootHash: Uint8Array },
  readTiles: ReadTiles,
): HashReader {
  let verifier: Promise<TileVerifier> | undefined;
  const leafTiles = new Map<string, Uint8Array>();

  async function begin(): Promise<TileVerifier> {
    return new TileVerifier(size, rootHash, await readTiles(rightEdge(size)));
  }

  function keepLeafTile(path: string, bytes: Uint8Array): void {
    leafTiles.delete(path);
    leafTiles.set(path, bytes);
    const [oldest] = leafTiles.keys();
    if (leafTiles.size > MOST_KEPT_LEAF_TILES && oldest !== undefined) leafTiles.delete(oldest);
  }

  /** The tiles, and those above them that are not known yet, read from the highest level down. */
  async function contents(tiles: readonly Tile[], known: TileVerifier): Promise<Map<string, Uint8Array>> {
    const found = new Map<string, Uint8Array>();
    const missing: Tile[][] = [];
    let wanted = unique(tiles);
    while (wanted.length > 0) {
      const unknown: Tile[] = [];
      for (const tile of wanted) {
        const path = tilePath(tile);
        const bytes = known.content(tile) ?? leafTiles.get(path);
        if (bytes) found.set(path, bytes);
        else unknown.push(tile);
      }
      missing.push(unknown);
      wanted = unique(
        unknown.filter((tile) => tile.width === TILE_WIDTH).map((tile) => parentTile(tile, size)),
      ).filter((tile) => !known.content(tile));
    }
    for (const level of missing.reverse()) {
      const read = level.length > 0 ? await readTiles(level) : [];
      level.forEach((tile, i) => {
        const bytes = read[i]!;
        known.accept(tile, bytes);
        found.set(tilePath(tile), bytes);
        if (tile.level === 0) keepLeafTile(tilePath(tile), bytes);
      });
    }
    return found;
  }

  return {
    async readHashes(nodes: readonly NodeId[]) {
      verifier ??= begin();
      const places = nodes.map((node) => nodePlace(node, size));
      const tiles = await contents(
        places.map(({ tile }) => tile),
        await verifier,
      );
      return places.map(({ tile, begin, count }) => nodeInTile(tiles.get(tilePath(tile))!, begin, count));
    },
  };
}
