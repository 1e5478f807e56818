import type { Instant } from '../base/clock.ts';
import { StellaError } from '../base/errors.ts';
import type { PublicKey } from '../base/keys.ts';
import type { Fetcher } from '../net/types.ts';
import { voucherAtMirrors } from '../trust/follow.ts';
import type { RootVoucher } from '../trust/pin.ts';
import type { TrustSetting } from '../trust/setting.ts';
import { type FurtherRepository, initTrust, requireForSync, type Synced, syncTrust } from '../trust/sync.ts';
import { builtInInstanceAt } from '../tuf/built-in.ts';
import type { AcceptRules } from './accept.ts';
import { checkNotUnsealed, openSealedMirror, syncSealedMirror } from './sealed-mirror.ts';

interface Setting extends TrustSetting {
  readonly fetcher: Fetcher;
  readonly now: Instant;
  readonly warn: (line: string) => void;
  /** Further repositories that are to be followed, or believed, no more. */
  readonly dropRepositories?: ReadonlySet<string>;
  readonly lowerClockFloor?: boolean;
}

/** Makes a store from a TUF repository, or from sealed state that a mirror serves; which of the two is found out. */
export async function initFromUrl(
  setting: Setting,
  voucher: RootVoucher,
  bundleKeys: readonly PublicKey[],
  replace: boolean,
  further: readonly FurtherRepository[] = [],
): Promise<Synced> {
  const { store, config, fetcher } = setting;
  // A damaged store must not keep --replace from working.
  if (!replace && store.current())
    throw new StellaError('STORE_EXISTS', `there is a trust store in ${store.directory} already`);
  const mirror = await openSealedMirror(config.tufUrls, fetcher);
  if (!mirror) return await initTrust(setting, voucher, bundleKeys, replace, further);
  if (further.length > 0)
    throw new StellaError(
      'USAGE',
      `${mirror.url} is a sealed mirror: it brings its repositories itself, and no other can be added here`,
      { hint: `leave ${further.map(({ name }) => name).join(', ')} out` },
    );
  const vouched = voucherAtMirrors(voucher, config.tufUrls);
  const vouchers = {
    root: vouched.how === 'root-file' ? vouched.bytes : undefined,
    fingerprint: vouched.how === 'fingerprint' ? vouched.sha256 : undefined,
    builtIn:
      vouched.how === 'built-in' ? (vouched.instance ?? builtInInstanceAt(mirror.url)?.name) : undefined,
    firstUse: vouched.how === 'nobody' ? true : undefined,
    confirm: undefined,
  };
  const rules = { ...rulesOf(setting), vouchers, bundleKeys, replace };
  return { ...(await syncSealedMirror(store, mirror, rules)), failures: new Map() };
}

/** Brings a store up to date with a TUF repository, or with sealed state that a mirror serves. */
export async function syncFromUrl(setting: Setting, force: boolean): Promise<Synced> {
  const { store, config, fetcher } = setting;
  const current = requireForSync(setting);
  // What was an ordinary repository at the last sync is not asked again whether it is one.
  const { source } = current.state;
  if (source.kind === 'sync' && config.tufUrls.includes(source.url)) return await syncTrust(setting, force);
  const mirror = await openSealedMirror(config.tufUrls, fetcher);
  if (mirror) return { ...(await syncSealedMirror(store, mirror, rulesOf(setting))), failures: new Map() };
  checkNotUnsealed(current, config.tufUrls);
  return await syncTrust(setting, force);
}

function rulesOf({ config, now, dropRepositories }: Setting): AcceptRules {
  return {
    now,
    config,
    ...(dropRepositories ? { dropRepositories } : {}),
    bundleKeys: [],
    rejectAfter: undefined,
    maxAge: undefined,
    vouchers: { root: undefined, fingerprint: undefined, firstUse: undefined, confirm: undefined },
  };
}
