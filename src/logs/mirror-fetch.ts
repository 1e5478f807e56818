import { renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { isStellaError, systemCode } from '../base/errors.ts';
import { makeDirectory, readBoundedIfPresent, writeError } from '../base/files.ts';
import { MAX_ENTRY_BUNDLE_BYTES } from '../tlog/entry-bundle.ts';
import { HASH_BYTES } from '../tlog/hash.ts';
import {
  entryBundlePath,
  rightEdge,
  TILE_HEIGHT,
  TILE_WIDTH,
  type Tile,
  tilePath,
  tileWidth,
} from '../tlog/tile.ts';
import { plannedTiles, type TilePlan } from '../tlog/tile-plan.ts';
import { TileVerifier } from '../tlog/tile-verifier.ts';
import { forEachBounded } from './bounded.ts';
import { areEntriesOf, checkEntries } from './entries.ts';
import type { TileSource } from './source.ts';
import { listTileFiles, loadTile } from './tile-directory.ts';

/** How far a mirror is. */
export interface MirrorProgress {
  readonly done: number;
  readonly total: number;
  /** Bytes fetched so far. */
  readonly bytes: number;
}

export interface MirrorWork {
  readonly source: TileSource;
  readonly into: string;
  readonly plan: TilePlan;
  readonly rootHash: Uint8Array;
  readonly withEntries: boolean;
  readonly inFlight: number;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: ((progress: MirrorProgress) => void) | undefined;
}

/** The file being written; a killed run may leave it, and the next one writes over it. */
const PART = '.part';

/** Writes verified content so that its path never names half of it. Without waiting in between, which is the fastest. */
function writeWhole(into: string, path: string, bytes: Uint8Array): void {
  const target = join(into, path);
  const part = join(into, PART);
  try {
    writeFileSync(part, bytes);
    try {
      renameSync(part, target);
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') throw error;
      makeDirectory(dirname(target));
      renameSync(part, target);
    }
  } catch (cause) {
    throw writeError(target, cause);
  }
}

/**
 * Brings the planned files of one log to disk, highest tiles first, each checked before it is written. A file that is there
 * already and verifies is not fetched.
 */
export class MirrorFetch {
  /** Files on disk now, of those planned. */
  readonly files: string[] = [];
  fetched = 0;
  /** The lowest entry whose inclusion the tiles on disk prove. */
  firstIndex: bigint;
  readonly #work: MirrorWork;
  readonly #total: number;
  /** What was on disk at the beginning; asking for each file that is not there would cost as much as writing it. */
  readonly #present: ReadonlySet<string>;
  #done = 0;
  #bytes = 0;

  constructor(work: MirrorWork) {
    this.#work = work;
    const { size, firstIndex, count } = work.plan;
    this.firstIndex = firstIndex;
    this.#present = new Set(listTileFiles(work.into));
    const width = BigInt(TILE_WIDTH);
    this.#total = Number(work.withEntries ? count + (size - firstIndex + width - 1n) / width : count);
  }

  /** @throws StellaError TILE_INVALID, ROOT_MISMATCH, and what the source throws */
  async tiles(): Promise<void> {
    const { plan, inFlight, signal } = this.#work;
    const verifier = await this.#beginAtEdge();
    for (const level of plan.levels) {
      await forEachBounded(plannedTiles(plan, level), inFlight, signal, (tile, either) =>
        this.#tile(tile, verifier, either),
      );
    }
  }

  /** @throws StellaError LOG_ENTRY_INVALID, and what the source throws */
  async entryBundles(): Promise<void> {
    const { plan, into, source, inFlight, signal } = this.#work;
    const leafTiles = function* (from: bigint): Generator<Tile> {
      const width = BigInt(TILE_WIDTH);
      for (let index = from / width; index * width < plan.size; index += 1n)
        yield { level: 0, index, width: tileWidth(0, index, plan.size) };
    };
    await forEachBounded(leafTiles(this.firstIndex), inFlight, signal, async (tile, either) => {
      const path = entryBundlePath(tile);
      const hashes = loadTile(into, tile)!;
      const held = this.#readHeld(path, MAX_ENTRY_BUNDLE_BYTES);
      if (held && areEntriesOf(held, hashes)) {
        this.#step(path, 0);
        return;
      }
      const bytes = await source.fetchEntryBundle(tile, either);
      checkEntries(bytes, hashes, path);
      writeWhole(into, path, bytes);
      this.#step(path, bytes.length);
    });
  }

  /** The right edge alone gives the root: what is on disk of it, or else all of it anew. */
  async #beginAtEdge(): Promise<TileVerifier> {
    const { source, plan, rootHash, signal } = this.#work;
    const edge = rightEdge(plan.size);
    const held = edge.map((tile) => this.#readHeld(tilePath(tile), tile.width * HASH_BYTES));
    if (held.every((bytes) => bytes !== undefined)) {
      try {
        return new TileVerifier(plan.size, rootHash, held);
      } catch (error) {
        if (!isStellaError(error, 'ROOT_MISMATCH') && !isStellaError(error, 'TILE_INVALID')) throw error;
      }
    }
    const contents = await Promise.all(edge.map((tile) => source.fetchTile(tile, signal)));
    return new TileVerifier(plan.size, rootHash, contents);
  }

  async #tile(tile: Tile, verifier: TileVerifier, signal: AbortSignal): Promise<void> {
    const { source, into } = this.#work;
    const path = tilePath(tile);
    const held = this.#readHeld(path, tile.width * HASH_BYTES);
    if (held && isAccepted(verifier, tile, held)) {
      this.#step(path, 0);
      return;
    }
    let bytes = verifier.content(tile);
    if (!bytes) {
      // Below a tile that the log has pruned nothing can be checked, and the log has pruned that as well.
      if (!verifier.canAccept(tile)) {
        this.#missing(tile);
        return;
      }
      try {
        bytes = await source.fetchTile(tile, signal);
      } catch (error) {
        if (!isStellaError(error, 'FETCH_NOT_FOUND')) throw error;
        this.#missing(tile);
        return;
      }
      verifier.accept(tile, bytes);
    }
    writeWhole(into, path, bytes);
    this.#step(path, bytes.length);
  }

  #readHeld(path: string, most: number): Uint8Array | undefined {
    if (!this.#present.has(path)) return undefined;
    try {
      return readBoundedIfPresent(join(this.#work.into, path), most);
    } catch (error) {
      // Whatever is there is not the file that belongs there: it will be fetched and replaced.
      if (isStellaError(error, 'FILE_TOO_LARGE')) return undefined;
      throw error;
    }
  }

  #missing(tile: Tile): void {
    const end = (tile.index + 1n) << BigInt(TILE_HEIGHT * (tile.level + 1));
    if (end > this.firstIndex) this.firstIndex = end;
    this.#done += 1;
  }

  #step(path: string, bytes: number): void {
    this.files.push(path);
    if (bytes > 0) this.fetched += 1;
    this.#done += 1;
    this.#bytes += bytes;
    this.#work.onProgress?.({ done: this.#done, total: this.#total, bytes: this.#bytes });
  }
}

function isAccepted(verifier: TileVerifier, tile: Tile, bytes: Uint8Array): boolean {
  if (!verifier.canAccept(tile)) return false;
  try {
    verifier.accept(tile, bytes);
    return true;
  } catch (error) {
    if (isStellaError(error, 'TILE_INVALID') || isStellaError(error, 'ROOT_MISMATCH')) return false;
    throw error;
  }
}
