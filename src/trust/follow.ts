import { join } from 'node:path';
import { excerpt } from '../base/bytes.ts';
import { formatInstant, type Instant } from '../base/clock.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { maskUrl } from '../base/safety/masked-url.ts';
import type { Config } from '../config/config.ts';
import type { Fetcher } from '../net/types.ts';
import { type HeldRepository, HOME } from '../store/repositories.ts';
import type { StoreState, StoreWriter, TrustStore } from '../store/store.ts';
import { builtInInstance, builtInInstanceAt } from '../tuf/built-in.ts';
import { type RefreshedTuf, refreshTuf } from '../tuf/refresh.ts';
import { type RepositoryLayout, type RepositoryPlace, withLayout } from '../tuf/repository-place.ts';
import { type PinnedRoot, pinRoot, type RootVoucher } from './pin.ts';
import { isTrustedRoot, neededTargets, uncountedTargets } from './targets.ts';

export interface SyncSetting {
  readonly store: TrustStore;
  readonly config: Config;
  readonly fetcher: Fetcher;
  readonly now: Instant;
  /** What an operator should know although nothing failed. */
  readonly warn: (line: string) => void;
  /** Whether an operator says that the clock was ahead at an earlier sync and is right now. */
  readonly lowerClockFloor?: boolean;
  /** Further repositories that are to be followed no more. */
  readonly dropRepositories?: ReadonlySet<string>;
}

/** A repository that is to be followed, and from which root. */
export interface Followed {
  readonly name: string;
  /** The repository and its mirrors. */
  readonly urls: readonly string[];
  /** Of a new repository, who vouches for its root; of one that is held, the root. */
  readonly root: RootVoucher | PinnedRoot;
  /** The directory of what is held of it. */
  readonly held?: string;
}

/** A repository that was followed. */
export interface FollowedTuf {
  readonly tuf: RefreshedTuf;
  readonly root: PinnedRoot;
}

/**
 * Where a further repository is: as configured, else as `trust init` was told, else where the built-in instance is. What a
 * bundle says of it is an address on another network, and not the operator's word.
 */
export function urlsOf(
  name: string,
  config: Config,
  remembered: Pick<HeldRepository, 'urls'> | undefined,
): readonly string[] {
  const configured = config.repositories.get(name)?.tufUrls ?? [];
  if (configured.length > 0) return configured;
  const builtIn = builtInInstance(name);
  return remembered?.urls ?? (builtIn ? [builtIn.url] : []);
}

let attempts = 0;

/**
 * Brings one repository up to date from the first of its addresses that serves it in order.
 * @throws StellaError CONFIG_INVALID without an address, PIN_*, TUF_*, FETCH_*, OFFLINE, TARGET_*
 */
export async function followRepository(
  setting: SyncSetting,
  writer: StoreWriter,
  { name, urls, root, held }: Followed,
): Promise<FollowedTuf> {
  const { config, fetcher, now } = setting;
  const isHome = name === HOME;
  const refresh = async (url: string, layout: RepositoryLayout, pinned: PinnedRoot) => {
    attempts += 1;
    return await refreshTuf({
      url,
      layout,
      fetcher,
      directory: join(writer.staging, `tuf-${attempts}`),
      now,
      trustedRoot: pinned.bytes,
      held,
      trustRoles: new Set(isHome ? config.trustRoles : []),
      isNeeded: isHome ? neededTargets(config) : isTrustedRoot,
    });
  };
  return await fromMirrors(name, urls, setting.warn, (url) =>
    withLayout(placeOf(url, name, config), fetcher, async (layout) => {
      const pinned =
        'pin' in root
          ? root
          : await pinRoot(voucherAtMirrors(root, urls), url, layout.metadataUrl, fetcher, now);
      return { root: pinned, tuf: await refresh(url, layout, pinned) };
    }),
  );
}

function placeOf(url: string, name: string, config: Config): RepositoryPlace {
  const { targetsUrl, prefixTargetsWithHash } =
    name === HOME ? config : (config.repositories.get(name) ?? NO_CONFIGURATION);
  return { url, targetsUrl, prefixTargetsWithHash };
}

const NO_CONFIGURATION = { targetsUrl: undefined, prefixTargetsWithHash: true };

/**
 * Who vouches for a repository's root at each of its addresses. All of them are of one repository: where one of them is a
 * built-in instance's, trust starts from its chain of roots at every other, too, and keeping the one from being reached
 * opens no way for another root.
 */
export function voucherAtMirrors(voucher: RootVoucher, urls: readonly string[]): RootVoucher {
  if (voucher.how !== 'nobody' && voucher.how !== 'built-in') return voucher;
  const instance = urls.map(builtInInstanceAt).find((one) => one !== undefined)?.name;
  return instance === undefined ? voucher : { how: 'built-in', instance };
}

/**
 * Tries each address of a repository in order; one that is down, outdated or wrong does not stop the next from being asked.
 * @param warn is told why the next is asked
 * @throws StellaError CONFIG_INVALID without an address; where all fail the first failure, but rather one that says what is
 *   wrong with what was served than that nothing was
 */
export async function fromMirrors<T>(
  name: string,
  urls: readonly string[],
  warn: (line: string) => void,
  from: (url: string) => Promise<T>,
): Promise<T> {
  const failures: StellaError[] = [];
  for (const [i, url] of urls.entries()) {
    try {
      return await from(url);
    } catch (error) {
      if (!isStellaError(error) || !/^(?:TUF_|FETCH_|OFFLINE|PIN_)/.test(error.code)) throw error;
      failures.push(error);
      if (i < urls.length - 1) warn(`warning: ${error.message} [${error.code}]; trying ${urls[i + 1]}`);
    }
  }
  throw failures.find(({ code }) => !/^(?:FETCH_|OFFLINE)/.test(code)) ?? failures[0] ?? noAddress(name);
}

function noAddress(name: string): StellaError {
  return name === HOME
    ? new StellaError('CONFIG_INVALID', 'tuf_url is not set', {
        hint: 'give --tuf-url URL, set $STELLA_TUF_ROOT_URL, or set attestor.trust_repo.tuf_url',
      })
    : new StellaError('CONFIG_INVALID', `no address is known for the repository ${name}`, {
        hint: `set attestor.trust_repo.repositories.${name}.tuf_url; for a new store, --instance ${name}=URL does, too`,
      });
}

/** What a store keeps of a repository's roles. */
export function tufState({ url, rootVersions, roles }: RefreshedTuf): StoreState['tuf'] {
  return {
    url,
    first_root: rootVersions[0]!,
    roles: Object.fromEntries(
      roles.map(({ name, version, sha256, expires }) => [
        name,
        { version, sha256, expires: formatInstant(expires) },
      ]),
    ),
  };
}

const MAX_LISTED = 5;

/** What of a further repository does not count although it is published. */
export function uncounted(name: string, tuf: RefreshedTuf): string[] {
  const targets = uncountedTargets(tuf);
  const listed = targets
    .slice(0, MAX_LISTED)
    .map(
      (target) =>
        `warning: ${excerpt(target.name)} of the repository ${name} (${maskUrl(tuf.url)}) is listed as ${target.usage}: only the home repository's count`,
    );
  return [...listed, ...more(targets.length, `targets of the repository ${name} that do not count`)];
}

function more(count: number, what: string): string[] {
  return count > MAX_LISTED ? [`warning: ${count - MAX_LISTED} more ${what}`] : [];
}
