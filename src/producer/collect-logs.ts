import { join } from 'node:path';
import { excerpt, formatSha256, sha256Hex } from '../base/bytes.ts';
import { type Instant, instantAtSeconds } from '../base/clock.ts';
import type { ErrorCode } from '../base/codes.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import type { PublicKey } from '../base/keys.ts';
import type { ExportLedger, Manifest } from '../base/schema-types.ts';
import { findLogApi } from '../logs/log-api.ts';
import { identifyLog, originLine } from '../logs/log-identity.ts';
import { type MirroredLog, type MirrorProgress, mirrorLog } from '../logs/mirror.ts';
import { mirrorRekorV1 } from '../logs/rekor-v1.ts';
import { tileSource } from '../logs/source.ts';
import { logDirectory } from '../logs/store.ts';
import type { Fetcher } from '../net/types.ts';
import type { LogOriginsByUrl } from '../store/log-origins.ts';
import { isSameLog } from '../tlog/origin.ts';
import { logIdOf, logKeysOf } from '../tlog/verifier-key.ts';
import type { WitnessPolicy } from '../tlog/witness-policy.ts';
import type { NamedTrustLog } from '../trust/log-list.ts';
import type { CollectedEntry } from './collect.ts';
import { exportedHeads } from './ledger.ts';

export interface CollectLogsOptions {
  readonly fetcher: Fetcher;
  readonly policy: WitnessPolicy | undefined;
  readonly ledger: ExportLedger;
  /** `logs/` of the trust store: tiles that are there already are not fetched again. */
  readonly logsDirectory: string;
  /** What logs were seen to sign as before, by their URLs. */
  readonly origins: LogOriginsByUrl;
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
  /** Where its checkpoint alone says so: what it signs as, which its URL does not say. */
  readonly foundOrigin?: string;
}

/** A log that the trust names and the bundle does not carry. */
export interface LeftOutLog {
  readonly url: string;
  readonly code: ErrorCode;
  readonly reason: string;
}

export interface CollectedLogs {
  readonly logs: readonly CollectedLog[];
  readonly leftOut: readonly LeftOutLog[];
  /** What the service map's tile logs signed as, by their URLs. */
  readonly origins: LogOriginsByUrl;
}

/**
 * Mirrors the needed part of each log into the trust store and lists what of it belongs into the bundle. Several logs
 * are mirrored at once. A log that only a trusted root names is left out where it cannot be had or shows nothing that could
 * be carried; the service map's must be had.
 * @throws StellaError CHECKPOINT_*, TILE_INVALID, ROOT_MISMATCH, WITNESS_QUORUM, LOG_ROLLBACK, LOG_FORK, FETCH_*,
 * OFFLINE, SERVICE_MAP_INVALID when two endpoints are the same log
 */
export async function collectLogs(
  named: readonly NamedTrustLog[],
  options: CollectLogsOptions,
): Promise<CollectedLogs> {
  const collector = new LogCollector(named, options);
  const required = named.filter(({ from }) => from === 'service map');
  const collected = (await Promise.all(required.map((log) => collector.collect(log)))).flat();
  const twice = collected.find((log, i) => collected.slice(0, i).some((other) => isSame(log, other)));
  if (twice) {
    const { origin } = twice.manifest;
    throw new StellaError('SERVICE_MAP_INVALID', `the service map names the log ${origin} twice`);
  }
  const leftOut: LeftOutLog[] = [];
  const further = await Promise.all(
    named
      .filter(({ from }) => from === 'trusted root')
      .map(async (log) => {
        try {
          return await collector.collect(log);
        } catch (error) {
          if (!isStellaError(error) || !MAY_BE_LEFT_OUT.test(error.code)) throw error;
          leftOut.push({ url: log.url, code: error.code, reason: error.message });
          return [];
        }
      }),
  );
  const logs = [
    ...collected,
    ...further.flat().filter((log) => !collected.some((other) => isSame(log, other))),
  ];
  return { logs, leftOut, origins: collector.origins };
}

/** What shows that a log cannot be had, or that nothing of it could be checked. Never that it forked or shrank. */
const MAY_BE_LEFT_OUT =
  /^(?:FETCH_|OFFLINE$|NOTE_|CHECKPOINT_|WITNESS_QUORUM$|SCHEMA_INVALID$|PARSE_FAILED$)/;

const isSame = (a: CollectedLog, b: CollectedLog) => isSameLog(a.manifest, b.manifest);

/** Collects the logs of one export, and what their origins were found to be. */
class LogCollector {
  readonly origins = new Map<string, string>();
  readonly #named: readonly NamedTrustLog[];
  readonly #options: CollectLogsOptions;

  constructor(named: readonly NamedTrustLog[], options: CollectLogsOptions) {
    this.#named = named;
    this.#options = options;
  }

  async collect(log: NamedTrustLog): Promise<CollectedLog[]> {
    const { fetcher, policy, ledger, logsDirectory, depth, entries, onProgress } = this.#options;
    const into = (origin: string) => logDirectory(logsDirectory, origin);
    const found = await findLogApi(log.url, fetcher, log.api);
    if (found.api === 'v1') {
      const shards = await mirrorRekorV1({
        url: log.url,
        fetcher,
        keys: keysWithId(log, log.origin, ({ id }) => id === log.logId),
        policy,
        into,
        consistentFrom: (shard) => exportedHeads(ledger, shard),
      });
      return shards.map((shard) => describe(log, shard, logsDirectory, true));
    }
    const origin = this.#originOf(log, found.checkpoint);
    const keys = keysWithId(log, origin, (key) => [key.id, logIdOf(origin, key)].includes(log.logId!));
    const mirrored = await mirrorLog({
      source: { ...tileSource(found.prefix, fetcher), fetchCheckpoint: async () => found.checkpoint },
      keys: keys.flatMap((key) => logKeysOf(origin, key)),
      origin,
      policy,
      depth,
      consistentFrom: exportedHeads(ledger, { origin }),
      into: into(origin),
      entries,
      onProgress: (progress) => onProgress?.(origin, progress),
    });
    if (log.from === 'service map') this.origins.set(log.url, origin);
    return [
      {
        ...describe(log, mirrored, logsDirectory, false),
        ...(origin === log.origin ? {} : { foundOrigin: origin }),
      },
    ];
  }

  /**
   * What a tile log's checkpoints must be of: what the service map says, what the log was seen to sign as before, or what
   * its URL says; else what the checkpoint itself says, if a key has signed it that TUF names for this log and no other.
   * @throws StellaError CHECKPOINT_ORIGIN, CHECKPOINT_SIGNATURE, each naming both origins
   */
  #originOf(log: NamedTrustLog, checkpoint: Uint8Array): string {
    if (log.isOriginSaid) return log.origin;
    const before = this.#options.origins.get(log.url);
    const expected = before ?? log.origin;
    const signed = originLine(checkpoint);
    if (signed === expected) return expected;
    const differs = (why: string, hint: string) =>
      new StellaError('CHECKPOINT_ORIGIN', `${log.url} signs as ${excerpt(signed)}, ${why}`, {
        hint,
        details: { url: log.url, origin: signed, expected },
      });
    const say = `if that is the log's origin, say so in the service map: rekor.origin ${excerpt(signed)}`;
    if (before !== undefined) throw differs(`and signed as ${excerpt(before)} before`, say);
    const isOfAnother = this.#named.some((other) => other !== log && other.origin === signed);
    if (log.ownKeys.length === 0 || isOfAnother)
      throw differs(
        isOfAnother
          ? 'which is the origin of another log that the trust names'
          : `expected ${excerpt(expected)} by its URL`,
        isOfAnother ? "check the log's url in the service map" : say,
      );
    return identifyLog(checkpoint, log.ownKeys).origin;
  }
}

/** The keys that the log may have by the id that the service map says. @throws StellaError CHECKPOINT_SIGNATURE */
function keysWithId(
  { keys, logId, url }: NamedTrustLog,
  origin: string,
  isOfId: (key: PublicKey) => boolean,
): readonly PublicKey[] {
  const fitting = logId === undefined ? keys : keys.filter(isOfId);
  if (fitting.length > 0) return fitting;
  if (keys.length === 0)
    throw new StellaError(
      'CHECKPOINT_SIGNATURE',
      `TUF distributes no Rekor key that could be of log ${origin}`,
      {
        hint: 'publish its key: ./scripts/add-target.sh FILE rekor-key-v1.pub --usage Rekor',
      },
    );
  throw new StellaError(
    'CHECKPOINT_SIGNATURE',
    `the service map says that log ${origin} has the id ${logId}, which no Rekor key that TUF distributes gives`,
    {
      hint: [
        `if the log at ${url} is another than the map was made for, correct its log_id: \`stella repo service-map --check FILE\` asks the log`,
        'else publish its key: ./scripts/add-target.sh FILE NAME --usage Rekor',
      ],
      details: { origin, log_id: logId, given_by_keys: keys.map((key) => logIdOf(origin, key)) },
    },
  );
}

function describe(
  { url, keys }: NamedTrustLog,
  mirrored: MirroredLog,
  logsDirectory: string,
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
