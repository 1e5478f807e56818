import { existsSync } from 'node:fs';
import { DISTANT_FUTURE, DISTANT_PAST, type Duration, type Instant, parseInstant } from '../../base/clock.ts';
import { isStellaError } from '../../base/errors.ts';
import type { DistributedKeyId } from '../../base/keys.ts';
import type { Config } from '../../config/config.ts';
import { usedConfiguration } from '../../config/widening.ts';
import { loadWitnessPolicy } from '../../logs/witness-policy-file.ts';
import { loadRepositories } from '../../store/generation.ts';
import { type LogOriginsByUrl, loadLogOrigins } from '../../store/log-origins.ts';
import type { Generation, TrustStore } from '../../store/store.ts';
import { referenceOf } from '../../store/sync-record.ts';
import { attestorTargets } from '../../trust/assembled-root.ts';
import { deriveTrust } from '../../trust/derived-trust.ts';
import { adviceOfSource, configuredWindow, judgeFreshness } from '../../trust/freshness.ts';
import { blockedRepositories, type Instance, type TrustSource, trustSources } from '../../trust/instance.ts';
import type { AttestorKey } from './material.ts';
import { type RegistryKey, registryKeysIn } from './registry-keys.ts';
import type { CarriedLogs, TrustedInstance, TrustInputs, TrustOrigin } from './verifier-trust.ts';

const MAX_ATTEMPTS = 3;

export interface StoreTrustSetting {
  readonly store: TrustStore;
  readonly config: Config;
  readonly now: Instant;
  /** An exception from the staleness window for this run. */
  readonly maxAge?: Duration | undefined;
}

/**
 * The trust of a trust store's current generation, verified again from its pinned root as of the instant it speaks for.
 * How fresh it is, is judged now and is part of every verdict.
 * @throws StellaError STORE_NOT_INITIALIZED, STORE_CORRUPT, CLOCK_BEHIND, TUF_*, TARGET_*, SERVICE_MAP_*
 */
export async function storeTrustInputs(setting: StoreTrustSetting): Promise<TrustInputs> {
  const { store, now } = setting;
  for (let attempt = 0; ; attempt += 1) {
    const generation = store.require(now);
    try {
      return await generationTrustInputs(setting, generation);
    } catch (error) {
      // Imports may have removed it while it was read; then there is a newer one.
      if (attempt >= MAX_ATTEMPTS || existsSync(generation.directory)) throw error;
    }
  }
}

async function generationTrustInputs(
  setting: StoreTrustSetting,
  generation: Generation,
): Promise<TrustInputs> {
  const { store, config } = setting;
  const blocked = blockedRepositories(store, generation, config, setting.now, { maxAge: setting.maxAge });
  const sources = trustSources(await loadRepositories(generation), blocked);
  return await viewTrustInputs(sources, config, {
    origin: originOfGeneration(setting, generation),
    revoked: revokedIn(generation),
    carried: { logs: generation.state.logs, directory: store.logsDirectory },
    origins: loadLogOrigins(store.directory, generation.state),
  });
}

export interface ViewTrust {
  readonly origin: TrustOrigin;
  /** The built-in public name of the repository's instance, where it was added by that name. */
  readonly builtIn?: string | undefined;
  readonly revoked?: readonly {
    readonly key_id: DistributedKeyId;
    readonly target: string;
    readonly usage: string;
    readonly log_ids?: readonly string[];
    readonly removed_at: string;
  }[];
  readonly carried?: CarriedLogs;
  /** What logs were found to sign as, by their URLs. */
  readonly origins?: LogOriginsByUrl;
}

/** The keys that any repository of a generation distributed and has withdrawn. */
export function revokedIn({ repositories }: Generation): NonNullable<ViewTrust['revoked']> {
  return repositories.flatMap(({ revokedKeys }) => revokedKeys ?? []);
}

/** The trust that verified TUF repositories amount to: what a store holds, or what is just being sealed. */
export async function viewTrustInputs(
  sources: readonly [TrustSource, ...TrustSource[]],
  config: Config,
  more: ViewTrust,
): Promise<TrustInputs> {
  const { targets, services, instances } = await deriveTrust(sources, config, more.origins);
  const revoked = more.revoked ?? [];
  const registryKeys = await registryKeysOf(sources, instances);
  const hasServiceLogs = (services?.endpoints.logs.length ?? 0) > 0;
  return {
    origin: more.origin,
    instances: instances.map(
      ({ name, builtIn, trustedRoot, blocked }, i): TrustedInstance => ({
        name,
        builtIn,
        trustedRoot,
        // Without its key a log vouches for nothing; that it is gone must not make attestations without a log good.
        hasOtherLogs: (i === 0 && hasServiceLogs) || sources[i]!.hadLogs === true,
        ...(blocked
          ? { blocked: { code: blocked.code, message: blocked.message, hints: blocked.hints } }
          : {}),
      }),
    ),
    attestors: attestorTargets(targets).map(
      ({ name, key, validFrom, validUntil }): AttestorKey => ({
        name,
        target: name,
        key,
        validFrom: validFrom ?? DISTANT_PAST,
        validUntil: validUntil ?? DISTANT_FUTURE,
      }),
    ),
    ...(registryKeys.length === 0 ? {} : { registryKeys }),
    revoked: revoked.map((key) => ({
      keyId: key.key_id,
      target: key.target,
      usage: key.usage,
      logIds: key.log_ids,
      removedAt: parseInstant(key.removed_at),
    })),
    ...(more.carried ? { carried: more.carried } : {}),
    witnessPolicy: config.tlogPolicy === undefined ? undefined : loadWitnessPolicy(config.tlogPolicy),
  };
}

/** Those of npm, by the repository of the built-in instance that delegates to it. What is wrong with them stops nothing else. */
async function registryKeysOf(
  sources: readonly TrustSource[],
  instances: readonly Instance[],
): Promise<RegistryKey[]> {
  const at = instances.findIndex(({ builtIn, blocked }) => builtIn === 'sigstore' && !blocked);
  if (at === -1) return [];
  try {
    return await registryKeysIn(sources[at]!.view);
  } catch (error) {
    if (!isStellaError(error)) throw error;
    return [];
  }
}

function originOfGeneration(
  { store, config, now, maxAge }: StoreTrustSetting,
  generation: Generation,
): TrustOrigin {
  const { source } = generation.state;
  const reference = referenceOf(store.directory, generation);
  const window = configuredWindow(config, adviceOfSource(source), { maxAge });
  return {
    kind: 'store',
    name: `trust store generation ${generation.number}`,
    generation: generation.number,
    sealedAt: reference,
    how: source.kind === 'import' ? 'sealed' : 'synced',
    freshness: judgeFreshness(reference, now, window),
    configuration: usedConfiguration(config),
  };
}
