import { type Duration, type Instant, parseInstant } from '../base/clock.ts';
import { isStellaError } from '../base/errors.ts';
import { readBounded } from '../base/files.ts';
import type { ServiceMap } from '../base/schema-types.ts';
import type { Config } from '../config/config.ts';
import { parseServiceMap, resolveServices } from '../config/service-map.ts';
import { logDirectory, tileReader } from '../logs/store.ts';
import { openCheckpoint } from '../tlog/checkpoint.ts';
import { assembleTrustedRoot, attestorTargets } from '../trust/assembled-root.ts';
import { freshnessWindow, judgeFreshness } from '../trust/freshness.ts';
import { loadGeneration } from '../trust/generation.ts';
import type { Generation, TrustStore } from '../trust/store.ts';
import { referenceOf } from '../trust/sync-record.ts';
import { loadServiceMap, targetNamesOf, trustTargets } from '../trust/targets.ts';
import type { TufView } from '../trust/tuf.ts';
import { noteKeyOf } from './log-proof.ts';
import type { AttestorKey } from './material.ts';
import { type HeldLog, loadTrust, type TrustOrigin, type VerifierTrust } from './trust.ts';

const MOST_SERVICE_MAP_BYTES = 1024 * 1024;

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
export async function loadStoreTrust(setting: StoreTrustSetting): Promise<VerifierTrust> {
  const { store, config, now } = setting;
  const generation = store.require(now);
  const view = await loadGeneration(generation);
  return await loadViewTrust(view, config, {
    origin: originOfGeneration(setting, generation),
    revoked: generation.state.revoked_keys ?? [],
    logs: generation.state.logs,
    logsDirectory: store.logsDirectory,
  });
}

export interface ViewTrust {
  readonly origin: TrustOrigin;
  readonly revoked?: readonly {
    readonly key_id: string;
    readonly target: string;
    readonly removed_at: string;
  }[];
  /** Signed checkpoints held, and where their tiles are. */
  readonly logs?: readonly { readonly origin: string; readonly checkpoint: string }[];
  readonly logsDirectory?: string;
}

/** The trust that a verified TUF repository amounts to: what a store holds, or what is just being sealed. */
export async function loadViewTrust(view: TufView, config: Config, more: ViewTrust): Promise<VerifierTrust> {
  const names = targetNamesOf(config);
  const map = await serviceMapOf(view, config);
  const targets = await trustTargets(view, names, map);
  const endpoints = map && resolveServices(map, config.environment);
  const inputs = {
    origin: more.origin,
    trustedRoot: assembleTrustedRoot(targets, endpoints),
    attestors: attestorTargets(targets).map(
      ({ name, key, validFrom, validUntil }): AttestorKey => ({
        name,
        key,
        validFrom: validFrom ?? Number.NEGATIVE_INFINITY,
        validUntil: validUntil ?? Number.POSITIVE_INFINITY,
      }),
    ),
    revoked: (more.revoked ?? []).map((key) => ({
      keyId: key.key_id,
      target: key.target,
      removedAt: parseInstant(key.removed_at),
    })),
  };
  const trust = loadTrust(inputs);
  const { held, problems } = heldLogs(trust, more);
  return { ...trust, held, problems: [...trust.problems, ...problems] };
}

async function serviceMapOf(view: TufView, config: Config): Promise<ServiceMap | undefined> {
  const { serviceMapFile } = config;
  if (serviceMapFile === undefined) return await loadServiceMap(view, targetNamesOf(config));
  return parseServiceMap(readBounded(serviceMapFile, MOST_SERVICE_MAP_BYTES), serviceMapFile);
}

function originOfGeneration(
  { store, config, now, maxAge }: StoreTrustSetting,
  generation: Generation,
): TrustOrigin {
  const { source } = generation.state;
  const reference = referenceOf(store.directory, generation);
  const window = freshnessWindow({
    thresholdDays: config.freshnessThresholdDays,
    warnDays: config.freshnessWarnDays,
    adviceDays: source.kind === 'import' ? source.stale_after_days : undefined,
    maxAge,
  });
  return {
    kind: 'store',
    name: `trust store generation ${generation.number}`,
    generation: generation.number,
    sealedAt: reference,
    how: source.kind === 'import' ? 'sealed' : 'synced',
    freshness: judgeFreshness(reference, now, window),
  };
}

/** The checkpoints that the store holds, each verified again with the log's keys before anything is compared with it. */
function heldLogs(
  trust: VerifierTrust,
  { logs, logsDirectory }: ViewTrust,
): { held: Map<string, HeldLog>; problems: string[] } {
  const held = new Map<string, HeldLog>();
  const problems: string[] = [];
  if (logsDirectory === undefined) return { held, problems };
  const keys = trust.logs.map(noteKeyOf);
  for (const { origin, checkpoint: text } of logs ?? []) {
    try {
      const { checkpoint } = openCheckpoint(Buffer.from(text), keys, { origin });
      const { size, rootHash } = checkpoint;
      held.set(origin, {
        origin,
        size,
        rootHash,
        tiles: tileReader(logDirectory(logsDirectory, origin), checkpoint),
      });
    } catch (error) {
      if (!isStellaError(error)) throw error;
      problems.push(`checkpoint of ${origin}: ${error.message}`);
    }
  }
  return { held, problems };
}
