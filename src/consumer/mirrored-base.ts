import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { sha256Hex } from '../base/bytes.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { writeNewFile } from '../base/files.ts';
import type { Manifest } from '../bundle/manifest.ts';
import { MOST_MIRRORED_BYTES } from '../bundle/mirrored.ts';
import type { Mirror } from '../bundle/sealed-bundle.ts';
import { type MirrorOptions, mirrorLog } from '../logs/mirror.ts';
import { tileSource } from '../logs/source.ts';
import { loadCheckpoint } from '../logs/tile-directory.ts';

type ManifestLog = Manifest['logs'][number];

/**
 * Adds to an unpacked delta the tiles of a log that its base carried, from the mirror that serves them beside it. The
 * manifest lists none of them and need not: each is checked against the root that the log has signed before it is written.
 * @param directory of the log, with the delta's checkpoint and what is there of tiles
 * @throws StellaError ENTRY_MISSING where the mirror lacks some; TILE_INVALID, ROOT_MISMATCH, LOG_ENTRY_INVALID, LOG_FORK,
 * CHECKPOINT_*, FETCH_*
 */
export async function addMirroredTiles(
  manifest: Manifest,
  log: ManifestLog,
  mirror: Mirror,
  directory: string,
  rules: Pick<MirrorOptions, 'keys' | 'policy' | 'consistentFrom'>,
): Promise<void> {
  // A log that serves no tiles has none that could be missing.
  if (log.first_index === log.tree_size) return;
  const prefix = `logs/${sha256Hex(Buffer.from(log.origin))}`;
  const checkpoint = loadCheckpoint(directory);
  const lacks = (what: string, cause?: unknown) =>
    new StellaError('ENTRY_MISSING', `the mirror lacks ${what} of log ${log.origin}`, {
      cause,
      hint: 'where the mirror is made, make it again with `stella trust export --out DIR`',
    });
  try {
    const { firstIndex } = await mirrorLog({
      ...rules,
      // The mirror may have moved on meanwhile; its tiles of this size are still there.
      source: { ...tileSource(mirror.url + prefix, mirror.fetcher), fetchCheckpoint: async () => checkpoint },
      origin: log.origin,
      depth: BigInt(log.tree_size - log.first_index),
      into: directory,
      entries: manifest.entries.some(({ path }) => path.startsWith(`${prefix}/tile/entries/`)),
    });
    if (firstIndex > BigInt(log.first_index))
      throw lacks(`tiles for the entries from ${log.first_index} to ${firstIndex}`);
  } catch (error) {
    throw isStellaError(error, 'FETCH_NOT_FOUND') ? lacks('a file', error) : error;
  }
}

/**
 * Adds to an unpacked delta the attestations that its base carried: the manifest names each by its digest.
 * @param directory the unpacked `attestations/` @param held `attestations/` of the store
 * @throws StellaError ENTRY_MISSING, ENTRY_DIGEST, FETCH_*
 */
export async function addMirroredAttestations(
  manifest: Manifest,
  mirror: Mirror,
  directory: string,
  held: string,
): Promise<void> {
  for (const { name, sha256 } of manifest.attestations ?? []) {
    const file = `${sha256}.json`;
    if (existsSync(join(directory, file)) || existsSync(join(held, file))) continue;
    const bytes = await fetchAttestation(mirror, file, name);
    if (sha256Hex(bytes) !== sha256) {
      throw new StellaError('ENTRY_DIGEST', `the mirror's attestations/${file} is not what its name says`, {
        hint: 'where the mirror is made, make it again with `stella trust export --out DIR`',
      });
    }
    writeNewFile(join(directory, file), bytes, { sync: false });
  }
}

async function fetchAttestation({ url, fetcher }: Mirror, file: string, name: string): Promise<Uint8Array> {
  try {
    return (await fetcher.fetch(`${url}attestations/${file}`, { most: MOST_MIRRORED_BYTES })).bytes;
  } catch (cause) {
    if (!isStellaError(cause, 'FETCH_NOT_FOUND')) throw cause;
    throw new StellaError('ENTRY_MISSING', `the mirror does not have the attestation ${name}`, {
      cause,
      hint: 'where the mirror is made, make it again with `stella trust export --out DIR`',
    });
  }
}
