import { concatBytes } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import { foldLevel, HASH_BYTES } from '../tlog/hash.ts';
import { foldNodes, rangeNodes } from '../tlog/merkle.ts';
import { hashesAtLevel, rightEdge, TILE_WIDTH, tilePath } from '../tlog/tile.ts';
import { nodeInTile, nodePlace } from '../tlog/tile-node.ts';
import { TileVerifier } from '../tlog/tile-verifier.ts';
import type { FileToWrite } from './durable.ts';
import type { TreeHead } from './store.ts';
import { loadTile } from './tile-directory.ts';

const FULL_BYTES = TILE_WIDTH * HASH_BYTES;

/** The right edge of a tree: all that is needed to append to it. */
export class TreeEdge {
  #size: bigint;
  /** The hashes of the partial tile of each level; empty where there is none. */
  readonly #levels: Uint8Array[] = [];

  private constructor(size: bigint) {
    this.#size = size;
  }

  /** @throws StellaError TILE_INVALID, ROOT_MISMATCH unless the tiles on disk are those of this tree */
  static load(directory: string, { size, rootHash }: TreeHead): TreeEdge {
    const edge = new TreeEdge(size);
    const contents = rightEdge(size).map((tile) => {
      const bytes = loadTile(directory, tile);
      if (!bytes) throw new StellaError('TILE_INVALID', `${tilePath(tile)} is missing`);
      edge.#levels[tile.level] = bytes;
      return bytes;
    });
    new TileVerifier(size, rootHash, contents);
    return edge;
  }

  get size(): bigint {
    return this.#size;
  }

  /** The partial tile of leaf hashes, or the place of the next tile with a width of 0. */
  leafTile(): { index: bigint; width: number; content: Uint8Array } {
    const content = this.#levels[0] ?? new Uint8Array();
    return { index: hashesAtLevel(1, this.#size), width: content.length / HASH_BYTES, content };
  }

  /** Adds leaves; returns the tiles that the greater tree has and the smaller one had not. */
  grow(leaves: readonly Uint8Array[]): FileToWrite[] {
    const files: FileToWrite[] = [];
    let added: readonly Uint8Array[] = leaves;
    for (let level = 0; added.length > 0; level += 1) {
      const first = hashesAtLevel(level + 1, this.#size);
      const content = concatBytes(this.#levels[level] ?? new Uint8Array(), ...added);
      const complete: Uint8Array[] = [];
      let at = 0;
      for (let index = first; at < content.length; index += 1n, at += FULL_BYTES) {
        const bytes = content.subarray(at, at + FULL_BYTES);
        files.push({ path: tilePath({ level, index, width: bytes.length / HASH_BYTES }), bytes });
        if (bytes.length === FULL_BYTES) complete.push(foldLevel(bytes));
      }
      this.#levels[level] = content.subarray(complete.length * FULL_BYTES);
      added = complete;
    }
    this.#size += BigInt(leaves.length);
    return files;
  }

  /** The Merkle tree hash of the whole tree. */
  rootHash(): Uint8Array {
    const hashes = rangeNodes(0n, this.#size).map((node) => {
      const { tile, begin, count } = nodePlace(node, this.#size);
      return nodeInTile(this.#levels[tile.level]!, begin, count);
    });
    return foldNodes(hashes);
  }
}
