import { constants, copyFileSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { formatHex, parseHex } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import { writeError } from '../base/files.ts';
import type { PublicKey } from '../base/keys.ts';
import type { Manifest } from '../base/schema-types.ts';
import { logDirectory, type TreeHead } from '../logs/store.ts';
import { listTileFiles } from '../logs/tile-directory.ts';
import { type VerifiedLog, verifyLog } from '../logs/verify-log.ts';
import { logIdOf, verifierKeyOf } from '../tlog/verifier-key.ts';
import type { StoreState } from '../trust/store.ts';
import type { Finding } from './check-list.ts';

type ManifestLog = Manifest['logs'][number];

/** A log whose checkpoint, tiles and growth were found good. */
export interface AcceptedLog {
  readonly log: ManifestLog;
  /** The signed checkpoint, as text. */
  readonly checkpoint: string;
}

export interface CarriedLogsPlace {
  /** The unpacked bundle. */
  readonly directory: string;
  /** `logs/` of the store. */
  readonly logsDirectory: string;
}

/**
 * Every carried log: signed by a key that TUF names for it, its tiles give the signed root, its entries hash to their
 * leaves, it is the one that the manifest describes, and it continues what the store holds.
 * @param keys the log keys that TUF distributes
 * @throws StellaError CHECKPOINT_*, TILE_INVALID, ROOT_MISMATCH, LOG_*, MANIFEST_INVALID
 */
export async function checkCarriedLogs(
  manifest: Manifest,
  place: CarriedLogsPlace,
  keys: readonly PublicKey[],
  state: StoreState | undefined,
): Promise<Finding<AcceptedLog[]>> {
  checkNoStrangers(manifest, join(place.directory, 'logs'));
  const accepted: AcceptedLog[] = [];
  const details: string[] = [];
  for (const log of manifest.logs) {
    const held = state?.logs.find(({ origin }) => origin === log.origin);
    const verified = await verifyCarried(log, place, keys, held, manifest.base !== undefined);
    checkDescription(log, verified);
    accepted.push({ log, checkpoint: Buffer.from(verified.checkpointBytes).toString('utf8') });
    details.push(
      `${log.origin}: ${log.tree_size} entries, root recomputed${held ? ', continues what is held' : ''}`,
    );
  }
  return { detail: details.length === 0 ? 'none carried' : details.join('; '), value: accepted };
}

async function verifyCarried(
  log: ManifestLog,
  place: CarriedLogsPlace,
  keys: readonly PublicKey[],
  held: StoreState['logs'][number] | undefined,
  isDelta: boolean,
): Promise<VerifiedLog> {
  const own = keys
    .filter((key) => logIdOf(log.origin, key) === log.log_id)
    .map((key) => verifierKeyOf(log.origin, key));
  if (own.length === 0) {
    throw new StellaError(
      'CHECKPOINT_SIGNATURE',
      `no key that TUF names is the key of log ${log.origin} (log id ${log.log_id})`,
    );
  }
  const carried = logDirectory(join(place.directory, 'logs'), log.origin);
  const previous: TreeHead | undefined = held && {
    size: BigInt(held.tree_size),
    rootHash: parseHex(held.root_hash, 32, 'STORE_CORRUPT'),
  };
  if (isDelta) addHeldTiles(logDirectory(place.logsDirectory, log.origin), carried);
  return await verifyLog(carried, { keys: own, origin: log.origin, previous });
}

function checkDescription(log: ManifestLog, { checkpoint, firstIndex }: VerifiedLog): void {
  if (checkpoint.size !== BigInt(log.tree_size) || formatHex(checkpoint.rootHash) !== log.root_hash) {
    throw new StellaError(
      'MANIFEST_INVALID',
      `the manifest describes another checkpoint of log ${log.origin} than the bundle carries`,
    );
  }
  if (firstIndex > BigInt(log.first_index)) {
    throw new StellaError(
      'MANIFEST_INVALID',
      `log ${log.origin}: the tiles prove entries from ${firstIndex} on, the manifest promises ${log.first_index}`,
    );
  }
}

/** Directories that no log of the manifest accounts for would be believed by nobody and kept for ever. */
function checkNoStrangers(manifest: Manifest, directory: string): void {
  const known = new Set(manifest.logs.map((log) => logDirectory(directory, log.origin)));
  for (const name of existsSync(directory) ? readdirSync(directory) : []) {
    if (!known.has(join(directory, name)))
      throw new StellaError('MANIFEST_INVALID', `logs/${name} is of no log that the manifest describes`);
  }
}

/** A delta leaves out tiles that its base carried: copies those that the store holds beside the carried ones. */
function addHeldTiles(from: string, to: string): void {
  if (!existsSync(from)) return;
  for (const path of listTileFiles(from)) {
    const target = join(to, path);
    if (existsSync(target)) continue;
    try {
      mkdirSync(dirname(target), { recursive: true });
      copyFileSync(join(from, path), target, constants.COPYFILE_FICLONE);
    } catch (cause) {
      throw writeError(target, cause);
    }
  }
}
