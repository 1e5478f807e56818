import { parseTilePath, TILE_WIDTH, tileWidth } from '../tlog/tile.ts';
import { listTileFiles } from './tile-directory.ts';

/**
 * The partial tiles and entry bundles of a log's directory that trees of none of these sizes have: wider ones have taken
 * their place. Full tiles never change and are never superseded.
 * @returns paths relative to the directory
 */
export function supersededTiles(directory: string, treeSizes: readonly bigint[]): string[] {
  const superseded: string[] = [];
  for (const path of listTileFiles(directory)) {
    const place = parseTilePath(path);
    const level = place.kind === 'entries' ? 0 : place.level;
    if (place.width === TILE_WIDTH) continue;
    if (!treeSizes.some((size) => tileWidth(level, place.index, size) === place.width)) superseded.push(path);
  }
  return superseded.sort();
}
