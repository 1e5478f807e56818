import { consistencyRanges, rangeNodes } from './merkle.ts';
import { hashesAtLevel, TILE_HEIGHT, TILE_WIDTH, type Tile, tileWidth } from './tile.ts';
import { nodePlace } from './tile-node.ts';

/** Which tiles of one level are needed: some single ones, and all from an index to the right edge. */
interface LevelPlan {
  readonly level: number;
  readonly singles: readonly bigint[];
  readonly from: bigint;
  readonly end: bigint;
}

/** The tiles that prove inclusion of the newest entries and consistency with earlier sizes. */
export interface TilePlan {
  readonly size: bigint;
  /** The lowest entry whose inclusion they prove. */
  readonly firstIndex: bigint;
  /** Highest level first, so that every tile comes after its parent. */
  readonly levels: readonly LevelPlan[];
  readonly count: bigint;
}

/**
 * Plans what to carry of a tree of `size` entries: the level-0 tiles that cover its newest `depth` entries, the tiles on
 * the way from them to the root, and those that prove consistency from each of the sizes in `consistentFrom` (at most
 * `size`). About depth / 256 tiles, and a few for each level.
 */
export function planTiles(size: bigint, depth: bigint, consistentFrom: readonly bigint[]): TilePlan {
  const width = BigInt(TILE_WIDTH);
  const begin = size - (depth < size ? depth : size);
  const firstTile = begin / width;
  const singles: Set<bigint>[] = [];
  const want = (level: number, index: bigint): void => {
    for (let [l, i] = [level, index]; hashesAtLevel(l, size) > 0n; l += 1, i /= width) {
      singles[l] ??= new Set();
      if (singles[l]!.has(i)) return;
      singles[l]!.add(i);
    }
  };
  for (const oldSize of new Set(consistentFrom)) {
    for (const node of consistencyRanges(oldSize, size).flatMap(([from, to]) => rangeNodes(from, to))) {
      const { tile } = nodePlace(node, size);
      want(tile.level, tile.index);
    }
  }
  const levels: LevelPlan[] = [];
  for (let level = 0; hashesAtLevel(level, size) > 0n; level += 1) {
    const from = firstTile >> BigInt(TILE_HEIGHT * level);
    const end = (hashesAtLevel(level, size) + width - 1n) / width;
    const others = [...(singles[level] ?? [])].filter(
      (index) => index < from && tileWidth(level, index, size) > 0,
    );
    levels.unshift({ level, singles: others.sort((a, b) => (a < b ? -1 : 1)), from, end });
  }
  return {
    size,
    firstIndex: firstTile * width < size ? firstTile * width : size,
    levels,
    count: levels.reduce(
      (sum, { singles: some, from, end }) => sum + BigInt(some.length) + (end > from ? end - from : 0n),
      0n,
    ),
  };
}

/** The tiles of one level of a plan, in order. */
export function* plannedTiles(plan: TilePlan, { level, singles, from, end }: LevelPlan): Generator<Tile> {
  const tileAt = (index: bigint): Tile => ({ level, index, width: tileWidth(level, index, plan.size) });
  for (const index of singles) yield tileAt(index);
  for (let index = from; index < end; index += 1n) yield tileAt(index);
}
