import { formatInstant, type Instant } from '../base/clock.ts';
import { StellaError } from '../base/errors.ts';
import type { Manifest } from '../base/schema-types.ts';
import type { Config } from '../config/config.ts';
import { checkNoCredentials } from '../config/url-credentials.ts';
import { loadGeneration, pinnedRootOf } from '../store/generation.ts';
import type { HeldRepository } from '../store/repositories.ts';
import type { Generation, TrustStore } from '../store/store.ts';
import { loadSyncRecord, referenceOf, syncsOf } from '../store/sync-record.ts';
import { type DerivedTrust, deriveTrust } from '../trust/derived-trust.ts';
import { checkFreshness, type FreshnessWindow, freshnessWindow, judgeFreshness } from '../trust/freshness.ts';
import type { TrustSource } from '../trust/instance.ts';
import { loadTuf } from '../tuf/load.ts';
import { renewalOf } from '../tuf/roles.ts';
import type { TufView } from '../tuf/view.ts';

/** A repository as it is sealed. */
export interface SealableRepository extends TrustSource {
  /** Of a further repository that could not be brought up to date: when it was last found in order. */
  readonly asOf: Instant | undefined;
}

/** What is sealed of the trust store. */
export interface Sealable {
  /** The home repository first. */
  readonly repositories: readonly [SealableRepository, ...SealableRepository[]];
  readonly trust: DerivedTrust;
}

/**
 * The current generation as the other side will judge it: plain TUF as of the sealed time. Home trust that was not
 * refreshed for too long is not worth carrying; a further repository that is behind is carried as what it is, with the
 * instant as of which it was in order, so that it stops no other.
 * @throws StellaError STORE_CORRUPT, STORE_STALE, TUF_EXPIRED, TUF_*, TARGET_*, SERVICE_MAP_*, URL_CREDENTIALS
 */
export async function loadSealable(
  store: TrustStore,
  generation: Generation,
  sealedAt: Instant,
  { now, config }: { readonly now: Instant; readonly config: Config },
): Promise<Sealable> {
  const [home, ...others] = generation.repositories;
  const first = await loadHome(generation, home!, sealedAt, config);
  const window = freshnessWindow({ thresholdDays: config.freshnessThresholdDays });
  checkFreshness(
    judgeFreshness(referenceOf(store.directory, generation), now, window),
    'the trust store',
    'STORE_STALE',
  );
  const further: SealableRepository[] = [];
  for (const repository of others)
    further.push(await loadFurther(store, generation, repository, sealedAt, window));
  const repositories = [first, ...further] as const;
  // What logs were found to sign as is compared where they are mirrored.
  return { repositories, trust: await deriveTrust(repositories, config) };
}

async function loadHome(
  generation: Generation,
  { name }: HeldRepository,
  sealedAt: Instant,
  config: Config,
): Promise<SealableRepository> {
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
  return { name, view, asOf: undefined };
}

async function loadFurther(
  store: TrustStore,
  generation: Generation,
  repository: HeldRepository,
  sealedAt: Instant,
  window: FreshnessWindow,
): Promise<SealableRepository> {
  const { name, expired } = repository;
  const view = await loadGeneration(generation, repository);
  const reference = referenceOf(store.directory, generation, repository);
  const isBehind =
    generation.state.source.kind === 'import' ||
    (syncsOf(loadSyncRecord(store.directory), name)?.failures_since ?? 0) > 0 ||
    judgeFreshness(reference, sealedAt, window).state === 'blocked' ||
    expiredRole(view, sealedAt) !== undefined;
  // What had expired when it came here does so over there.
  const asOf = isBehind && expired === undefined && reference < sealedAt ? reference : undefined;
  return { name, view, asOf };
}

const TOP_LEVEL: ReadonlySet<string> = new Set(['root', 'timestamp', 'snapshot', 'targets']);

const expiredRole = (view: TufView, sealedAt: Instant) =>
  view.roles.find((role) => TOP_LEVEL.has(role.name) && role.expires <= sealedAt);

/** @throws StellaError TUF_EXPIRED for metadata that the other side would find expired as of the sealed time */
function checkExpiry(view: TufView, sealedAt: Instant): void {
  const expired = expiredRole(view, sealedAt);
  if (!expired) return;
  throw new StellaError(
    'TUF_EXPIRED',
    `TUF metadata expired: ${expired.name}.json of ${view.url} expired ${formatInstant(expired.expires)}, the bundle would be sealed at ${formatInstant(sealedAt)}`,
    {
      hint: ['run `stella trust sync --force`', `if that finds nothing newer: ${renewalOf(expired.name)}`],
    },
  );
}

/** What a manifest says of the repositories. @throws StellaError URL_CREDENTIALS */
export function describeRepositories([home, ...further]: Sealable['repositories']): Pick<
  Manifest,
  'tuf' | 'repositories'
> {
  checkNoCredentials(home.view.url, 'the TUF repository of the trust store');
  for (const { name, view } of further)
    checkNoCredentials(view.url, `the repository ${name} of the trust store`);
  return {
    tuf: describeTuf(home.view),
    ...(further.length === 0
      ? {}
      : {
          repositories: further.map(({ name, view, asOf }) => ({
            name,
            ...describeTuf(view),
            ...(asOf === undefined ? {} : { as_of: formatInstant(asOf) }),
          })),
        }),
  };
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
