import type { Instant } from '../base/clock.ts';
import { isStellaError, type StellaError } from '../base/errors.ts';
import { readBounded } from '../base/files.ts';
import type { Config } from '../config/config.ts';
import {
  MOST_POLICY_BYTES,
  type PolicyState,
  parseWitnessPolicy,
  witnessState,
} from '../tlog/witness-policy.ts';
import { type Freshness, freshnessWindow, judgeFreshness } from './freshness.ts';
import { loadGeneration } from './generation.ts';
import { type KeyStatus, keyLives } from './key-life.ts';
import { distributedKeys } from './key-list.ts';
import { loadServices, type Services } from './services.ts';
import type { Generation, TrustStore } from './store.ts';
import { loadSyncRecord, referenceOf, type SyncRecord } from './sync-record.ts';
import { targetNamesOf, trustTargets } from './targets.ts';
import type { TufRole } from './tuf.ts';

/** What a trust store holds and how it stands, at one instant. */
export interface TrustStatus {
  readonly now: Instant;
  readonly generation: Generation;
  readonly freshness: Freshness;
  readonly roles: readonly TufRole[];
  readonly keys: readonly KeyStatus[];
  readonly services: Services | undefined;
  /** Why there are no services although somebody asked for them. */
  readonly servicesProblem: StellaError | undefined;
  readonly sync: SyncRecord | undefined;
  /** By origin: who of the tlog policy's witnesses has cosigned the checkpoint held. Empty without a policy. */
  readonly witnesses: ReadonlyMap<string, PolicyState>;
}

/**
 * Verifies the current generation again and says what is in it.
 * @throws StellaError STORE_NOT_INITIALIZED, STORE_CORRUPT, CLOCK_BEHIND, TUF_*, TARGET_INVALID, POLICY_INVALID
 */
export async function loadStatus(store: TrustStore, config: Config, now: Instant): Promise<TrustStatus> {
  const generation = store.require(now);
  const view = await loadGeneration(generation);
  let services: Services | undefined;
  let servicesProblem: StellaError | undefined;
  try {
    services = await loadServices(view, config);
  } catch (error) {
    if (!isStellaError(error)) throw error;
    servicesProblem = error;
  }
  const targets = await trustTargets(view, targetNamesOf(config), services?.map);
  const { source } = generation.state;
  return {
    now,
    generation,
    freshness: judgeFreshness(
      referenceOf(store.directory, generation),
      now,
      freshnessWindow({
        thresholdDays: config.freshnessThresholdDays,
        warnDays: config.freshnessWarnDays,
        adviceDays: source.kind === 'import' ? source.stale_after_days : undefined,
      }),
    ),
    roles: view.roles,
    keys: keyLives(distributedKeys(targets), generation.state, now),
    services,
    servicesProblem,
    sync: loadSyncRecord(store.directory),
    witnesses: loadWitnesses(generation, config),
  };
}

function loadWitnesses({ state }: Generation, { tlogPolicy }: Config): Map<string, PolicyState> {
  if (tlogPolicy === undefined) return new Map();
  const policy = parseWitnessPolicy(readBounded(tlogPolicy, MOST_POLICY_BYTES));
  return new Map(
    state.logs.map(({ origin, checkpoint }) => [origin, witnessState(policy, Buffer.from(checkpoint))]),
  );
}

/** What has expired at `until` or before: roles, and keys in use whose end is set. */
export function expiringBy(
  status: TrustStatus,
  until: Instant,
): { readonly what: string; readonly expires: Instant }[] {
  const roles = status.roles.map((role) => ({ what: `TUF role ${role.name}`, expires: role.expires }));
  const keys = status.keys
    .filter((key) => key.life === 'active' || key.life === 'grace')
    .filter((key) => key.until !== undefined)
    .map((key) => ({ what: `${key.usage} key ${key.target}`, expires: key.until! }));
  return [...roles, ...keys].filter(({ expires }) => expires <= until).sort((a, b) => a.expires - b.expires);
}
