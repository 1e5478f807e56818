import type { HashReader, NodeId } from './merkle.ts';
import { parentTile, rightEdge, TILE_WIDTH, type Tile, tilePath } from './tile.ts';
import { nodePlace, TileTree } from './tile-node.ts';
import { TileVerifier } from './tile-verifier.ts';

/** Gives the contents of tiles, in the order asked for; may be a disk, a server, or made up in a test. */
export type ReadTiles = (tiles: readonly Tile[]) => Promise<readonly Uint8Array[]>;

/** Tiles kept between calls with all their inner hashes, 16 KiB each: proofs near each other need the same ones. */
const MOST_KEPT = 1024;

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
  const kept = new Map<string, TileTree>();

  async function begin(): Promise<TileVerifier> {
    return new TileVerifier(size, rootHash, await readTiles(rightEdge(size)));
  }

  function keep(path: string, tree: TileTree): void {
    kept.set(path, tree);
    const [oldest] = kept.keys();
    if (kept.size > MOST_KEPT && oldest !== undefined) kept.delete(oldest);
  }

  /** A tile that is at hand; those used last are kept longest. */
  function treeAtHand(tile: Tile, known: TileVerifier): TileTree | undefined {
    const path = tilePath(tile);
    const content = known.content(tile);
    const tree = kept.get(path) ?? (content && new TileTree(content));
    if (!tree) return undefined;
    kept.delete(path);
    keep(path, tree);
    return tree;
  }

  /** The tiles, and those above them that are not known yet, read from the highest level down. */
  async function treesOf(tiles: readonly Tile[], known: TileVerifier): Promise<Map<string, TileTree>> {
    const found = new Map<string, TileTree>();
    const missing: Tile[][] = [];
    let wanted = unique(tiles);
    while (wanted.length > 0) {
      const unknown: Tile[] = [];
      for (const tile of wanted) {
        const tree = treeAtHand(tile, known);
        if (tree) found.set(tilePath(tile), tree);
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
        let tree: TileTree | undefined;
        known.accept(tile, read[i]!, (bytes) => {
          tree = new TileTree(bytes);
          return tree.node(0, TILE_WIDTH);
        });
        tree ??= new TileTree(read[i]!);
        found.set(tilePath(tile), tree);
        keep(tilePath(tile), tree);
      });
    }
    return found;
  }

  return {
    async readHashes(nodes: readonly NodeId[]) {
      verifier ??= begin();
      const places = nodes.map((node) => nodePlace(node, size));
      const trees = await treesOf(
        places.map(({ tile }) => tile),
        await verifier,
      );
      return places.map(({ tile, begin: first, count }) => trees.get(tilePath(tile))!.node(first, count));
    },
  };
}
