import { isStellaError, StellaError } from '../base/errors.ts';
import type { Fetcher, FetchOptions } from '../net/types.ts';
import { MAX_LOG_ENTRY_BYTES, parseEntryBundle } from '../tlog/entry-bundle.ts';
import { HASH_BYTES } from '../tlog/hash.ts';
import { MOST_NOTE_BYTES } from '../tlog/note.ts';
import { type EntryBundlePlace, entryBundlePath, TILE_WIDTH, type Tile, tilePath } from '../tlog/tile.ts';

/** Where a tile log is read from. Nothing it gives has been verified. */
export interface TileSource {
  /** How to call it in messages. */
  readonly url: string;
  fetchCheckpoint(signal?: AbortSignal): Promise<Uint8Array>;
  /** Exactly the tile's hashes, though not necessarily the right ones. */
  fetchTile(tile: Tile, signal?: AbortSignal): Promise<Uint8Array>;
  fetchEntryBundle(place: EntryBundlePlace, signal?: AbortSignal): Promise<Uint8Array>;
}

function withSignal(signal: AbortSignal | undefined): Omit<FetchOptions, 'most'> {
  return signal ? { signal } : {};
}

/** The address of a path below a log's prefix, whether or not that ends with a slash. */
export function logUrl(prefix: string, path: string): string {
  return `${prefix.replace(/\/+$/, '')}/${path}`;
}

/**
 * A C2SP tile log below the prefix `url` (http, https or file). A partial tile that the log no longer has is cut from the
 * full one.
 */
export function tileSource(url: string, fetcher: Fetcher): TileSource {
  /** Fetches the partial file, or the full one where the log has deleted it. */
  async function fetchPartial(
    path: (width: number) => string,
    width: number,
    most: (width: number) => number,
    options: Omit<FetchOptions, 'most'>,
  ): Promise<{ bytes: Uint8Array; width: number }> {
    try {
      const { bytes } = await fetcher.fetch(logUrl(url, path(width)), { ...options, most: most(width) });
      return { bytes, width };
    } catch (error) {
      if (width === TILE_WIDTH || !isStellaError(error, 'FETCH_NOT_FOUND')) throw error;
      try {
        const full = await fetcher.fetch(logUrl(url, path(TILE_WIDTH)), {
          ...options,
          most: most(TILE_WIDTH),
        });
        return { bytes: full.bytes, width: TILE_WIDTH };
      } catch (second) {
        throw isStellaError(second, 'FETCH_NOT_FOUND') ? error : second;
      }
    }
  }

  return {
    url,
    async fetchCheckpoint(signal) {
      return (
        await fetcher.fetch(logUrl(url, 'checkpoint'), { ...withSignal(signal), most: MOST_NOTE_BYTES })
      ).bytes;
    },
    async fetchTile(tile, signal) {
      const { bytes, width } = await fetchPartial(
        (w) => tilePath({ ...tile, width: w }),
        tile.width,
        (w) => w * HASH_BYTES,
        withSignal(signal),
      );
      if (bytes.length !== width * HASH_BYTES) {
        throw new StellaError(
          'TILE_INVALID',
          `${logUrl(url, tilePath({ ...tile, width }))} has ${bytes.length} bytes, expected ${width * HASH_BYTES}`,
        );
      }
      return bytes.subarray(0, tile.width * HASH_BYTES);
    },
    async fetchEntryBundle(place, signal) {
      const { bytes, width } = await fetchPartial(
        (w) => entryBundlePath({ ...place, width: w }),
        place.width,
        (w) => w * (2 + MAX_LOG_ENTRY_BYTES),
        { ...withSignal(signal), compressible: true },
      );
      if (width === place.width) return bytes;
      const kept = parseEntryBundle(bytes, width).slice(0, place.width);
      return bytes.subarray(
        0,
        kept.reduce((sum, entry) => sum + 2 + entry.length, 0),
      );
    },
  };
}
