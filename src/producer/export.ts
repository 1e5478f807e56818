/**
 * producer/: the connected side: collects what verification behind the gap will need and seals it into a bundle. The
 * trust it seals is the store's current generation, verified again; logs are mirrored and proven before they go in. It
 * never changes what the trust is, and never vouches for it: the key that seals says who collected, not what to
 * believe. Equal input and SOURCE_DATE_EPOCH give equal bytes.
 * Start here, then collect.ts and collect-logs.ts for what goes in, delta.ts for what may stay out.
 */

import { rmSync } from 'node:fs';
import type { PreflightResult } from '../attest/preflight.ts';
import { formatInstant, type Instant, wholeSecond } from '../base/clock.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { ifInterrupted } from '../base/interrupt.ts';
import { type PublicKey, signerOf } from '../base/keys.ts';
import type { Manifest } from '../base/schema-types.ts';
import { type Sealed, sealBundle } from '../bundle/seal.ts';
import { type Split, splitBundle } from '../bundle/split.ts';
import type { Config } from '../config/config.ts';
import { loadWitnessPolicy } from '../logs/witness-policy-file.ts';
import type { Fetcher } from '../net/types.ts';
import { loadGeneration, pinnedRootOf } from '../store/generation.ts';
import type { Generation, StoreWriter, TrustStore } from '../store/store.ts';
import { referenceOf } from '../store/sync-record.ts';
import { bundleKeysOf, rememberUsedKey } from '../trust/bundle-keys.ts';
import { type DerivedTrust, deriveTrust, logPublicKeysOf } from '../trust/derived-trust.ts';
import { checkFreshness, freshnessWindow, judgeFreshness, NO_ADVICE_DAYS } from '../trust/freshness.ts';
import { loadTuf } from '../tuf/load.ts';
import type { TufView } from '../tuf/view.ts';
import { attestationPath, collectAttestations, collectTuf } from './collect.ts';
import { type CollectedLog, collectLogs } from './collect-logs.ts';
import { loadDeltaBase, withoutCarried } from './delta.ts';
import { loadLedger, recordExport, reserveSequence } from './ledger.ts';
import { preflightAttestations } from './preflight.ts';
import { loadSigningKey, type SigningKey } from './signing-key.ts';

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
  /** A bundle, or a site's receipt of one, that the other side holds: what it carried is left out. */
  readonly since: string | undefined;
  /** Split the bundle into parts of at most this many bytes. */
  readonly partSize: number | undefined;
  readonly onProgress?: (what: string, done: number, total: number) => void;
}

export interface ExportedBundle {
  readonly sealed: Sealed;
  /** Present when the bundle was split; the whole file is gone then. */
  readonly split: Split | undefined;
  readonly signingKey: SigningKey;
  /** Whether TUF names the signing key; otherwise the other side must pin it. */
  readonly signerIsDistributed: boolean;
  readonly logs: readonly CollectedLog[];
  /** Whether each carried attestation will verify with what was sealed. */
  readonly attestations: readonly PreflightResult[];
}

/**
 * Seals what verification behind the gap will need: the repository as published, the newest part of each log, and
 * attestations to carry along.
 * @throws StellaError STORE_NOT_INITIALIZED, CLOCK_BEHIND, TUF_EXPIRED, STORE_STALE, CHECKPOINT_*, LOG_*, FETCH_*,
 * OFFLINE, KEY_*, FILE_*, WRITE_FAILED, LOCKED
 */
export async function exportSnapshot(store: TrustStore, options: ExportOptions): Promise<ExportedBundle> {
  store.require(options.now);
  return await store.change(options.now, async (writer) => {
    const { config } = options;
    const generation = writer.current ?? store.require();
    const sealedAt = wholeSecond(options.sealedAt ?? options.now);
    const { view, trust } = await loadCurrent(store, generation, sealedAt, options);
    const ledger = loadLedger(store.directory);
    const attestations = collectAttestations(options.attestations);
    const delta =
      options.since === undefined ? undefined : await loadDeltaBase(store.directory, ledger, options.since);
    const policy = config.tlogPolicy === undefined ? undefined : loadWitnessPolicy(config.tlogPolicy);
    const logs = await auditedCollect(writer, trust.services?.endpoints.logs ?? [], {
      fetcher: options.fetcher,
      keys: logPublicKeysOf(trust.trustedRoot),
      policy,
      ledger,
      logsDirectory: store.logsDirectory,
      depth: options.depth,
      entries: options.entries,
      onProgress: (origin, { done, total }) => options.onProgress?.(`mirroring ${origin}`, done, total),
    });
    const preflighted = await preflightAttestations(attestations, {
      view,
      config,
      logs,
      logsDirectory: store.logsDirectory,
      sealedAt,
    });
    const signingKey = loadSigningKey(store.directory, config.signingKey);

    const sequence = reserveSequence(store.directory);
    const sealed = await sealBundle({
      out: options.out,
      signers: [signerOf(signingKey.key)],
      manifest: {
        sealed_at: formatInstant(sealedAt),
        sequence,
        producer: options.producer,
        stale_after_days: adviceOfConfig(config),
        tuf: describeTuf(view),
        ...(config.trustRoles.length > 0 ? { trust_roles: [...config.trustRoles] } : {}),
        service_map_target: trust.targets.find((target) => target.usage === 'service-map')?.name ?? null,
        logs: logs.map((log) => log.manifest),
        ...(delta ? { base: delta.base } : {}),
        ...(attestations.length === 0
          ? {}
          : { attestations: attestations.map(({ name, sha256 }) => ({ name, sha256 })) }),
      },
      entries: withoutCarried(
        [
          ...collectTuf(generation.tufDirectory),
          ...logs.flatMap((log) => log.entries),
          ...attestations.map(({ sha256, bytes }) => ({ path: attestationPath(sha256), source: bytes })),
        ],
        delta,
      ),
      onProgress: (done, total) => options.onProgress?.('sealing', done, total),
    });
    rememberUsedKey(store.directory, signingKey.key.publicKey);
    recordExport(store.directory, sealed.manifest, sealed.manifestSha256);
    writer.audit('export', {
      out: options.out,
      sequence,
      manifest_sha256: sealed.manifestSha256,
      signer: signingKey.key.publicKey.id,
    });
    const split =
      options.partSize === undefined
        ? undefined
        : await splitSealed(options.out, options.partSize, sealed, signingKey);
    return {
      sealed,
      split,
      signingKey,
      logs,
      attestations: preflighted,
      signerIsDistributed: isAmong(signingKey.key.publicKey, bundleKeysOf(trust.targets, sealedAt)),
    };
  });
}

/** Nobody asked for the whole file: it does not stay where splitting it is interrupted. */
async function splitSealed(
  file: string,
  partSize: number,
  { manifestSha256 }: Sealed,
  { key }: SigningKey,
): Promise<Split> {
  const ended = ifInterrupted(() => rmSync(file, { force: true }));
  try {
    return await splitBundle({ file, manifestSha256, partSize, signers: [signerOf(key)] });
  } finally {
    ended();
  }
}

/** Collects the logs; one that does not continue what was exported before is recorded, with both checkpoints. */
async function auditedCollect(
  writer: StoreWriter,
  ...collected: Parameters<typeof collectLogs>
): Promise<CollectedLog[]> {
  try {
    return await collectLogs(...collected);
  } catch (error) {
    if (isStellaError(error, 'LOG_FORK') || isStellaError(error, 'LOG_ROLLBACK')) {
      const { code, message, details } = error;
      writer.audit('refusal', { command: 'trust snapshot export', code, message, ...details });
    }
    throw error;
  }
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
  const held = await loadGeneration(generation);
  checkExpiry(held, sealedAt);
  // Of a delegated role that has expired since, only the search for what depends on it can tell whether it matters.
  const view = held.roles.every((role) => role.expires > sealedAt)
    ? held
    : await loadTuf({
        url: held.url,
        directory: held.directory,
        trustedRoot: pinnedRootOf(generation),
        asOf: sealedAt,
        trustRoles: new Set(config.trustRoles),
      });
  const window = freshnessWindow({ thresholdDays: config.freshnessThresholdDays });
  checkFreshness(
    judgeFreshness(referenceOf(store.directory, generation), now, window),
    'the trust store',
    'STORE_STALE',
  );
  return { view, trust: await deriveTrust(view, config) };
}

const TOP_LEVEL: ReadonlySet<string> = new Set(['root', 'timestamp', 'snapshot', 'targets']);

/** @throws StellaError TUF_EXPIRED for metadata that the other side would find expired as of the sealed time */
function checkExpiry(view: TufView, sealedAt: Instant): void {
  const expired = view.roles.find((role) => TOP_LEVEL.has(role.name) && role.expires <= sealedAt);
  if (!expired) return;
  throw new StellaError(
    'TUF_EXPIRED',
    `TUF metadata expired: ${expired.name}.json of ${view.url} expired ${formatInstant(expired.expires)}, the bundle would be sealed at ${formatInstant(sealedAt)}`,
    {
      hint: 'run `stella trust sync --force`; if that finds nothing newer, run ./scripts/update-timestamp.sh on the TUF repository',
    },
  );
}

/** What the configuration says aloud is advice to the other side; a default of this side is not. */
function adviceOfConfig(config: Config): number {
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
