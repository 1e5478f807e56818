import { foldLevel, foldLevels, HASH_BYTES } from './hash.ts';
import type { NodeId } from './merkle.ts';
import { TILE_HEIGHT, TILE_WIDTH, type Tile, tileWidth } from './tile.ts';

/** Where the hash of a complete subtree is: over `count` of a tile's hashes, from the one numbered `begin`. */
export interface NodePlace {
  readonly tile: Tile;
  readonly begin: number;
  /** A power of two, at most 128. */
  readonly count: number;
}

/** The place of a node in the tiles of a tree of `size` entries. */
export function nodePlace(node: NodeId, size: bigint): NodePlace {
  const level = Math.floor(node.level / TILE_HEIGHT);
  const height = node.level % TILE_HEIGHT;
  const first = node.index << BigInt(height);
  const index = first / BigInt(TILE_WIDTH);
  return {
    tile: { level, index, width: tileWidth(level, index, size) },
    begin: Number(first % BigInt(TILE_WIDTH)),
    count: 1 << height,
  };
}

/** A tile with the hashes of all complete subtrees within it. */
export class TileTree {
  readonly #levels: readonly Uint8Array[];

  /** @param tile its content */
  constructor(tile: Uint8Array) {
    this.#levels = foldLevels(tile);
  }

  /** The hash over `count` of its hashes, a power of two, from the one numbered `begin`, a multiple of it. */
  node(begin: number, count: number): Uint8Array {
    const at = (begin / count) * HASH_BYTES;
    return this.#levels[Math.log2(count)]!.subarray(at, at + HASH_BYTES);
  }
}

/** The hash over `count` hashes of a tile's content, a power of two, from the one numbered `begin`. */
export function nodeInTile(tile: Uint8Array, begin: number, count: number): Uint8Array {
  return foldLevel(tile.subarray(begin * HASH_BYTES, (begin + count) * HASH_BYTES));
}
