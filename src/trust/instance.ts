import type { Instant } from '../base/clock.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { readBounded } from '../base/files.ts';
import type { Config } from '../config/config.ts';
import { type LoadedRepository, repositoryTitle } from '../store/generation.ts';
import { type HeldRepository, HOME } from '../store/repositories.ts';
import type { Generation, TrustStore } from '../store/store.ts';
import { referenceOf } from '../store/sync-record.ts';
import { type BuiltInInstance, builtInInstances, isBuiltInRoot, isSignedByBuiltIn } from '../tuf/built-in.ts';
import { rootPath } from '../tuf/layout.ts';
import { MAX_BYTES } from '../tuf/metadata-file.ts';
import type { TufView } from '../tuf/view.ts';
import {
  adviceOfSource,
  checkFreshness,
  configuredWindow,
  type Freshness,
  judgeFreshness,
  type WindowInputs,
} from './freshness.ts';
import { type TrustTarget, trustedRootTarget } from './targets.ts';
import { joinTrustedRoots, parsePublishedRoot, type TrustedRoot } from './trusted-root.ts';

/** A verified repository from which trust is derived. */
export interface TrustSource {
  /** The repository's name. */
  readonly name: string;
  readonly view: TufView;
  /** The built-in instance whose root vouched for it, where that is known; its chain tells otherwise. */
  readonly builtIn?: string | undefined;
  /** Whether it has withdrawn keys of logs: then it had logs, whatever its trusted root says now. */
  readonly hadLogs?: boolean;
  /** Why nothing of it is believed although it verifies: it has expired, or is too old. */
  readonly blocked?: StellaError | undefined;
}

/** A set of trust services with one trusted root, as one repository contributes it. */
export interface Instance {
  /** The name of the repository; of a home repository that is a built-in instance's, the name of that. */
  readonly name: string;
  /** The name of the built-in instance that it is, by its chain of roots: anyone can get a certificate there. */
  readonly builtIn: string | undefined;
  readonly trustedRoot: TrustedRoot;
  /** The trusted root as it is published; absent where it was assembled from other targets. */
  readonly target: TrustTarget | undefined;
  /** Why nothing of it is believed. */
  readonly blocked: StellaError | undefined;
}

export function homeInstance(
  { view, builtIn: vouched, blocked }: TrustSource,
  targets: readonly TrustTarget[],
  trustedRoot: TrustedRoot,
): Instance {
  const builtIn = builtInOf(view)?.name ?? vouched;
  const target = targets.find(({ usage }) => usage === 'trusted-root');
  return { name: builtIn ?? HOME, builtIn, trustedRoot, target, blocked };
}

/**
 * The instance of a further repository.
 * @throws StellaError TARGET_UNKNOWN, TARGET_AMBIGUOUS, TARGET_INVALID, TRUSTED_ROOT_INVALID, TUF_MISMATCH
 */
export async function furtherInstance({ name, view, blocked }: TrustSource): Promise<Instance> {
  const target = await trustedRootTarget(view);
  const trustedRoot = parsePublishedRoot(target);
  return { name, builtIn: builtInOf(view)?.name, trustedRoot, target, blocked };
}

/** Whatever any of the instances trusts that can be believed. */
export function joinInstances(instances: readonly Instance[]): TrustedRoot {
  const [first, ...others] = instances.filter(({ blocked }) => blocked === undefined);
  if (!first) return { tlogs: [], certificateAuthorities: [], ctlogs: [], timestampAuthorities: [] };
  return others.length === 0
    ? first.trustedRoot
    : joinTrustedRoots([first, ...others].map(({ trustedRoot }) => trustedRoot));
}

/** What trust is derived from, of repositories that were loaded again. */
export function trustSources(
  [home, ...further]: readonly LoadedRepository[],
  blocked: ReadonlyMap<string, StellaError> = new Map(),
): readonly [TrustSource, ...TrustSource[]] {
  const source = ({ repository, view }: LoadedRepository): TrustSource => {
    const { name, pin, revokedKeys = [] } = repository;
    const hadLogs = revokedKeys.some(({ usage }) => usage === 'Rekor');
    const builtIn = pin.how === 'sigstore' ? 'sigstore' : undefined;
    return { name, view, builtIn, hadLogs, blocked: blocked.get(name) };
  };
  return [source(home!), ...further.map(source)];
}

/** The built-in instance to whose chain of roots a verified repository belongs. */
export function builtInOf({ directory, rootVersions }: TufView): BuiltInInstance | undefined {
  const [pinned, newest] = [rootVersions[0]!, rootVersions.at(-1)!];
  const root = (version: number) => ({
    version,
    bytes: readBounded(rootPath(directory, version), MAX_BYTES.root),
  });
  return builtInInstances().find((instance) => {
    const { version } = instance;
    if (pinned > version) return isSignedByBuiltIn(instance, root(pinned));
    return isBuiltInRoot(instance, root(Math.min(version, newest)));
  });
}

/** How old what a store holds of a repository is: each ages by itself, by the same window. */
export function repositoryFreshness(
  store: TrustStore,
  generation: Generation,
  repository: HeldRepository,
  config: Config,
  now: Instant,
  exceptions: Pick<WindowInputs, 'maxAge'> = {},
): Freshness {
  const window = configuredWindow(config, adviceOfSource(generation.state.source), exceptions);
  return judgeFreshness(referenceOf(store.directory, generation, repository), now, window);
}

/** Why nothing of a further repository is believed, where it is so: it had expired when it was sealed, or has aged since. */
export function whyBlocked(repository: HeldRepository, freshness: Freshness): StellaError | undefined {
  const { name, expired, tuf } = repository;
  if (expired !== undefined)
    return new StellaError(
      'TUF_EXPIRED',
      `TUF metadata expired: ${expired} of the repository ${name} (${tuf.url}) had expired when it was sealed`,
      {
        hint: 'on the connected side, run `stella trust sync --force`, export again, and import that bundle',
        details: { repository: name },
      },
    );
  try {
    checkFreshness(freshness, repositoryTitle(repository), 'STORE_STALE');
    return undefined;
  } catch (error) {
    if (isStellaError(error)) return error;
    throw error;
  }
}

/** The further repositories of a generation of which nothing is believed now, with the reasons. */
export function blockedRepositories(
  store: TrustStore,
  generation: Generation,
  config: Config,
  now: Instant,
  exceptions: Pick<WindowInputs, 'maxAge'> = {},
): ReadonlyMap<string, StellaError> {
  const blocked = generation.repositories
    .filter(({ isHome }) => !isHome)
    .map((repository): [string, StellaError | undefined] => [
      repository.name,
      whyBlocked(repository, repositoryFreshness(store, generation, repository, config, now, exceptions)),
    ]);
  return new Map(blocked.flatMap(([name, error]) => (error ? [[name, error]] : [])));
}
