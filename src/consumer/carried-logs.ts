import { constants, existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { excerpt, formatHex, parseHex } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import { copyFile } from '../base/file-system/copy.ts';
import { makeDirectory, writeError } from '../base/files.ts';
import type { PublicKey } from '../base/keys.ts';
import { maskUrl } from '../base/safety/masked-url.ts';
import type { Manifest } from '../base/schema-types.ts';
import type { Mirror } from '../bundle/sealed-bundle.ts';
import { logDirectory, type TreeHead } from '../logs/store.ts';
import { listTileFiles } from '../logs/tile-directory.ts';
import { type VerifiedLog, verifyLog } from '../logs/verify-log.ts';
import type { StoreState } from '../store/store.ts';
import { isSameLog, rekorV1Tree } from '../tlog/origin.ts';
import { logIdOf, logKeysOf } from '../tlog/verifier-key.ts';
import type { WitnessPolicy } from '../tlog/witness-policy.ts';
import type { NamedTrustLog } from '../trust/log-list.ts';
import type { BundleFinding } from './check-list.ts';
import { addMirroredTiles } from './mirrored-base.ts';

type ManifestLog = Manifest['logs'][number];

/** A log whose checkpoint, tiles and growth were found good. */
export interface AcceptedLog {
  readonly log: ManifestLog;
  /** The signed checkpoint, as text. */
  readonly checkpoint: string;
}

export interface ImportedLogRules {
  /** The unpacked bundle. */
  readonly directory: string;
  /** `logs/` of the store. */
  readonly logsDirectory: string;
  /** The log keys that TUF distributes. */
  readonly keys: readonly PublicKey[];
  /** The logs that the trust names. */
  readonly named: readonly NamedTrustLog[];
  /** Whose cosignatures each checkpoint needs. */
  readonly policy: WitnessPolicy | undefined;
  /** The mirror that the bundle comes from: what neither it nor the store has of a delta's tiles is there. */
  readonly mirror: Mirror | undefined;
}

/**
 * Every carried log: signed by a key that TUF names for it, its tiles give the signed root, its entries hash to their
 * leaves, it is the one that the manifest describes, and it continues what the store holds.
 * @throws StellaError CHECKPOINT_*, WITNESS_QUORUM, TILE_INVALID, ROOT_MISMATCH, LOG_*, MANIFEST_INVALID
 */
export async function checkCarriedLogs(
  manifest: Manifest,
  rules: ImportedLogRules,
  state: StoreState | undefined,
): Promise<BundleFinding<AcceptedLog[]>> {
  checkNoStrangers(manifest, join(rules.directory, 'logs'));
  const accepted: AcceptedLog[] = [];
  const details: string[] = [];
  for (const log of manifest.logs) {
    const held = state?.logs.find((other) => isSameLog(other, log));
    checkOrigin(log, rules.named, state?.logs ?? []);
    const verified = await verifyCarried(manifest, log, rules, held);
    checkDescription(log, verified);
    accepted.push({ log, checkpoint: Buffer.from(verified.checkpointBytes).toString('utf8') });
    details.push(
      `${log.origin}: ${log.tree_size} entries, ${verified.tiles > 0 ? 'root recomputed' : 'checkpoint only'}${held ? ', continues what is held' : ''}`,
    );
  }
  return { detail: details.length === 0 ? 'none carried' : details.join('; '), value: accepted };
}

/**
 * A log that was seen under one origin stays under it, unless the service map names the new one: the log's key may serve
 * another log as well, which must not take the place of this.
 * @throws StellaError CHECKPOINT_ORIGIN
 */
function checkOrigin(
  { url, origin }: ManifestLog,
  named: readonly NamedTrustLog[],
  held: StoreState['logs'],
): void {
  if (rekorV1Tree(origin) !== undefined) return;
  const before = held.find(
    (log) => log.url === url && log.origin !== origin && rekorV1Tree(log.origin) === undefined,
  );
  const isKnown = held.some((log) => log.origin === origin && log.url === url);
  const said = named.find((log) => log.url === url);
  if (!before || isKnown || (said?.isOriginSaid && said.origin === origin)) return;
  throw new StellaError(
    'CHECKPOINT_ORIGIN',
    `the log at ${maskUrl(url)} signs as ${excerpt(origin)} in the bundle, and signed as ${excerpt(before.origin)} in what is held`,
    {
      hint: "if the log was replaced, the trust team says so in the service map: rekor.origin names the new log's origin",
      details: { url, origin, expected: before.origin },
    },
  );
}

async function verifyCarried(
  manifest: Manifest,
  log: ManifestLog,
  rules: ImportedLogRules,
  held: StoreState['logs'][number] | undefined,
): Promise<VerifiedLog> {
  const own = rules.keys
    .filter((key) => logIdOf(log.origin, key) === log.log_id)
    .flatMap((key) => logKeysOf(log.origin, key));
  if (own.length === 0) {
    throw new StellaError(
      'CHECKPOINT_SIGNATURE',
      `no key that TUF names is the key of log ${log.origin} (log id ${log.log_id})`,
      { details: { origin: log.origin, carried: log, ...(held ? { held } : {}) } },
    );
  }
  const carried = logDirectory(join(rules.directory, 'logs'), log.origin);
  const previous: TreeHead | undefined = held && {
    size: BigInt(held.tree_size),
    rootHash: parseHex(held.root_hash, 32, 'STORE_CORRUPT'),
    checkpointBytes: Buffer.from(held.checkpoint, 'utf8'),
  };
  const { mirror, policy } = rules;
  if (manifest.base) {
    addHeldTiles(logDirectory(rules.logsDirectory, log.origin), carried);
    const consistentFrom = previous ? [previous] : [];
    if (mirror) await addMirroredTiles(manifest, log, mirror, carried, { keys: own, policy, consistentFrom });
  }
  return await verifyLog(carried, {
    keys: own,
    origin: log.origin,
    policy,
    previous,
    // Rekor v1 serves no tiles; the manifest says then that no entry is provable.
    mayLackTiles: log.first_index === log.tree_size,
  });
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
      makeDirectory(dirname(target));
      copyFile(join(from, path), target, constants.COPYFILE_FICLONE);
    } catch (cause) {
      throw writeError(target, cause);
    }
  }
}
