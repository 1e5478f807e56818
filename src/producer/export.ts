/**
 * producer/: the connected side: collects what verification behind the gap will need and seals it into a bundle. The
 * trust it seals is the store's current generation, verified again; logs are mirrored and proven before they go in. It
 * never changes what the trust is, and never vouches for it: the key that seals says who collected, not what to
 * believe. Equal input and SOURCE_DATE_EPOCH give equal bytes.
 * Start here, then collect.ts and collect-logs.ts for what goes in, delta.ts for what may stay out.
 */

import { rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { SkippedInput } from '../attest/document/find.ts';
import type { PreflightResult } from '../attest/preflight.ts';
import { days, formatInstant, type Instant, parseInstant, wholeSecond } from '../base/clock.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { type PublicKey, signerOf } from '../base/keys.ts';
import { filePlace } from '../base/output/output-file.ts';
import type { Manifest } from '../base/schema-types.ts';
import { type Sealed, sealBundle } from '../bundle/seal.ts';
import { checkRemains, type Split, splitBundle } from '../bundle/split.ts';
import { volumeNames } from '../bundle/volumes.ts';
import type { Config } from '../config/config.ts';
import { loadWitnessPolicy } from '../logs/witness-policy-file.ts';
import type { Fetcher } from '../net/types.ts';
import { freeTargetName } from '../repository/directory/target-name.ts';
import { loadLogOrigins, recordLogOrigins } from '../store/log-origins.ts';
import { repositoryDirectory } from '../store/repositories.ts';
import type { StoreWriter, TrustStore } from '../store/store.ts';
import { bundleKeysOf, rememberUsedKey } from '../trust/bundle-keys.ts';
import { logsOfTrust } from '../trust/derived-trust.ts';
import { NO_ADVICE_DAYS } from '../trust/freshness.ts';
import { type AttestationSource, attestationPath, collectAttestations, collectTuf } from './collect.ts';
import { type CollectedLog, type CollectedLogs, collectLogs, type LeftOutLog } from './collect-logs.ts';
import { loadDeltaBase, withoutCarried } from './delta.ts';
import { loadLedger, nextSequence, recordExport, takeSequence } from './ledger.ts';
import { preflightAttestations } from './preflight.ts';
import { describeRepositories, loadSealable } from './sealable.ts';
import { checkCosignedTimes, checkSealedTime } from './sealed-time.ts';
import { loadSigningKey, type SigningKey } from './signing-key.ts';

export interface ExportOptions {
  readonly now: Instant;
  readonly config: Config;
  readonly fetcher: Fetcher;
  /** The file to make; where `deliver` is given, only what to call it in the audit log. */
  readonly out: string;
  /** Whether a file that is there already is replaced. */
  readonly replace: boolean;
  /** Takes the finished bundle, which is in a temporary file, where no file is to be made. */
  readonly deliver?: ((file: string) => Promise<void>) | undefined;
  readonly producer: Manifest['producer'];
  /** The time the bundle is sealed at, where it is not the present (`SOURCE_DATE_EPOCH`). */
  readonly sealedAt: Instant | undefined;
  /** Whether to seal although the time contradicts what is known; importers may refuse the bundle. */
  readonly anySealedTime: boolean;
  readonly depth: bigint;
  readonly entries: boolean;
  readonly attestations: readonly AttestationSource[];
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
  /**
   * A name that the home repository has no target of, for the signing key where TUF does not name it; absent where the
   * home repository is a public instance's, where only its operators publish.
   */
  readonly freeSignerTarget: string | undefined;
  readonly logs: readonly CollectedLog[];
  /** Logs that the trusted root names, and why each is not carried. */
  readonly leftOutLogs: readonly LeftOutLog[];
  /** Whether each carried attestation will verify with what was sealed. */
  readonly attestations: readonly PreflightResult[];
  /** Files of the repository that are not carried: targets that hold private keys. */
  readonly withheld: readonly string[];
  /** Further repositories that are carried as they were before: why, and as of when. */
  readonly aged: readonly { readonly name: string; readonly asOf: Instant }[];
  /** What lay in the directories of attestations and is none. */
  readonly skipped: readonly SkippedInput[];
}

/**
 * Seals what verification behind the gap will need: the repository as published, the newest part of each log, and
 * attestations to carry along.
 * @throws StellaError STORE_NOT_INITIALIZED, CLOCK_BEHIND, SEALED_TIME, PRIVATE_KEY, TUF_EXPIRED, STORE_STALE,
 * CHECKPOINT_*, LOG_*, FETCH_*, OFFLINE, KEY_*, FILE_*, WRITE_FAILED, LOCKED
 */
export async function exportSnapshot(store: TrustStore, options: ExportOptions): Promise<ExportedBundle> {
  const remains = checkOutputs(options);
  store.require(options.now);
  return await store.change(options.now, async (writer) => {
    const { config } = options;
    const generation = writer.current ?? store.require();
    const sealedAt = wholeSecond(options.sealedAt ?? options.now);
    const ledger = loadLedger(store.directory);
    if (!options.anySealedTime)
      checkSealedTime(sealedAt, {
        now: options.now,
        trustAsOf: parseInstant(generation.state.reference_time),
        ledger,
        window: days(config.freshnessThresholdDays),
      });
    const { repositories, trust } = await loadSealable(store, generation, sealedAt, options);
    const tufs = repositories.map(({ name, view }, i) =>
      collectTuf(
        view.directory,
        i === 0 ? trust.targets : [trust.instances[i]!.target!],
        repositoryDirectory(name),
      ),
    );
    const { carried: attestations, skipped } = collectAttestations(options.attestations);
    const delta =
      options.since === undefined ? undefined : await loadDeltaBase(store.directory, ledger, options.since);
    const policy = config.tlogPolicy === undefined ? undefined : loadWitnessPolicy(config.tlogPolicy);
    const known = loadLogOrigins(store.directory, generation.state);
    const { logs, leftOut, origins } = await auditedCollect(writer, logsOfTrust(trust, sealedAt), {
      fetcher: options.fetcher,
      origins: known,
      policy,
      ledger,
      logsDirectory: store.logsDirectory,
      depth: options.depth,
      entries: options.entries,
      onProgress: (origin, { done, total }) => options.onProgress?.(`mirroring ${origin}`, done, total),
    });
    for (const { manifest, cosignedAt } of options.anySealedTime ? [] : logs)
      checkCosignedTimes(sealedAt, manifest.origin, cosignedAt);
    const preflighted = await preflightAttestations(attestations, {
      repositories,
      config,
      logs,
      logsDirectory: store.logsDirectory,
      origins: new Map([...known, ...origins]),
      sealedAt,
    });
    const signingKey = loadSigningKey(store.directory, config.signingKey);

    const isStaged = options.deliver !== undefined || options.partSize !== undefined;
    const out = isStaged ? join(writer.staging, 'bundle.tar.zst') : options.out;
    const sequence = nextSequence(ledger);
    const takeNumber = () => takeSequence(store.directory, sequence);
    const sealed = await sealBundle({
      out,
      replace: options.replace,
      ...(isStaged ? {} : { beforePublish: takeNumber }),
      signers: [signerOf(signingKey.key)],
      manifest: {
        sealed_at: formatInstant(sealedAt),
        sequence,
        producer: options.producer,
        stale_after_days: adviceOfConfig(config),
        ...describeRepositories(repositories),
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
          ...tufs.flatMap(({ entries }) => entries),
          ...logs.flatMap((log) => log.entries),
          ...attestations.map(({ sha256, bytes }) => ({ path: attestationPath(sha256), source: bytes })),
        ],
        delta,
      ),
      onProgress: (done, total) => options.onProgress?.('sealing', done, total),
    });
    const split =
      options.partSize === undefined
        ? undefined
        : await splitBundle({
            file: out,
            out: options.out,
            manifestSha256: sealed.manifestSha256,
            partSize: options.partSize,
            signers: [signerOf(signingKey.key)],
            replace: options.replace,
            beforePublish: takeNumber,
          });
    if (options.deliver) {
      takeNumber();
      await options.deliver(out);
    }
    for (const path of remains) rmSync(path, { force: true });
    rememberUsedKey(store.directory, signingKey.key.publicKey);
    recordExport(store.directory, sealed.manifest, sealed.manifestSha256);
    recordLogOrigins(store.directory, origins, options.now);
    writer.audit('export', {
      out: options.out,
      sequence,
      manifest_sha256: sealed.manifestSha256,
      signer: signingKey.key.publicKey.id,
      ...(options.anySealedTime ? { any_sealed_time: true } : {}),
      ...(repositories.length === 1 ? {} : { repositories: repositories.slice(1).map(({ name }) => name) }),
    });
    return {
      sealed,
      split,
      signingKey,
      logs,
      leftOutLogs: leftOut,
      attestations: preflighted,
      withheld: tufs.flatMap(({ withheld }) => withheld),
      skipped,
      aged: repositories.flatMap(({ name, asOf }) => (asOf === undefined ? [] : [{ name, asOf }])),
      freeSignerTarget:
        trust.instances[0]?.builtIn === undefined
          ? freeTargetName('bundle-signer-v1.pub', (name) => repositories[0].view.target(name) !== undefined)
          : undefined,
      signerIsDistributed: isAmong(signingKey.key.publicKey, bundleKeysOf(trust.targets, sealedAt)),
    };
  });
}

/**
 * @returns files of an earlier bundle in parts, which a new one in one file makes stale
 * @throws StellaError FILE_EXISTS, WRITE_FAILED, USAGE before anything is collected
 */
function checkOutputs({ out, replace, deliver, partSize }: ExportOptions): string[] {
  if (deliver !== undefined) {
    if (partSize === undefined) return [];
    throw new StellaError('USAGE', 'a bundle that is not written to a file cannot be split');
  }
  filePlace(out, { replace });
  if (partSize === undefined) return checkRemains(out, new Set([basename(out)]), { replace });
  const names = volumeNames(basename(out));
  for (const name of [names.part(0), names.signature, names.list])
    filePlace(join(dirname(out), name), { replace });
  return [];
}

/** Collects the logs; one that does not continue what was exported before is recorded, with both checkpoints. */
async function auditedCollect(
  writer: StoreWriter,
  ...collected: Parameters<typeof collectLogs>
): Promise<CollectedLogs> {
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

/** What the configuration says aloud is advice to the other side; a default of this side is not. */
function adviceOfConfig(config: Config): number {
  return config.origins.freshness_threshold_days.source === 'default'
    ? NO_ADVICE_DAYS
    : config.freshnessThresholdDays;
}

function isAmong(key: PublicKey, keys: readonly PublicKey[]): boolean {
  return keys.some(({ id }) => id === key.id);
}
