/**
 * trust/: what a verified TUF repository amounts to: trusted root, service map, log and bundle keys and their lives,
 * freshness; and how a store is made from a repository and kept up to date. It never parses attestations or bundles,
 * and verifies no metadata itself: tuf/ does. What may vouch for a first root is in pin.ts, the staleness rule in
 * freshness.ts, key rotation in key-rotation.ts.
 * Start here, then targets.ts for which targets count as what, and sync.ts for the two commands that change a store.
 */

import type { Instant } from '../base/clock.ts';
import { type PublicKey, parsePublicKey } from '../base/keys.ts';
import type { Config } from '../config/config.ts';
import type { TrustedRootFiles } from '../store/store.ts';
import { assembleTrustedRoot } from './assembled-root.ts';
import { furtherInstance, homeInstance, type Instance, joinInstances, type TrustSource } from './instance.ts';
import { type NamedTrustLog, namedLogs } from './log-list.ts';
import { loadServices, type Services } from './services.ts';
import {
  type IgnoredTarget,
  ignoredTargets,
  type TrustTarget,
  targetNamesOf,
  trustTargets,
  unusedKeys,
} from './targets.ts';
import { formatTrustedRoot, type TrustedRoot, trustedRootLines } from './trusted-root.ts';

/** What verified TUF repositories amount to under a configuration. */
export interface DerivedTrust {
  /** Targets of the home repository: of others, nothing but their instance counts. */
  readonly targets: readonly TrustTarget[];
  /** `undefined` where the home repository has no service map and nobody asked for one. */
  readonly services: Services | undefined;
  /** One for each repository, the home repository's first. */
  readonly instances: readonly Instance[];
  /** The instances that can be believed, joined. */
  readonly trustedRoot: TrustedRoot;
  /** Targets that declare a usage, but are listed by a delegated role that decides no trust. */
  readonly ignored: readonly IgnoredTarget[];
  /** Keys that are published for a use for which the configuration has chosen others. */
  readonly unused: readonly IgnoredTarget[];
}

/** The logs that this trust names at an instant, those of further instances as well. */
export function logsOfTrust(
  { services, instances, targets }: Pick<DerivedTrust, 'services' | 'instances' | 'targets'>,
  now: Instant,
): NamedTrustLog[] {
  const [{ trustedRoot }, ...others] = instances as [Instance, ...Instance[]];
  const further = others.map((instance) => instance.trustedRoot);
  const isPublished = targets.some(({ usage }) => usage === 'trusted-root');
  const addresses = new Set(
    targets.flatMap(({ usage, uri }) => (usage === 'Rekor' && uri !== undefined ? [uri] : [])),
  );
  return namedLogs({ endpoints: services?.endpoints, trustedRoot, isPublished, addresses, further }, now);
}

/**
 * Reads the targets that trust rests on, applies the service map with its overrides, and assembles the trusted roots.
 * @param home the home repository, whose targets alone say who may seal bundles and sign
 * @param further others, of each of which only the trusted root counts
 * @param origins what logs were found to sign as, by their URLs
 * @throws StellaError TARGET_*, SERVICE_MAP_*, ENVIRONMENT_UNKNOWN, TRUSTED_ROOT_INVALID, TUF_MISMATCH
 */
export async function deriveTrust(
  [home, ...further]: readonly [TrustSource, ...TrustSource[]],
  config: Config,
  origins?: ReadonlyMap<string, string>,
): Promise<DerivedTrust> {
  const { view } = home;
  const services = await loadServices(view, config, origins);
  const names = targetNamesOf(config);
  const targets = await trustTargets(view, names, services?.map);
  const instances = [homeInstance(home, targets, assembleTrustedRoot(targets, services?.endpoints))];
  for (const source of further) instances.push(await furtherInstance(source));
  return {
    targets,
    services,
    instances,
    trustedRoot: joinInstances(instances),
    ignored: ignoredTargets(view, names.trustRoles),
    unused: unusedKeys(view, names, services?.map),
  };
}

/**
 * The keys of the transparency logs of all instances: also of those that are not believed now, so that what is carried of
 * their logs can be checked.
 * @throws StellaError KEY_INVALID
 */
export function logPublicKeysOf({ instances }: Pick<DerivedTrust, 'instances'>): PublicKey[] {
  return instances.flatMap(({ trustedRoot }) =>
    trustedRoot.tlogs.map((log) => parsePublicKey(log.publicKey)),
  );
}

/**
 * The TrustedRoot files for other verifiers: each repository's own as it is, since they may know more of it than is read
 * here, else what was assembled. Instances that cannot be believed are left out.
 */
export function trustedRootFiles({ instances }: Pick<DerivedTrust, 'instances'>): TrustedRootFiles {
  const fileOf = ({ target, trustedRoot }: Instance) => target?.bytes ?? formatTrustedRoot(trustedRoot);
  const lines = instances
    .filter(({ blocked }) => blocked === undefined)
    .map((instance) => trustedRootLines(fileOf(instance)));
  return { home: fileOf(instances[0]!), all: Buffer.from(lines.join('')) };
}
