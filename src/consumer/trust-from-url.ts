import type { Instant } from '../base/clock.ts';
import { StellaError } from '../base/errors.ts';
import type { PublicKey } from '../base/keys.ts';
import type { Fetcher } from '../net/types.ts';
import { voucherAtMirrors } from '../trust/mirrors.ts';
import type { RootVoucher } from '../trust/pin.ts';
import type { TrustSetting } from '../trust/setting.ts';
import { initTrust, requireForSync, type Synced, syncTrust } from '../trust/sync.ts';
import { builtInRoot } from '../tuf/sigstore-root.ts';
import type { AcceptRules } from './accept.ts';
import { checkNotUnsealed, openSealedMirror, syncSealedMirror } from './sealed-mirror.ts';

interface Setting extends TrustSetting {
  readonly fetcher: Fetcher;
  readonly now: Instant;
  readonly warn: (line: string) => void;
  readonly lowerClockFloor?: boolean;
}

/** Makes a store from a TUF repository, or from sealed state that a mirror serves; which of the two is found out. */
export async function initFromUrl(
  setting: Setting,
  voucher: RootVoucher,
  bundleKeys: readonly PublicKey[],
  replace: boolean,
): Promise<Synced> {
  const { store, config, fetcher } = setting;
  // A damaged store must not keep --replace from working.
  if (!replace && store.current())
    throw new StellaError('STORE_EXISTS', `there is a trust store in ${store.directory} already`);
  const mirror = await openSealedMirror(config.tufUrls, fetcher);
  if (!mirror) return await initTrust(setting, voucher, bundleKeys, replace);
  const vouched = voucherAtMirrors(voucher, config.tufUrls);
  const vouchers = {
    root: vouched.how === 'root-file' ? vouched.bytes : undefined,
    fingerprint: vouched.how === 'fingerprint' ? vouched.sha256 : undefined,
    builtIn: vouched.how === 'built-in' ? builtInRoot(vouched.url ?? mirror.url) : undefined,
    firstUse: vouched.how === 'nobody' ? true : undefined,
    confirm: undefined,
  };
  return await syncSealedMirror(store, mirror, { ...rulesOf(setting), vouchers, bundleKeys, replace });
}

/** Brings a store up to date with a TUF repository, or with sealed state that a mirror serves. */
export async function syncFromUrl(setting: Setting, force: boolean): Promise<Synced> {
  const { store, config, fetcher } = setting;
  const current = requireForSync(setting);
  // What was an ordinary repository at the last sync is not asked again whether it is one.
  const { source } = current.state;
  if (source.kind === 'sync' && config.tufUrls.includes(source.url)) return await syncTrust(setting, force);
  const mirror = await openSealedMirror(config.tufUrls, fetcher);
  if (mirror) return await syncSealedMirror(store, mirror, rulesOf(setting));
  checkNotUnsealed(current, config.tufUrls);
  return await syncTrust(setting, force);
}

function rulesOf({ config, now }: Setting): AcceptRules {
  return {
    now,
    config,
    bundleKeys: [],
    rejectAfter: undefined,
    maxAge: undefined,
    vouchers: { root: undefined, fingerprint: undefined, firstUse: undefined, confirm: undefined },
  };
}
