import { excerpt } from '../base/bytes.ts';
import { formatInstant, type Instant, latest, parseInstant } from '../base/clock.ts';
import type { StellaError } from '../base/errors.ts';
import { readBoundedIfPresent } from '../base/files.ts';
import type { LoadedRepository } from '../store/generation.ts';
import { loadLogOrigins } from '../store/log-origins.ts';
import { copyRepositories, furtherState, HOME, heldHistory } from '../store/repositories.ts';
import type { Generation, NextGeneration, StoreState, TrustedRootFiles } from '../store/store.ts';
import type { RefreshedTuf } from '../tuf/refresh.ts';
import { judgedView, type SecondOpinion, secondOpinion } from '../tuf/second-opinion.ts';
import { type DerivedTrust, deriveTrust, trustedRootFiles } from './derived-trust.ts';
import { type FollowedTuf, type SyncSetting, tufState, uncounted } from './follow.ts';
import type { TrustSource } from './instance.ts';
import { blockedRepositories } from './instance.ts';
import { keyHistory } from './key-history.ts';
import { adviceOnUnusedKeys, distributedKeys } from './key-list.ts';
import { MAX_TRUSTED_ROOT_BYTES } from './trusted-root.ts';

/** One repository in the generation that is being made: brought up to date, or as it is held. */
export interface FollowedRepository {
  readonly name: string;
  /** What it was followed to; absent where that failed. */
  readonly tuf: FollowedTuf | undefined;
  /** What tuf-js says of it, where it was asked now. */
  readonly opinion: SecondOpinion | undefined;
  readonly urls: readonly string[] | undefined;
  readonly before: (LoadedRepository & { readonly reference: Instant }) | undefined;
}

/** Whether a generation's derived files are what the configuration makes of its repositories today. */
export function isDerived(generation: Generation, { home, all }: TrustedRootFiles): boolean {
  const isHeld = (path: string, bytes: Uint8Array) =>
    readBoundedIfPresent(path, MAX_TRUSTED_ROOT_BYTES)?.equals(bytes) ?? false;
  // Stores of older versions have one repository, and one file.
  const isAlone = generation.repositories.length === 1;
  return isHeld(generation.trustedRootFile, home) && (isAlone || isHeld(generation.trustedRootsFile, all));
}

type NextState = Omit<StoreState, 'format'>;
type FurtherState = NonNullable<StoreState['repositories']>[number];

/** What the store will hold and remember. Everything the configuration names must be there and usable. */
export async function nextGeneration(
  setting: SyncSetting,
  current: Generation | undefined,
  outcomes: readonly FollowedRepository[],
  staging = '',
): Promise<Omit<NextGeneration, 'attestations' | 'state'> & { readonly state: NextState }> {
  const { config, warn } = setting;
  // Other verifiers are not told of what is not believed here; they would not know its age.
  const blocked: ReadonlyMap<string, StellaError> = current
    ? blockedRepositories(setting.store, current, config, setting.now)
    : new Map();
  const sources = outcomes.map(
    ({ name, tuf, before }): TrustSource =>
      tuf ? { name, view: tuf.tuf } : { name, view: before!.view, blocked: blocked.get(name) },
  );
  const trust = await deriveTrust(
    sources as [TrustSource, ...TrustSource[]],
    config,
    loadLogOrigins(setting.store.directory, current?.state),
  );
  const [home, ...further] = outcomes;
  const state = await homeState(setting, home!, trust, current);
  const repositories: FurtherState[] = [];
  for (const outcome of further) repositories.push(await furtherNext(setting, outcome, trust));
  for (const { name, tuf, opinion, before } of outcomes) {
    if (!tuf) continue;
    const owner = name === HOME ? state : repositories.find((one) => one.name === name)!;
    // Of metadata that did not change it is what it was.
    owner.second_opinion =
      opinion ?? before?.repository.secondOpinion ?? (await secondOpinion(judgedView(tuf.tuf)));
  }
  delete state.repositories;
  if (repositories.length > 0) state.repositories = repositories.sort((a, b) => (a.name < b.name ? -1 : 1));
  for (const { text, hint } of home!.tuf ? adviceOnUnusedKeys(trust.unused, config) : [])
    warn(`warning: ${text}; ${hint}`);
  for (const { name, tuf } of outcomes)
    if (tuf)
      for (const line of name === HOME ? leftOut(tuf.tuf, trust.ignored) : uncounted(name, tuf.tuf))
        warn(line);
  const kept = outcomes.filter(({ tuf }) => !tuf).map(({ before }) => before!.repository);
  const copies = copyRepositories({ repositories: kept }, staging);
  return {
    state,
    repositories: new Map(outcomes.map(({ name, tuf }) => [name, tuf?.tuf.directory ?? copies.get(name)!])),
    trustedRoots: trustedRootFiles(trust),
  };
}

async function homeState(
  { config, now, warn }: SyncSetting,
  { tuf: followed, before: held }: FollowedRepository,
  trust: DerivedTrust,
  current: Generation | undefined,
): Promise<NextState> {
  const before = current?.state;
  if (!followed)
    return {
      ...before!,
      created_at: formatInstant(now),
      reference_time: formatInstant(held!.reference),
    };
  const { tuf, root } = followed;
  const keys = distributedKeys(trust.targets);
  const isLogNeeded = trust.instances[0]!.builtIn === undefined;
  if (isLogNeeded && !trust.instances.some(({ trustedRoot }) => trustedRoot.tlogs.length > 0))
    warn(
      `warning: ${tuf.url} distributes no Rekor key: set rekor_key_targets, or publish one with custom.sigstore.usage Rekor`,
    );
  const instant = formatInstant(now);
  const chosen = (key: 'rekor_key_targets' | 'service_map_target') =>
    ['flag', 'store'].includes(config.origins[key].source);
  const mirrors = before
    ? before.tuf_urls
    : config.origins.tuf_url.source === 'flag'
      ? [...config.tufUrls]
      : undefined;
  const floor = before === undefined ? now : latest(now, parseInstant(before.clock_floor));
  return {
    created_at: instant,
    reference_time: instant,
    clock_floor: formatInstant(floor),
    pin: root.pin,
    source: { kind: 'sync', url: tuf.url },
    tuf: tufState(tuf),
    ...(mirrors === undefined ? {} : { tuf_urls: mirrors }),
    ...(chosen('rekor_key_targets') ? { rekor_key_targets: [...config.rekorKeyTargets] } : {}),
    ...(chosen('service_map_target') ? { service_map_target: config.serviceMapTarget } : {}),
    ...(config.trustRoles.length > 0 ? { trust_roles: [...config.trustRoles] } : {}),
    bundle_keys: [...(before?.bundle_keys ?? [])],
    ...(await keyHistory(tuf, keys, trust.instances[0]!.trustedRoot.tlogs, before, instant)),
    logs: before?.logs ?? [],
    producers: before?.producers ?? {},
    bundles: before?.bundles ?? [],
  };
}

async function furtherNext(
  { now }: SyncSetting,
  { name, tuf: followed, urls, before }: FollowedRepository,
  trust: DerivedTrust,
): Promise<FurtherState> {
  // It stays as of when it was last found in order.
  if (!followed) return furtherState(before!.repository, formatInstant(before!.reference));
  const { tuf, root } = followed;
  const instance = trust.instances.find((one, i) => i > 0 && one.name === name)!;
  const at = formatInstant(now);
  return {
    name,
    pin: root.pin,
    tuf: tufState(tuf),
    ...(urls ? { tuf_urls: [...urls] } : {}),
    reference_time: at,
    ...(await keyHistory(
      tuf,
      distributedKeys([instance.target!]),
      instance.trustedRoot.tlogs,
      heldHistory(before?.repository),
      at,
    )),
  };
}

const MAX_LISTED = 5;

/** What of a repository is not used although it is published; no trust rests on it. */
function leftOut(
  { url, omittedRoles, missingTargets }: RefreshedTuf,
  ignored: DerivedTrust['ignored'],
): string[] {
  const roles = omittedRoles.map(
    ({ role, error }) =>
      `warning: ${error.message} [${error.code}]; no trust rests on the delegated role ${excerpt(role)}, which is left out`,
  );
  const missing = missingTargets
    .slice(0, MAX_LISTED)
    .map(({ error }) => `warning: ${error.message} [${error.code}]; no trust rests on it, it is left out`);
  const usages = ignored
    .slice(0, MAX_LISTED)
    .map(
      ({ name, role, usage }) =>
        `warning: ${excerpt(name)} is listed as ${usage} by the delegated role ${excerpt(role)} of ${url}, which trust_roles does not name: it decides no trust`,
    );
  return [...roles, ...missing, ...more(missingTargets.length, 'target that could not be had'), ...usages];
}

function more(count: number, what: string): string[] {
  return count > MAX_LISTED ? [`warning: ${count - MAX_LISTED} more ${what}`] : [];
}
