import { readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { formatUtf8, sha256Hex } from '../base/bytes.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { readBounded, readBoundedIfPresent, readError } from '../base/files.ts';
import { consistencyProofPath, MOST_PROOF_BYTES, parseConsistencyProof } from '../tlog/consistency-proof.ts';
import { MAX_ENTRY_BUNDLE_BYTES } from '../tlog/entry-bundle.ts';
import { HASH_BYTES } from '../tlog/hash.ts';
import { MOST_NOTE_BYTES } from '../tlog/note.ts';
import { type EntryBundlePlace, entryBundlePath, TILE_WIDTH, type Tile, tilePath } from '../tlog/tile.ts';

/** The directory of one log below `root`: named by the SHA-256 of its origin in hexadecimal. */
export function logDirectory(root: string, origin: string): string {
  return join(root, sha256Hex(formatUtf8(origin)));
}

/** @throws StellaError FILE_NOT_FOUND, FILE_UNREADABLE, FILE_TOO_LARGE */
export function loadCheckpoint(directory: string): Uint8Array {
  return readBounded(join(directory, 'checkpoint'), MOST_NOTE_BYTES);
}

/**
 * The content of a tile on disk, cut from a wider one of the same place if need be; `undefined` where there is none.
 * @throws StellaError TILE_INVALID for a file of the wrong length
 */
export function loadTile(directory: string, tile: Tile): Uint8Array | undefined {
  for (const width of new Set([tile.width, TILE_WIDTH])) {
    const path = tilePath({ ...tile, width });
    let bytes: Uint8Array | undefined;
    try {
      bytes = readBoundedIfPresent(join(directory, path), width * HASH_BYTES);
    } catch (error) {
      if (!isStellaError(error, 'FILE_TOO_LARGE')) throw error;
      bytes = new Uint8Array();
    }
    if (!bytes) continue;
    if (bytes.length !== width * HASH_BYTES)
      throw new StellaError('TILE_INVALID', `${path} has the wrong length`, { details: { tile: path } });
    return bytes.subarray(0, tile.width * HASH_BYTES);
  }
  return undefined;
}

/** The content of an entry bundle of exactly this width on disk; `undefined` where there is none. */
export function loadEntryBundle(directory: string, place: EntryBundlePlace): Uint8Array | undefined {
  return readBoundedIfPresent(join(directory, entryBundlePath(place)), MAX_ENTRY_BUNDLE_BYTES);
}

/**
 * The proof that a log without tiles gave when it was mirrored.
 * @throws StellaError LOG_CONSISTENCY_UNPROVEN where there is none from this size, PROOF_INVALID
 */
export function loadConsistencyProof(directory: string, oldSize: bigint, newSize: bigint): Uint8Array[] {
  if (oldSize === 0n) return [];
  const path = consistencyProofPath(oldSize, newSize);
  const bytes = readBoundedIfPresent(join(directory, path), MOST_PROOF_BYTES);
  if (!bytes) throw new StellaError('LOG_CONSISTENCY_UNPROVEN', `${path} is not among the proofs held`);
  return parseConsistencyProof(bytes);
}

/** The tiles and entry bundles below `directory`, as paths with slashes: those of each folder in order of names. */
export function* listTileFiles(directory: string): Generator<string> {
  const pending = [join(directory, 'tile')];
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    let entries: ReturnType<typeof readDirectory>;
    try {
      entries = readDirectory(folder);
    } catch (cause) {
      const error = readError(folder, cause);
      if (error.code === 'FILE_NOT_FOUND') continue;
      throw error;
    }
    for (const entry of entries) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) pending.push(path);
      else yield relative(directory, path).replaceAll('\\', '/');
    }
  }
}

/** In order of names, so that tiles that follow each other come one after the other. */
function readDirectory(path: string) {
  return readdirSync(path, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
}
