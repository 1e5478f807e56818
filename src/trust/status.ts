import { type Instant, parseInstant } from '../base/clock.ts';
import { isStellaError, type StellaError } from '../base/errors.ts';
import { readBounded } from '../base/files.ts';
import type { PublicKey } from '../base/keys.ts';
import type { Config } from '../config/config.ts';
import { checkClock } from '../store/clock-floor.ts';
import { type LoadedRepository, loadRepositories } from '../store/generation.ts';
import { loadLogOrigins } from '../store/log-origins.ts';
import { type HeldRepository, heldHistory } from '../store/repositories.ts';
import type { Generation, TrustStore } from '../store/store.ts';
import {
  loadSyncRecord,
  type RepositorySyncs,
  referenceOf,
  type SyncRecord,
  syncsOf,
} from '../store/sync-record.ts';
import {
  MOST_POLICY_BYTES,
  type PolicyState,
  parseWitnessPolicy,
  witnessState,
} from '../tlog/witness-policy.ts';
import type { TufRole } from '../tuf/view.ts';
import { pinnedBundleKeys } from './bundle-keys.ts';
import {
  adviceOfSource,
  checkFreshness,
  configuredWindow,
  type Freshness,
  judgeFreshness,
} from './freshness.ts';
import { type HeldOfLog, heldOfLogs } from './held-logs.ts';
import { furtherInstance, repositoryFreshness, whyBlocked } from './instance.ts';
import { distributedKeys } from './key-list.ts';
import { type KeyStatus, keyLives } from './key-rotation.ts';
import { loadServices, type Services } from './services.ts';
import { findTargetByStem, type IgnoredTarget, targetNamesOf, trustTargets, unusedKeys } from './targets.ts';
import type { TrustedRoot } from './trusted-root.ts';

/** What a trust store holds and how it stands, at one instant. */
export interface TrustStatus {
  readonly now: Instant;
  readonly generation: Generation;
  readonly freshness: Freshness;
  readonly roles: readonly TufRole[];
  /** As of when roles must be valid: what was carried cannot have been renewed since it was sealed. */
  readonly rolesAsOf: Instant;
  readonly keys: readonly KeyStatus[];
  /** Bundle keys that an operator pinned with `--bundle-key`: bundles of these are accepted, whatever TUF names. */
  readonly pinnedBundleKeys: readonly PublicKey[];
  readonly services: Services | undefined;
  /** Why there are no services although somebody asked for them. */
  readonly servicesProblem: StellaError | undefined;
  /** Of `rekor_key_targets`, the names that the repository has no target for. */
  readonly missingRekorKeys: readonly string[];
  /** Keys that the repository publishes, and that `rekor_key_targets` or `bundle_key_targets` leaves out. */
  readonly unusedKeys: readonly IgnoredTarget[];
  /** What makes other commands refuse this store now, although it verifies: the clock, or keys that are not there. */
  readonly problems: readonly StellaError[];
  readonly sync: SyncRecord | undefined;
  /** The repositories besides the home repository. */
  readonly repositories: readonly HeldRepositoryStatus[];
  /** The logs that the trust names, and what of each is held. */
  readonly logs: readonly HeldOfLog[];
  /** By origin: who of the tlog policy's witnesses has cosigned the checkpoint held. Empty without a policy. */
  readonly witnesses: ReadonlyMap<string, PolicyState>;
}

/** How a further repository, and the instance that it contributes, stands. */
export interface HeldRepositoryStatus {
  readonly repository: HeldRepository;
  readonly roles: readonly TufRole[];
  /** As of when its roles must be valid. */
  readonly rolesAsOf: Instant;
  readonly freshness: Freshness;
  readonly builtIn: string | undefined;
  readonly trustedRoot: TrustedRoot;
  readonly keys: readonly KeyStatus[];
  /** Why nothing of it is believed now. */
  readonly blocked: StellaError | undefined;
  readonly sync: RepositorySyncs | undefined;
}

/**
 * Verifies the current generation again and says what is in it, also where other commands would refuse it: that is when
 * somebody looks.
 * @throws StellaError STORE_NOT_INITIALIZED, STORE_CORRUPT, TUF_*, POLICY_INVALID
 */
export async function loadStatus(store: TrustStore, config: Config, now: Instant): Promise<TrustStatus> {
  const generation = store.require();
  const [home, ...others] = await loadRepositories(generation);
  const { view } = home!;
  const { state } = generation;
  const clock = await attempt(() => checkClock(now, parseInstant(state.clock_floor), state.source.kind));
  const origins = loadLogOrigins(store.directory, state);
  const services = await attempt(() => loadServices(view, config, origins));
  const names = targetNamesOf(config);
  const keys = await attempt(async () =>
    distributedKeys(await trustTargets(view, names, services.value?.map)),
  );
  const missing = await attempt(() =>
    names.rekorKeyTargets.filter((name) => !findTargetByStem(view, name, names.trustRoles)),
  );
  const unused = await attempt(() => unusedKeys(view, names, services.value?.map));
  const freshness = judgeFreshness(
    referenceOf(store.directory, generation),
    now,
    configuredWindow(config, adviceOfSource(state.source)),
  );
  return {
    now,
    generation,
    // By such a clock nothing is as old as it is.
    freshness: clock.problem ? { ...freshness, state: 'blocked' } : freshness,
    roles: view.roles,
    pinnedBundleKeys: pinnedBundleKeys(state),
    rolesAsOf: state.source.kind === 'import' ? parseInstant(state.reference_time) : now,
    keys: keyLives(keys.value ?? [], state, now),
    services: services.value,
    logs: await heldOfLogs(store, [home!, ...others], config, generation, now),
    servicesProblem: services.problem,
    missingRekorKeys: missing.value ?? [],
    unusedKeys: unused.value ?? [],
    problems: [clock.problem, keys.problem].filter((problem) => problem !== undefined),
    sync: loadSyncRecord(store.directory),
    repositories: await Promise.all(
      others.map(async (loaded) => await statusOf(store, generation, loaded, config, now)),
    ),
    witnesses: loadWitnesses(generation, config),
  };
}

async function statusOf(
  store: TrustStore,
  generation: Generation,
  { repository, view }: LoadedRepository,
  config: Config,
  now: Instant,
): Promise<HeldRepositoryStatus> {
  const { name } = repository;
  const freshness = repositoryFreshness(store, generation, repository, config, now);
  const { builtIn, trustedRoot, target } = await furtherInstance({ name, view });
  return {
    repository,
    roles: view.roles,
    rolesAsOf: generation.state.source.kind === 'import' ? repository.referenceTime : now,
    freshness,
    builtIn,
    trustedRoot,
    keys: keyLives(distributedKeys([target!]), heldHistory(repository), now),
    blocked: whyBlocked(repository, freshness),
    sync: syncsOf(loadSyncRecord(store.directory), name),
  };
}

/** What comes of it, or why nothing does. */
async function attempt<T>(
  work: () => T | Promise<T>,
): Promise<{ readonly value?: T; readonly problem?: StellaError }> {
  try {
    return { value: await work() };
  } catch (problem) {
    if (isStellaError(problem)) return { problem };
    throw problem;
  }
}

function loadWitnesses({ state }: Generation, { tlogPolicy }: Config): Map<string, PolicyState> {
  if (tlogPolicy === undefined) return new Map();
  const policy = parseWitnessPolicy(readBounded(tlogPolicy, MOST_POLICY_BYTES));
  return new Map(
    state.logs.map(({ origin, checkpoint }) => [origin, witnessState(policy, Buffer.from(checkpoint))]),
  );
}

/** Everything for which other commands refuse this store now, the gravest first: also its age, and its service map. */
export function refusalsOf(status: TrustStatus): readonly StellaError[] {
  const { problems, servicesProblem, freshness } = status;
  const all = [...problems, ...(servicesProblem ? [servicesProblem] : [])];
  // By a clock that is behind, no age is known.
  if (!problems.some(({ code }) => code === 'CLOCK_BEHIND')) {
    try {
      checkFreshness(freshness, 'the trust store', 'STORE_STALE');
    } catch (error) {
      if (!isStellaError(error)) throw error;
      all.push(error);
    }
  }
  return all.filter(
    (error, i) =>
      all.findIndex(({ code, message }) => code === error.code && message === error.message) === i,
  );
}

export interface Expiring {
  readonly what: string;
  readonly expires: Instant;
  /** The name of the TUF role that it is, if it is one. */
  readonly role?: string;
  /** Whether it is a delegated role: one that has expired stops only what depends on it. */
  readonly delegated: boolean;
}

const TOP_LEVEL: ReadonlySet<string> = new Set(['root', 'timestamp', 'snapshot', 'targets']);

/**
 * What has expired at `until` or before: roles, and keys in use whose end is set. Of what was imported the staleness window
 * ends, and roles count only if they had expired already when the bundle was sealed: nothing there can renew them.
 */
export function expiringBy(status: TrustStatus, until: Instant): Expiring[] {
  const { freshness, generation, rolesAsOf } = status;
  const isImported = generation.state.source.kind === 'import';
  const roles = status.roles
    .filter(({ expires }) => !isImported || expires <= rolesAsOf)
    .map((role) => ({
      what: `TUF role ${role.name}`,
      expires: role.expires,
      role: role.name,
      delegated: !TOP_LEVEL.has(role.name),
    }));
  const further = status.repositories.flatMap((one) => {
    const { name } = one.repository;
    const roles = one.roles
      .filter(({ expires }) => !isImported || expires <= one.rolesAsOf)
      .map((role) => ({
        what: `TUF role ${role.name} of the repository ${name}`,
        expires: role.expires,
        delegated: !TOP_LEVEL.has(role.name),
      }));
    const { acceptedUntil: expires } = one.freshness;
    return isImported
      ? [...roles, { what: `the staleness window of the repository ${name}`, expires, delegated: false }]
      : roles;
  });
  const window = isImported
    ? [{ what: 'the staleness window', expires: freshness.acceptedUntil, delegated: false }]
    : [];
  const keys = status.keys
    .filter((key) => key.life === 'active' || key.life === 'grace')
    .filter((key) => key.until !== undefined)
    .map((key) => ({ what: `${key.usage} key ${key.target}`, expires: key.until!, delegated: false }));
  return [...window, ...roles, ...further, ...keys]
    .filter(({ expires }) => expires <= until)
    .sort((a, b) => a.expires - b.expires);
}
