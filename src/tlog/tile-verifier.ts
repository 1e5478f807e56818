import { equalBytes, formatHex } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import { foldLevel, HASH_BYTES } from './hash.ts';
import { foldNodes, rangeNodes } from './merkle.ts';
import { parentTile, rightEdge, TILE_WIDTH, type Tile, tilePath } from './tile.ts';
import { nodeInTile, nodePlace } from './tile-node.ts';

/** @throws StellaError TILE_INVALID unless the tile has exactly its hashes */
export function checkTileLength(tile: Tile, bytes: Uint8Array): void {
  const expected = tile.width * HASH_BYTES;
  if (bytes.length !== expected)
    throw new StellaError(
      'TILE_INVALID',
      `${tilePath(tile)} has ${bytes.length} bytes, expected ${expected}`,
    );
}

/**
 * Decides which tiles belong to a tree. It begins with the partial tiles at the right edge, which alone give the root,
 * and accepts a full tile when its hash is in its parent, which must have been accepted before.
 */
export class TileVerifier {
  readonly size: bigint;
  /** Accepted tiles that have others below them, and the right edge, by path. */
  readonly #accepted = new Map<string, Uint8Array>();

  /**
   * @param edge the content of each tile of `rightEdge(size)`, in its order
   * @throws StellaError TILE_INVALID, ROOT_MISMATCH
   */
  constructor(size: bigint, rootHash: Uint8Array, edge: readonly Uint8Array[]) {
    this.size = size;
    rightEdge(size).forEach((tile, i) => {
      const bytes = edge[i];
      if (!bytes) throw new StellaError('TILE_INVALID', `${tilePath(tile)} is missing`);
      checkTileLength(tile, bytes);
      this.#accepted.set(tilePath(tile), bytes);
    });
    const hashes = rangeNodes(0n, size).map((node) => {
      const { tile, begin, count } = nodePlace(node, size);
      return nodeInTile(this.#accepted.get(tilePath(tile))!, begin, count);
    });
    const computed = foldNodes(hashes);
    if (!equalBytes(computed, rootHash)) {
      throw new StellaError('ROOT_MISMATCH', `the tiles do not give the signed root of size ${size}`, {
        details: { size: String(size), signed: formatHex(rootHash), computed: formatHex(computed) },
      });
    }
  }

  /**
   * Checks a tile of the tree and remembers it where tiles below will need it.
   * @param hash computes the hash of a full tile, for those who keep what they compute on the way
   * @throws StellaError TILE_INVALID for a wrong length or an unknown parent, ROOT_MISMATCH for a wrong hash
   */
  accept(tile: Tile, bytes: Uint8Array, hash = foldLevel): void {
    checkTileLength(tile, bytes);
    const known = this.#accepted.get(tilePath(tile));
    if (!known) this.acceptHash(tile, hash(bytes));
    else if (!equalBytes(bytes, known)) throw this.#mismatch(tile);
    if (tile.level > 0) this.#accepted.set(tilePath(tile), bytes);
  }

  /**
   * Checks a full tile whose hash somebody else has computed.
   * @throws StellaError TILE_INVALID for an unknown parent, ROOT_MISMATCH
   */
  acceptHash(tile: Tile, hash: Uint8Array): void {
    if (!equalBytes(hash, this.#hashInParent(tile))) throw this.#mismatch(tile);
  }

  #mismatch(tile: Tile): StellaError {
    const path = tilePath(tile);
    return new StellaError(
      'ROOT_MISMATCH',
      `${path} does not belong to the signed tree of size ${this.size}`,
      {
        details: { tile: path, size: String(this.size) },
      },
    );
  }

  /** Whether a tile's parent has been accepted, or the tile itself. */
  canAccept(tile: Tile): boolean {
    return (
      this.#accepted.has(tilePath(tile)) ||
      (tile.width === TILE_WIDTH && this.#accepted.has(tilePath(parentTile(tile, this.size))))
    );
  }

  /** The content of an accepted tile above level 0 or at the right edge. */
  content(tile: Tile): Uint8Array | undefined {
    return this.#accepted.get(tilePath(tile));
  }

  #hashInParent(tile: Tile): Uint8Array {
    const parent =
      tile.width === TILE_WIDTH ? this.#accepted.get(tilePath(parentTile(tile, this.size))) : undefined;
    const at = Number(tile.index % BigInt(TILE_WIDTH)) * HASH_BYTES;
    const hash = parent?.subarray(at, at + HASH_BYTES);
    if (hash?.length !== HASH_BYTES)
      throw new StellaError('TILE_INVALID', `${tilePath(tile)} is not of a tree of size ${this.size}`);
    return hash;
  }
}
