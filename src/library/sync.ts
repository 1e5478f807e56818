import { type Instant, parseInstant } from '../base/clock.ts';
import { StellaError } from '../base/errors.ts';
import type { PublicKey } from '../base/keys.ts';
import { checkUrl } from '../config/url-credentials.ts';
import { initFromUrl, syncFromUrl } from '../consumer/trust-from-url.ts';
import { isRepositoryName } from '../store/repositories.ts';
import type { StoreState } from '../store/store.ts';
import { parseFingerprint, type RootVoucher } from '../trust/pin.ts';
import { configuredFetcher, loadTrustSetting } from '../trust/setting.ts';
import type { FurtherRepository, Synced } from '../trust/sync.ts';
import { builtInInstance } from '../tuf/built-in.ts';
import { MAX_BYTES } from '../tuf/metadata-file.ts';
import { checkGiven } from './given.ts';
import { PLACE, type TrustPlace } from './place.ts';

/** Where to look for news, and when. */
export interface SyncTrustOptions extends TrustPlace {
  /** The present. */
  readonly now: Instant;
  /** The TUF repository, then its mirrors (http, https or file), in place of the configured ones. */
  readonly tufUrls?: readonly string[];
  /** Ask even though the last answer is more recent than the configured interval. */
  readonly force?: boolean;
  /** Further repositories to follow no more, or that a sealed mirror may leave out. */
  readonly dropRepositories?: readonly string[];
  /** Told what you should know although nothing failed. */
  readonly onWarning?: (text: string) => void;
}

/** From what to make a trust store, and who vouches for its root. */
export interface InitTrustOptions extends Omit<SyncTrustOptions, 'force' | 'dropRepositories'> {
  /**
   * Public instances by their built-in names, and others by address. The first is the home repository where neither
   * `tufUrls` nor the configuration names one; each further one contributes its instance and nothing else.
   */
  readonly instances?: readonly InitInstance[];
  /** Root metadata that you vouch for. */
  readonly root?: Uint8Array;
  /** `sha256:` and the hexadecimal SHA-256 of root metadata that you vouch for. */
  readonly rootFingerprint?: string;
  /**
   * Believe the root that the repository shows. The store remembers that it did. Without it, and without `root` and
   * `rootFingerprint`, only repositories whose root is built in are believed.
   */
  readonly trustOnFirstUse?: boolean;
  /** The service map target. */
  readonly serviceMapTarget?: string;
  /** The Rekor key targets; no others are believed. */
  readonly rekorKeyTargets?: readonly string[];
  /** Keys whose sealed bundles the store shall accept, beside those that TUF names. */
  readonly bundleKeys?: readonly PublicKey[];
  /** Begin again where there is a store already; its generations are kept. */
  readonly replace?: boolean;
}

/** A further repository of a new store. */
export interface InitInstance {
  /** Lower-case letters, digits and hyphens, at most 32; a built-in name means the built-in chain of roots. */
  readonly name: string;
  /** Its address; that of the built-in instance unless told otherwise. */
  readonly url?: string;
  /** Root metadata that you vouch for. */
  readonly root?: Uint8Array;
  /** `sha256:` and the hexadecimal SHA-256 of root metadata that you vouch for. */
  readonly rootFingerprint?: string;
}

/** A further repository that a store follows. */
export interface FollowedInstance {
  readonly name: string;
  /** The repository or mirror that it comes from. */
  readonly url: string;
  /** The instant that it speaks for. */
  readonly asOf: Instant;
  readonly pin: RootPin;
  /** Why it stayed as it was. */
  readonly failure?: StellaError;
}

/** The root that a store is pinned to. */
export interface RootPin {
  /**
   * Who vouched for it: a file, a fingerprint, the root built in for Sigstore or another public instance, the signer of the
   * bundle that brought it, or nothing but the repository itself.
   */
  readonly how: 'root-file' | 'fingerprint' | 'first-use' | 'sigstore' | 'built-in' | 'bundle';
  /** Version of the root. */
  readonly version: number;
  /** SHA-256 of the root metadata, hexadecimal. */
  readonly sha256: string;
  /** When it was pinned. */
  readonly at: Instant;
}

/** What a store holds after it was made or brought up to date. */
export interface SyncedTrust {
  /** Directory of the trust store. */
  readonly store: string;
  /** Number of the generation that is current now. */
  readonly generation: number;
  /** Whether that generation is new. */
  readonly changed: boolean;
  /** Nothing was asked, because the last answer is recent enough. */
  readonly skipped: boolean;
  /** When the repository was last asked. */
  readonly checkedAt: Instant;
  /** The repository or mirror that the generation comes from. */
  readonly url: string;
  /** The instant that the generation speaks for. */
  readonly asOf: Instant;
  /** The root that everything was verified from. */
  readonly pin: RootPin;
  /** Every role of the repository. */
  readonly roles: readonly { readonly role: string; readonly version: number; readonly expires: Instant }[];
  /** The further repositories, each with its instance. */
  readonly instances: readonly FollowedInstance[];
}

/**
 * Makes a trust store from a TUF repository, or from the sealed state that a mirror serves, as `stella trust init` does.
 * @throws StellaError STORE_EXISTS, PIN_REQUIRED, PIN_MISMATCH, CONFIG_*, TUF_*, FETCH_*, OFFLINE, TARGET_*, SERVICE_MAP_*,
 * BUNDLE_*, WRITE_FAILED, LOCKED; USAGE for both `root` and `rootFingerprint`
 */
export async function initTrust(options: InitTrustOptions): Promise<SyncedTrust> {
  checkGiven('initTrust', options, {
    ...PLACE,
    now: 'instant',
    'root?': 'object',
    'rootFingerprint?': 'text',
  });
  const { instances = [] } = options;
  for (const { name, url } of instances) checkInstance(name, url);
  const isNamed =
    options.tufUrls !== undefined || (await settingOf(options, {}, false)).config.tufUrls.length > 0;
  const home = isNamed ? undefined : instances[0];
  const further = (home ? instances.slice(1) : instances).map(
    (instance): FurtherRepository => ({
      name: instance.name,
      urls: instance.url === undefined ? [] : [instance.url],
      voucher: voucherOfInstance(instance, options),
    }),
  );
  const voucher =
    home && options.root === undefined && options.rootFingerprint === undefined
      ? voucherOfInstance(home, options)
      : voucherOf(options);
  const flags = {
    service_map_target: options.serviceMapTarget,
    rekor_key_targets: options.rekorKeyTargets === undefined ? undefined : [...options.rekorKeyTargets],
  };
  const place = home ? { ...options, tufUrls: [home.url ?? builtInInstance(home.name)!.url] } : options;
  const setting = await settingOf(place, flags, false);
  const keys = options.bundleKeys ?? [];
  const synced = await initFromUrl(setting, voucher, keys, options.replace ?? false, further);
  return describe(setting.store.directory, synced, options.now);
}

/**
 * Brings a trust store up to date, as `stella trust sync` does. An unchanged repository makes no new generation; whatever
 * fails, the store stays what it was.
 * @throws StellaError STORE_*, CLOCK_BEHIND, CONFIG_*, TUF_*, FETCH_*, OFFLINE, TARGET_*, SERVICE_MAP_*, BUNDLE_*,
 * MANIFEST_MISSING, WRITE_FAILED, LOCKED
 */
export async function syncTrust(options: SyncTrustOptions): Promise<SyncedTrust> {
  checkGiven('syncTrust', options, { ...PLACE, now: 'instant' });
  const setting = await settingOf(options, {}, true);
  const { dropRepositories } = options;
  const dropped = dropRepositories ? { dropRepositories: new Set(dropRepositories) } : {};
  const synced = await syncFromUrl({ ...setting, ...dropped }, options.force ?? false);
  return describe(setting.store.directory, synced, options.now);
}

/** @throws StellaError USAGE, CONFIG_INVALID, URL_CREDENTIALS */
function checkInstance(name: string, url: string | undefined): void {
  if (!isRepositoryName(name))
    throw new StellaError('USAGE', `${JSON.stringify(name)} cannot be the name of a repository`, {
      hint: 'use lower-case letters, digits and hyphens, at most 32; home is the name of the first one',
    });
  if (url !== undefined) checkUrl(url, `instances: ${name}`);
  else if (!builtInInstance(name))
    throw new StellaError('USAGE', `no instance is built in by the name ${name}`, { hint: 'give its url' });
}

function voucherOfInstance(instance: InitInstance, options: InitTrustOptions): RootVoucher {
  const { name, root, rootFingerprint } = instance;
  if (!builtInInstance(name)) return voucherOf({ ...options, root, rootFingerprint });
  if (root === undefined && rootFingerprint === undefined) return { how: 'built-in', instance: name };
  throw new StellaError('USAGE', `the root of ${name} is built in`);
}

function voucherOf({
  root,
  rootFingerprint,
  trustOnFirstUse,
}: {
  readonly root?: Uint8Array | undefined;
  readonly rootFingerprint?: string | undefined;
  readonly trustOnFirstUse?: boolean | undefined;
}): RootVoucher {
  if (root !== undefined && rootFingerprint !== undefined)
    throw new StellaError('USAGE', 'root and rootFingerprint exclude each other');
  if (root !== undefined && root.length > MAX_BYTES.root)
    throw new StellaError('FILE_TOO_LARGE', `the root has more than ${MAX_BYTES.root} bytes`);
  if (root !== undefined) return { how: 'root-file', bytes: root };
  if (rootFingerprint !== undefined) return { how: 'fingerprint', sha256: parseFingerprint(rootFingerprint) };
  return { how: trustOnFirstUse ? 'nobody' : 'built-in' };
}

async function settingOf(
  options: SyncTrustOptions,
  flags: Parameters<typeof loadTrustSetting>[1],
  remember: boolean,
) {
  const { env, cwd, config: file, now, onWarning } = options;
  const { config, store } = loadTrustSetting(
    { file, env, cwd },
    {
      ...flags,
      tuf_url: options.tufUrls === undefined ? undefined : [...options.tufUrls],
      local_cache_path: options.store,
      offline_mode: options.offline,
    },
    remember,
  );
  const warn = (line: string) => onWarning?.(line.replace(/^warning: /, ''));
  return { store, config, fetcher: await configuredFetcher(config, env), now, warn };
}

function pinOf({ how, version, sha256, at }: StoreState['pin']): RootPin {
  return { how, version, sha256, at: parseInstant(at) };
}

function describe(
  store: string,
  { generation, changed, fresh, failures }: Synced,
  now: Instant,
): SyncedTrust {
  const { tuf, pin, reference_time: asOf } = generation.state;
  return {
    store,
    generation: generation.number,
    changed,
    skipped: fresh !== undefined,
    checkedAt: fresh ?? now,
    url: tuf.url,
    asOf: parseInstant(asOf),
    pin: pinOf(pin),
    roles: Object.entries(tuf.roles).map(([role, { version, expires }]) => ({
      role,
      version,
      expires: parseInstant(expires),
    })),
    instances: generation.repositories
      .filter(({ isHome }) => !isHome)
      .map((repository): FollowedInstance => {
        const failure = failures.get(repository.name);
        return {
          name: repository.name,
          url: repository.tuf.url,
          asOf: repository.referenceTime,
          pin: pinOf(repository.pin),
          ...(failure ? { failure } : {}),
        };
      }),
  };
}
