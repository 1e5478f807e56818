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
import type { TufView } from '../tuf/view.ts';
import { assembleTrustedRoot } from './assembled-root.ts';
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
import { formatTrustedRoot, type TrustedRoot } from './trusted-root.ts';

/** What a verified TUF repository amounts to under a configuration. */
export interface DerivedTrust {
  readonly targets: readonly TrustTarget[];
  /** `undefined` where the repository has no service map and nobody asked for one. */
  readonly services: Services | undefined;
  readonly trustedRoot: TrustedRoot;
  /** Targets that declare a usage, but are listed by a delegated role that decides no trust. */
  readonly ignored: readonly IgnoredTarget[];
  /** Keys that are published for a use for which the configuration has chosen others. */
  readonly unused: readonly IgnoredTarget[];
}

/** The logs that this trust names at an instant, and those of trusted roots of further instances. */
export function logsOfTrust(
  { services, trustedRoot, targets }: DerivedTrust,
  now: Instant,
  further: readonly TrustedRoot[] = [],
): NamedTrustLog[] {
  const isPublished = targets.some(({ usage }) => usage === 'trusted-root');
  const addresses = new Set(
    targets.flatMap(({ usage, uri }) => (usage === 'Rekor' && uri !== undefined ? [uri] : [])),
  );
  return namedLogs({ endpoints: services?.endpoints, trustedRoot, isPublished, addresses, further }, now);
}

/**
 * Reads the targets that trust rests on, applies the service map with its overrides, and assembles the trusted root.
 * @param origins what logs were found to sign as, by their URLs
 * @throws StellaError TARGET_*, SERVICE_MAP_*, ENVIRONMENT_UNKNOWN, TRUSTED_ROOT_INVALID, TUF_MISMATCH
 */
export async function deriveTrust(
  view: TufView,
  config: Config,
  origins?: ReadonlyMap<string, string>,
): Promise<DerivedTrust> {
  const services = await loadServices(view, config, origins);
  const names = targetNamesOf(config);
  const targets = await trustTargets(view, names, services?.map);
  return {
    targets,
    services,
    trustedRoot: assembleTrustedRoot(targets, services?.endpoints),
    ignored: ignoredTargets(view, names.trustRoles),
    unused: unusedKeys(view, names, services?.map),
  };
}

/** The keys of the transparency logs that a trusted root names. @throws StellaError KEY_INVALID */
export function logPublicKeysOf(root: TrustedRoot): PublicKey[] {
  return root.tlogs.map((log) => parsePublicKey(log.publicKey));
}

/**
 * The TrustedRoot file for other verifiers: the repository's own as it is, since they may know more of it than is read
 * here, else what was assembled.
 */
export function trustedRootFile({ targets, trustedRoot }: DerivedTrust): Uint8Array {
  return targets.find((target) => target.usage === 'trusted-root')?.bytes ?? formatTrustedRoot(trustedRoot);
}
