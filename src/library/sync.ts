import { type Instant, parseInstant } from '../base/clock.ts';
import { StellaError } from '../base/errors.ts';
import type { PublicKey } from '../base/keys.ts';
import { initFromUrl, syncFromUrl } from '../consumer/trust-from-url.ts';
import { parseFingerprint, type RootVoucher } from '../trust/pin.ts';
import { configuredFetcher, loadTrustSetting } from '../trust/setting.ts';
import type { Synced } from '../trust/sync.ts';
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
  /** Told what you should know although nothing failed. */
  readonly onWarning?: (text: string) => void;
}

/** From what to make a trust store, and who vouches for its root. */
export interface InitTrustOptions extends Omit<SyncTrustOptions, 'force'> {
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

/** The root that a store is pinned to. */
export interface RootPin {
  /** Who vouched for it: a file, a fingerprint, the root built in for Sigstore, or nothing but the repository itself. */
  readonly how: 'root-file' | 'fingerprint' | 'first-use' | 'sigstore';
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
  const voucher = voucherOf(options);
  const flags = {
    service_map_target: options.serviceMapTarget,
    rekor_key_targets: options.rekorKeyTargets === undefined ? undefined : [...options.rekorKeyTargets],
  };
  const setting = await settingOf(options, flags, false);
  const synced = await initFromUrl(setting, voucher, options.bundleKeys ?? [], options.replace ?? false);
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
  const synced = await syncFromUrl(setting, options.force ?? false);
  return describe(setting.store.directory, synced, options.now);
}

function voucherOf({ root, rootFingerprint, trustOnFirstUse }: InitTrustOptions): RootVoucher {
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

function describe(store: string, { generation, changed, fresh }: Synced, now: Instant): SyncedTrust {
  const { tuf, pin, reference_time: asOf } = generation.state;
  return {
    store,
    generation: generation.number,
    changed,
    skipped: fresh !== undefined,
    checkedAt: fresh ?? now,
    url: tuf.url,
    asOf: parseInstant(asOf),
    pin: { how: pin.how, version: pin.version, sha256: pin.sha256, at: parseInstant(pin.at) },
    roles: Object.entries(tuf.roles).map(([role, { version, expires }]) => ({
      role,
      version,
      expires: parseInstant(expires),
    })),
  };
}
