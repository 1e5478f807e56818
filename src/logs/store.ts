import { StellaError } from '../base/errors.ts';
import { type OpenedCheckpoint, openCheckpoint } from '../tlog/checkpoint.ts';
import { HASH_BYTES } from '../tlog/hash.ts';
import type { HashReader } from '../tlog/merkle.ts';
import type { VerifierKey } from '../tlog/note.ts';
import { parseTilePath, rightEdge, TILE_WIDTH, type Tile, tilePath, tileWidth } from '../tlog/tile.ts';
import { verifiedHashReader } from '../tlog/tile-reader.ts';
import { TileVerifier } from '../tlog/tile-verifier.ts';
import { checkWitnessPolicy, type WitnessPolicy, witnessKeys } from '../tlog/witness-policy.ts';
import { checkGrowth, checkGrowthBy, type TreeHead } from './growth.ts';
import { IndexRuns } from './index-runs.ts';
import { listTileFiles, loadCheckpoint, loadConsistencyProof, loadTile } from './tile-directory.ts';
import { hashTiles } from './tile-hashes.ts';

export { checkGrowth, checkGrowthBy, type TreeHead } from './growth.ts';
export { logDirectory } from './tile-directory.ts';

/**
 * Hashes of the tree with this head from the tiles in `directory`, each checked against the root.
 *
 * `readHashes` throws StellaError LOG_CONSISTENCY_UNPROVEN where a tile is not there, TILE_INVALID, ROOT_MISMATCH.
 */
export function tileReader(directory: string, head: TreeHead): HashReader {
  return verifiedHashReader(head, async (tiles) =>
    tiles.map((tile) => {
      const bytes = loadTile(directory, tile);
      if (bytes) return bytes;
      throw new StellaError('LOG_CONSISTENCY_UNPROVEN', `${tilePath(tile)} is not among the tiles held`, {
        details: { tile: tilePath(tile), size: String(head.size) },
      });
    }),
  );
}

/** What the tiles of a directory were found to prove. */
export interface VerifiedTiles {
  /** Tiles that belong to the tree, counted. */
  readonly tiles: number;
  /** Level-0 hashes in them. */
  readonly leaves: bigint;
  /** The lowest entry from which on every entry's inclusion is provable; the tree's size where none is. */
  readonly firstIndex: bigint;
}

/**
 * Checks every tile in `directory` that is of the tree with this head: the right edge gives the root, and every other tile
 * is what its parent says. Tiles of other sizes of the log and tiles whose parents are not held are passed over.
 * @throws StellaError TILE_INVALID, ROOT_MISMATCH
 */
export async function verifyTiles(
  directory: string,
  { size, rootHash }: TreeHead,
  onProgress?: CarriedLogRules['onProgress'],
): Promise<VerifiedTiles> {
  const edge = rightEdge(size).map((tile) => {
    const bytes = loadTile(directory, tile);
    if (!bytes)
      throw new StellaError('TILE_INVALID', `${tilePath(tile)} is missing`, {
        details: { tile: tilePath(tile) },
      });
    return bytes;
  });
  const verifier = new TileVerifier(size, rootHash, edge);
  const byLevel: IndexRuns[] = [];
  for (const path of listTileFiles(directory)) {
    const place = parseTilePath(path);
    if (place.kind === 'entries') continue;
    const width = tileWidth(place.level, place.index, size);
    // A full tile is as good as the partial one that it grew from.
    if (width === 0 || place.width < width) continue;
    byLevel[place.level] ??= new IndexRuns();
    byLevel[place.level]!.add(place.index);
  }
  const verified = { tiles: 0, leaves: 0n, firstIndex: size };
  for (let level = byLevel.length - 1; level >= 0; level -= 1) {
    const accepted = function* (): Generator<Tile> {
      for (const index of byLevel[level]?.descending() ?? []) {
        const tile = { level, index, width: tileWidth(level, index, size) };
        if (!verifier.canAccept(tile)) continue;
        verified.tiles += 1;
        if (level === 0) countLeaves(tile, verified);
        yield tile;
      }
    };
    if (level > 0) for (const tile of accepted()) verifier.accept(tile, loadTile(directory, tile)!);
    else {
      const count = byLevel[0]?.count ?? 0n;
      let done = 0;
      await hashTiles(directory, fullOnes(accepted()), count, (some, hashes) => {
        done += some.length;
        onProgress?.('checking tiles', done * TILE_WIDTH, Number(count) * TILE_WIDTH);
        some.forEach((tile, i) => {
          verifier.acceptHash(tile, hashes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES));
        });
      });
    }
  }
  return verified;
}

/** Counts in a level-0 tile; they come from the right edge on. */
function countLeaves({ index, width }: Tile, counted: { leaves: bigint; firstIndex: bigint }): void {
  const begin = index * BigInt(TILE_WIDTH);
  counted.leaves += BigInt(width);
  if (begin + BigInt(width) === counted.firstIndex) counted.firstIndex = begin;
}

/** The right edge has been checked whole; only full tiles remain. */
function* fullOnes(tiles: Iterable<Tile>): Generator<bigint> {
  for (const { index, width } of tiles) if (width === TILE_WIDTH) yield index;
}

export interface CarriedLogRules {
  readonly keys: readonly VerifierKey[];
  readonly origin?: string | undefined;
  /** Whose cosignatures the checkpoint needs. */
  readonly policy?: WitnessPolicy | undefined;
  /** What was held before, if anything. */
  readonly previous?: TreeHead | undefined;
  /**
   * Whether a directory without any tile will do, as of a log that serves none (Rekor v1): then only the checkpoint and a
   * consistency proof are there, and no entry's inclusion is provable.
   */
  readonly mayLackTiles?: boolean;
  /** Told for how many entries a part of the work is done, of about how many. */
  readonly onProgress?: (what: 'checking tiles' | 'checking entries', done: number, total: number) => void;
}

export interface CarriedLog extends OpenedCheckpoint, VerifiedTiles {
  readonly checkpointBytes: Uint8Array;
}

/**
 * Checks a log directory that was carried here: the checkpoint is signed by a key of the log, the tiles give its root, and
 * the log only grew since `previous`.
 * @throws StellaError FILE_NOT_FOUND, NOTE_INVALID, CHECKPOINT_INVALID, CHECKPOINT_SIGNATURE, CHECKPOINT_ORIGIN,
 * WITNESS_QUORUM, TILE_INVALID, ROOT_MISMATCH, LOG_ROLLBACK, LOG_FORK, LOG_CONSISTENCY_UNPROVEN
 */
export async function checkCarriedLog(directory: string, rules: CarriedLogRules): Promise<CarriedLog> {
  const checkpointBytes = loadCheckpoint(directory);
  const opened = openCheckpoint(checkpointBytes, [...rules.keys, ...witnessKeys(rules.policy)], {
    origin: rules.origin,
  });
  checkWitnessPolicy(rules.policy, opened);
  const { origin, size } = opened.checkpoint;
  const checkpoint = { ...opened.checkpoint, checkpointBytes };
  const { previous } = rules;
  if (rules.mayLackTiles && listTileFiles(directory).next().done) {
    if (previous)
      await checkGrowthBy(origin, previous, checkpoint, async () =>
        loadConsistencyProof(directory, previous.size, size),
      );
    return { ...opened, tiles: 0, leaves: 0n, firstIndex: size, checkpointBytes };
  }
  const verified = await verifyTiles(directory, checkpoint, rules.onProgress);
  if (previous) await checkGrowth(origin, previous, checkpoint, tileReader(directory, checkpoint));
  return { ...opened, ...verified, checkpointBytes };
}
