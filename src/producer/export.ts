import { formatInstant, type Instant } from '../base/clock.ts';
import { StellaError } from '../base/errors.ts';
import type { Fetcher } from '../base/fetcher.ts';
import { type PublicKey, signerOf } from '../base/keys.ts';
import type { Manifest } from '../base/schema-types.ts';
import { type Sealed, sealBundle } from '../bundle/seal.ts';
import type { Config } from '../config/config.ts';
import type { MirrorProgress } from '../logs/mirror.ts';
import { bundleKeysOf } from '../trust/bundle-keys.ts';
import { type DerivedTrust, deriveTrust, logKeysOf } from '../trust/derived-trust.ts';
import { checkFreshness, freshnessWindow, judgeFreshness } from '../trust/freshness.ts';
import { loadGeneration } from '../trust/generation.ts';
import type { Generation, TrustStore } from '../trust/store.ts';
import { referenceOf } from '../trust/sync-record.ts';
import type { TufView } from '../trust/tuf.ts';
import {
  type CarriedAttestation,
  type CollectedLog,
  collectAttestations,
  collectLog,
  collectTuf,
} from './collect.ts';
import { loadLedger, recordExport, reserveSequence } from './ledger.ts';
import { loadSigningKey, type SigningKey } from './signing-key.ts';

/**
 * The advice that a bundle carries when the producer's configuration sets no threshold of its own: a year, after which no
 * root is good. The consumer's own window decides then.
 */
const NO_ADVICE_DAYS = 365;

export interface ExportOptions {
  readonly now: Instant;
  readonly config: Config;
  readonly fetcher: Fetcher;
  readonly out: string;
  readonly producer: Manifest['producer'];
  /** The time the bundle is sealed at, where it is not the present (`SOURCE_DATE_EPOCH`). */
  readonly sealedAt: Instant | undefined;
  readonly depth: bigint;
  readonly entries: boolean;
  readonly attestations: readonly { readonly name: string; readonly path: string }[];
  readonly onProgress?: (what: string, done: number, total: number) => void;
}

export interface Exported {
  readonly sealed: Sealed;
  readonly signingKey: SigningKey;
  /** Whether TUF names the signing key; otherwise the other side must pin it. */
  readonly signerIsDistributed: boolean;
  readonly logs: readonly CollectedLog[];
  /** Logs that serve no tiles, of which nothing is carried. */
  readonly withoutTiles: readonly string[];
  readonly attestations: readonly CarriedAttestation[];
}

/**
 * Seals what verification behind the gap will need: the repository as published, the newest part of each log, and
 * attestations to carry along.
 * @throws StellaError STORE_NOT_INITIALIZED, CLOCK_BEHIND, TUF_EXPIRED, STORE_STALE, CHECKPOINT_*, LOG_*, FETCH_*,
 * OFFLINE, KEY_*, FILE_*, WRITE_FAILED, LOCKED
 */
export async function exportSnapshot(store: TrustStore, options: ExportOptions): Promise<Exported> {
  store.require(options.now);
  return await store.change(options.now, async (writer) => {
    const generation = writer.current ?? store.require();
    const sealedAt = Math.floor((options.sealedAt ?? options.now) / 1000) * 1000;
    const { view, trust } = await loadCurrent(store, generation, sealedAt, options);
    const ledger = loadLedger(store.directory);
    const attestations = collectAttestations(options.attestations);
    const { logs, withoutTiles } = await collectLogs(store, trust, ledger, options);
    const signingKey = loadSigningKey(store.directory, options.config.signingKey);

    const sequence = reserveSequence(store.directory);
    const sealed = await sealBundle({
      out: options.out,
      signers: [signerOf(signingKey.key)],
      manifest: {
        sealed_at: formatInstant(sealedAt),
        sequence,
        producer: options.producer,
        stale_after_days: adviceOf(options.config),
        tuf: describeTuf(view),
        service_map_target: trust.targets.find((target) => target.usage === 'service-map')?.name ?? null,
        logs: logs.map((log) => log.manifest),
        ...(attestations.length === 0
          ? {}
          : { attestations: attestations.map(({ name, sha256 }) => ({ name, sha256 })) }),
      },
      entries: [
        ...collectTuf(generation.tufDirectory),
        ...logs.flatMap((log) => log.entries),
        ...attestations.map(({ sha256, bytes }) => ({ path: `attestations/${sha256}.json`, source: bytes })),
      ],
      onProgress: (done, total) => options.onProgress?.('sealing', done, total),
    });
    recordExport(store.directory, {
      sequence,
      manifest_sha256: sealed.manifestSha256,
      sealed_at: formatInstant(sealedAt),
      logs: logs.map(({ manifest: { origin, tree_size, root_hash } }) => ({ origin, tree_size, root_hash })),
    });
    writer.audit('export', {
      out: options.out,
      sequence,
      manifest_sha256: sealed.manifestSha256,
      signer: signingKey.key.publicKey.id,
    });
    return {
      sealed,
      signingKey,
      logs,
      withoutTiles,
      attestations,
      signerIsDistributed: isAmong(signingKey.key.publicKey, bundleKeysOf(trust.targets, sealedAt)),
    };
  });
}

/**
 * The current generation as the other side will judge it: plain TUF as of the sealed time. Trust that was not refreshed
 * for too long is not worth carrying.
 */
async function loadCurrent(
  store: TrustStore,
  generation: Generation,
  sealedAt: Instant,
  { now, config }: ExportOptions,
): Promise<{ view: TufView; trust: DerivedTrust }> {
  const view = await loadGeneration(generation, sealedAt);
  const window = freshnessWindow({ thresholdDays: config.freshnessThresholdDays });
  checkFreshness(
    judgeFreshness(referenceOf(store.directory, generation), now, window),
    'the trust store',
    'STORE_STALE',
  );
  return { view, trust: await deriveTrust(view, config) };
}

async function collectLogs(
  store: TrustStore,
  trust: DerivedTrust,
  ledger: ReturnType<typeof loadLedger>,
  options: ExportOptions,
) {
  const logs: CollectedLog[] = [];
  const withoutTiles: string[] = [];
  const report = (origin: string, progress: MirrorProgress) =>
    options.onProgress?.(`mirroring ${origin}`, progress.done, progress.total);
  for (const endpoint of trust.services?.endpoints.logs ?? []) {
    if (endpoint.api === 'v1') {
      withoutTiles.push(endpoint.url);
      continue;
    }
    logs.push(
      await collectLog(endpoint, {
        fetcher: options.fetcher,
        keys: logKeysOf(trust.trustedRoot),
        ledger,
        logsDirectory: store.logsDirectory,
        depth: options.depth,
        entries: options.entries,
        onProgress: report,
      }),
    );
  }
  const origins = logs.map((log) => log.manifest.origin);
  const twice = origins.find((origin, i) => origins.indexOf(origin) !== i);
  if (twice !== undefined)
    throw new StellaError('SERVICE_MAP_INVALID', `the service map names the log ${twice} twice`);
  return { logs, withoutTiles };
}

/** What the configuration says aloud is advice to the other side; a default of this side is not. */
function adviceOf(config: Config): number {
  return config.origins.freshness_threshold_days.source === 'default'
    ? NO_ADVICE_DAYS
    : config.freshnessThresholdDays;
}

function describeTuf(view: TufView): Manifest['tuf'] {
  return {
    url: view.url,
    first_root: view.rootVersions[0]!,
    roles: Object.fromEntries(
      view.roles.map(({ name, version, sha256, expires }) => [
        name,
        { version, sha256, expires: formatInstant(expires) },
      ]),
    ),
  };
}

function isAmong(key: PublicKey, keys: readonly PublicKey[]): boolean {
  return keys.some(({ id }) => id === key.id);
}
