import { availableParallelism } from 'node:os';
import type { ErrorCode } from '../base/codes.ts';
import { StellaError } from '../base/errors.ts';
import { letInterruptsIn } from '../base/interrupt.ts';
import { startThread } from '../base/thread.ts';
import { foldSubtrees, HASH_BYTES } from '../tlog/hash.ts';
import { TILE_WIDTH, type Tile, tilePath } from '../tlog/tile.ts';
import { loadTile } from './tile-directory.ts';

/** Full tiles of leaf hashes, to be read from disk and hashed. */
export interface TilePiece {
  readonly directory: string;
  readonly indices: readonly bigint[];
}

export type TileAnswer =
  | { readonly hashes: Uint8Array }
  | { readonly code: ErrorCode; readonly message: string };

/** Tiles hashed together: 1 MiB, so that reading and hashing stay in the processor's cache. */
export const TILES_IN_PIECE = 128;
/** Fewer tiles than this (two million entries) are done in about the time that threads take to start. */
const LEAST_FOR_THREADS = 8192n;
const MOST_THREADS = 8;
const PIECES_AHEAD = 4;

/**
 * The hashes of the full tiles of a piece, side by side.
 * @throws StellaError TILE_INVALID, FILE_UNREADABLE
 */
export function hashPiece({ directory, indices }: TilePiece): Uint8Array {
  const contents = new Uint8Array(indices.length * TILE_WIDTH * HASH_BYTES);
  indices.forEach((index, i) => {
    const tile = { level: 0, index, width: TILE_WIDTH };
    const bytes = loadTile(directory, tile);
    if (!bytes) throw new StellaError('TILE_INVALID', `${tilePath(tile)} is missing`);
    contents.set(bytes, i * TILE_WIDTH * HASH_BYTES);
  });
  return foldSubtrees(contents, TILE_WIDTH);
}

/** A thread; it answers pieces in the order in which it gets them. */
class TileThread {
  readonly #worker = startThread('tile-thread', import.meta.url);
  readonly #asked: { resolve: (hashes: Uint8Array) => void; reject: (error: unknown) => void }[] = [];

  constructor() {
    this.#worker.on('message', (answer: TileAnswer) => {
      const asked = this.#asked.shift()!;
      if ('hashes' in answer) asked.resolve(answer.hashes);
      else asked.reject(new StellaError(answer.code, answer.message));
    });
    this.#worker.on('error', (error) => {
      for (const { reject } of this.#asked.splice(0)) reject(error);
    });
  }

  hash(piece: TilePiece): Promise<Uint8Array> {
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    this.#asked.push({ resolve, reject });
    this.#worker.postMessage(piece);
    return promise;
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}

/** The indices in pieces. */
function* pieces(directory: string, indices: Iterable<bigint>): Generator<TilePiece> {
  let piece: bigint[] = [];
  for (const index of indices) {
    piece.push(index);
    if (piece.length < TILES_IN_PIECE) continue;
    yield { directory, indices: piece };
    piece = [];
  }
  if (piece.length > 0) yield { directory, indices: piece };
}

/**
 * Hashes full level-0 tiles on disk, on all processors where there are many, and gives each piece's hashes to `check` in
 * order. Memory does not grow with the number of tiles.
 * @param count about how many there are
 * @throws StellaError TILE_INVALID, and what `check` throws
 */
export async function hashTiles(
  directory: string,
  indices: Iterable<bigint>,
  count: bigint,
  check: (tiles: readonly Tile[], hashes: Uint8Array) => void,
): Promise<void> {
  const threadCount = count < LEAST_FOR_THREADS ? 0 : Math.min(availableParallelism(), MOST_THREADS);
  const threads = Array.from({ length: threadCount }, () => new TileThread());
  const pending: { piece: TilePiece; hashes: Promise<Uint8Array> }[] = [];
  const finishOldest = async (): Promise<void> => {
    const { piece, hashes } = pending.shift()!;
    const tiles = piece.indices.map((index) => ({ level: 0, index, width: TILE_WIDTH }));
    check(tiles, await hashes);
  };
  try {
    let next = 0;
    for (const piece of pieces(directory, indices)) {
      const thread = threads[next % Math.max(1, threads.length)];
      next += 1;
      if (!thread) await letInterruptsIn();
      const hashes = thread ? thread.hash(piece) : Promise.resolve(hashPiece(piece));
      // Awaited later; a failure meanwhile is not lost.
      hashes.catch(() => {});
      pending.push({ piece, hashes });
      if (pending.length > threads.length * PIECES_AHEAD) await finishOldest();
    }
    while (pending.length > 0) await finishOldest();
  } finally {
    await Promise.all(threads.map((thread) => thread.close()));
  }
}
