import { excerpt } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';

/** Levels of the Merkle tree that one tile spans. */
export const TILE_HEIGHT = 8;
/** Hashes in a full tile, entries in a full entry bundle. */
export const TILE_WIDTH = 256;
/** Tile levels that a tree of 2^63 − 1 entries has. */
export const MOST_TILE_LEVEL = 63;

/** A tile by its place: C2SP tlog-tiles. */
export interface Tile {
  /** 0 holds leaf hashes; each level above, the hashes of full tiles below. */
  readonly level: number;
  readonly index: bigint;
  /** Hashes in it, 1 to 256. */
  readonly width: number;
}

/** An entry bundle by its place. */
export interface EntryBundlePlace {
  readonly index: bigint;
  /** Entries in it, 1 to 256. */
  readonly width: number;
}

/** What a path below a log's prefix names. */
export type TilePlace =
  | ({ readonly kind: 'tile' } & Tile)
  | ({ readonly kind: 'entries' } & EntryBundlePlace);

/** 1234067 → `x001/x234/067`. */
function formatIndex(index: bigint): string {
  const groups = [];
  for (let rest = index; groups.length === 0 || rest > 0n; rest /= 1000n)
    groups.unshift(String(rest % 1000n).padStart(3, '0'));
  return groups.map((group, i) => (i < groups.length - 1 ? `x${group}` : group)).join('/');
}

function formatPlace(folder: string, index: bigint, width: number): string {
  return `tile/${folder}/${formatIndex(index)}${width === TILE_WIDTH ? '' : `.p/${width}`}`;
}

/** `tile/<L>/<N>[.p/<W>]` */
export function tilePath({ level, index, width }: Tile): string {
  return formatPlace(String(level), index, width);
}

/** `tile/entries/<N>[.p/<W>]` */
export function entryBundlePath({ index, width }: EntryBundlePlace): string {
  return formatPlace('entries', index, width);
}

const PATH = /^tile\/(entries|0|[1-9][0-9]?)\/((?:x[0-9]{3}\/){0,6}[0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/;

/**
 * The inverse of {@link tilePath} and {@link entryBundlePath}; only the one spelling of each place is accepted.
 * @throws StellaError TILE_INVALID
 */
export function parseTilePath(path: string): TilePlace {
  const [, folder, digits, partial] = PATH.exec(path) ?? [];
  if (folder !== undefined && digits !== undefined) {
    const index = BigInt(digits.replaceAll(/[x/]/g, ''));
    const width = partial === undefined ? TILE_WIDTH : Number(partial);
    const place: TilePlace =
      folder === 'entries'
        ? { kind: 'entries', index, width }
        : { kind: 'tile', level: Number(folder), index, width };
    const again = place.kind === 'entries' ? entryBundlePath(place) : tilePath(place);
    const level = place.kind === 'tile' ? place.level : 0;
    if (again === path && width <= TILE_WIDTH && level <= MOST_TILE_LEVEL && index <= MAX_INDEX) return place;
  }
  throw new StellaError('TILE_INVALID', `not the path of a tile: ${excerpt(path)}`);
}

/** Sizes and indexes are 64-bit numbers (C2SP tlog-tiles). */
const MAX_INDEX = (1n << 64n) - 1n;

/** Hashes at a tile level of a tree of `size` entries. */
export function hashesAtLevel(level: number, size: bigint): bigint {
  return size >> BigInt(TILE_HEIGHT * level);
}

/** Hashes in the tile of this place in a tree of `size` entries: 0 where the tree has no such tile. */
export function tileWidth(level: number, index: bigint, size: bigint): number {
  const rest = hashesAtLevel(level, size) - index * BigInt(TILE_WIDTH);
  if (rest <= 0n || index < 0n) return 0;
  return rest >= BigInt(TILE_WIDTH) ? TILE_WIDTH : Number(rest);
}

/** The tile above that holds this full tile's hash. */
export function parentTile(tile: Tile, size: bigint): Tile {
  const level = tile.level + 1;
  const index = tile.index / BigInt(TILE_WIDTH);
  return { level, index, width: tileWidth(level, index, size) };
}

/** The partial tiles at the right edge, lowest level first. All their hashes go into the root directly. */
export function rightEdge(size: bigint): Tile[] {
  const tiles: Tile[] = [];
  for (let level = 0; hashesAtLevel(level, size) > 0n; level += 1) {
    const index = hashesAtLevel(level + 1, size);
    const width = tileWidth(level, index, size);
    if (width > 0) tiles.push({ level, index, width });
  }
  return tiles;
}
