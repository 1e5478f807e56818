import { join } from 'node:path';
import { formatSha256, sha256Hex } from '../base/bytes.ts';
import { type Instant, instantAtSeconds } from '../base/clock.ts';
import { StellaError } from '../base/errors.ts';
import type { PublicKey } from '../base/keys.ts';
import type { ExportLedger, Manifest } from '../base/schema-types.ts';
import type { LogEndpoint } from '../config/service-map.ts';
import { findLogApi } from '../logs/log-api.ts';
import { type MirroredLog, type MirrorProgress, mirrorLog } from '../logs/mirror.ts';
import { mirrorRekorV1 } from '../logs/rekor-v1.ts';
import { tileSource } from '../logs/source.ts';
import { logDirectory } from '../logs/store.ts';
import type { Fetcher } from '../net/types.ts';
import { originOf } from '../tlog/origin.ts';
import { logIdOf, logKeysOf } from '../tlog/verifier-key.ts';
import type { WitnessPolicy } from '../tlog/witness-policy.ts';
import type { CollectedEntry } from './collect.ts';
import { exportedHeads } from './ledger.ts';

export interface CollectLogsOptions {
  readonly fetcher: Fetcher;
  /** The log keys that TUF distributes. */
  readonly keys: readonly PublicKey[];
  readonly policy: WitnessPolicy | undefined;
  readonly ledger: ExportLedger;
  /** `logs/` of the trust store: tiles that are there already are not fetched again. */
  readonly logsDirectory: string;
  readonly depth: bigint;
  readonly entries: boolean;
  readonly onProgress?: ((origin: string, progress: MirrorProgress) => void) | undefined;
}

export interface CollectedLog {
  readonly manifest: Manifest['logs'][number];
  /** The signed checkpoint, as text. */
  readonly checkpoint: string;
  readonly entries: readonly CollectedEntry[];
  /** Whether the log serves no tiles (Rekor v1): then only its checkpoint and proofs of growth are carried. */
  readonly withoutTiles: boolean;
  /** When each witness signed the checkpoint, by its own word. */
  readonly cosignedAt: readonly Instant[];
}

/**
 * Mirrors the needed part of each log into the trust store and lists what of it belongs into the bundle. Several logs
 * are mirrored at once.
 * @throws StellaError CHECKPOINT_*, TILE_INVALID, ROOT_MISMATCH, WITNESS_QUORUM, LOG_ROLLBACK, LOG_FORK, FETCH_*,
 * OFFLINE, SERVICE_MAP_INVALID when two endpoints are the same log
 */
export async function collectLogs(
  endpoints: readonly LogEndpoint[],
  options: CollectLogsOptions,
): Promise<CollectedLog[]> {
  const collected = (await Promise.all(endpoints.map((endpoint) => collectLog(endpoint, options)))).flat();
  const origins = collected.map((log) => log.manifest.origin);
  const twice = origins.find((origin, i) => origins.indexOf(origin) !== i);
  if (twice !== undefined)
    throw new StellaError('SERVICE_MAP_INVALID', `the service map names the log ${twice} twice`);
  return collected;
}

async function collectLog(endpoint: LogEndpoint, options: CollectLogsOptions): Promise<CollectedLog[]> {
  const { url } = endpoint;
  const { fetcher, policy, ledger } = options;
  const api = endpoint.api ?? (await findLogApi(url, fetcher));
  const into = (origin: string) => logDirectory(options.logsDirectory, origin);
  if (api === 'v1') {
    const shards = await mirrorRekorV1({
      url,
      fetcher,
      keys: options.keys,
      policy,
      into,
      consistentFrom: (origin) => exportedHeads(ledger, origin),
    });
    return shards.map((shard) => describe(url, shard, options, true));
  }
  const origin = endpoint.origin ?? originOf(url);
  const keys = options.keys.filter(
    (key) => endpoint.logId === undefined || [key.id, logIdOf(origin, key)].includes(endpoint.logId),
  );
  if (keys.length === 0) {
    throw new StellaError(
      'CHECKPOINT_SIGNATURE',
      `no Rekor key that TUF distributes is the key of log ${origin}`,
    );
  }
  const mirrored = await mirrorLog({
    source: tileSource(url, fetcher),
    keys: keys.flatMap((key) => logKeysOf(origin, key)),
    origin,
    policy,
    depth: options.depth,
    consistentFrom: exportedHeads(ledger, origin),
    into: into(origin),
    entries: options.entries,
    onProgress: (progress) => options.onProgress?.(origin, progress),
  });
  return [describe(url, mirrored, options, false)];
}

function describe(
  url: string,
  mirrored: MirroredLog,
  { keys, logsDirectory }: CollectLogsOptions,
  withoutTiles: boolean,
): CollectedLog {
  const { origin } = mirrored;
  const signer = keys.find((key) => mirrored.signedBy.some((by) => by.publicKey.id === key.id))!;
  const directory = logDirectory(logsDirectory, origin);
  return {
    withoutTiles,
    cosignedAt: mirrored.signedBy.flatMap(({ cosignedAt }) =>
      cosignedAt === undefined ? [] : [instantAtSeconds(cosignedAt)],
    ),
    checkpoint: Buffer.from(mirrored.checkpointBytes).toString('utf8'),
    manifest: {
      origin,
      url,
      log_id: logIdOf(origin, signer),
      tree_size: Number(mirrored.size),
      root_hash: formatSha256(mirrored.rootHash),
      first_index: Number(mirrored.firstIndex),
      consistent_from: mirrored.consistentFrom.map(Number),
    },
    entries: mirrored.files.map((path) => ({
      path: `logs/${sha256Hex(Buffer.from(origin))}/${path}`,
      source: { file: join(directory, path) },
    })),
  };
}
