import { sha256Hex } from '../base/bytes.ts';
import { formatInstant, type Instant } from '../base/clock.ts';
import { StellaError } from '../base/errors.ts';
import type { Generation, StoreState } from '../store/store.ts';
import {
  type CarriedRoot,
  checkSamePin,
  choosePin,
  formatFingerprint,
  type RootVouchers,
} from '../trust/pin.ts';
import { adoptHeldRoots } from './carried-roots.ts';
import type { BundleFinding } from './check-list.ts';

export interface BundlePinRules {
  readonly current: Generation | undefined;
  /** Whether the bundle is judged for other sites: see `AcceptPlace`. */
  readonly forOthers: boolean;
  readonly vouchers: RootVouchers;
  readonly now: Instant;
}

/**
 * The root that a bundle is judged from: the store's own, or for an empty store the one that somebody vouches for.
 * @param roots every root of the bundle @param tufDirectory where they lie; roots that the store holds are added
 * @throws StellaError PIN_REQUIRED, PIN_MISMATCH, TUF_ROLLBACK, TUF_INVALID, STORE_CORRUPT
 */
export async function checkBundlePin(
  roots: readonly CarriedRoot[],
  tufDirectory: string,
  { current, forOthers, vouchers, now }: BundlePinRules,
): Promise<BundleFinding<{ root: Uint8Array; state: StoreState['pin'] }>> {
  if (current) {
    const { pin } = current.state;
    if (forOthers) checkNotForeign(pin, roots);
    checkSamePin(pin, roots, vouchers);
    return {
      detail: describePin(pin),
      value: { root: adoptHeldRoots(current.repositories[0]!, tufDirectory), state: pin },
    };
  }
  const { root, state } = await choosePin(roots, vouchers, formatInstant(now));
  return { detail: describePin(state), value: { root: root.bytes, state } };
}

/** @throws StellaError PIN_MISMATCH for a bundle that has another root of the pinned version */
function checkNotForeign(pin: StoreState['pin'], roots: readonly CarriedRoot[]): void {
  const same = roots.find(({ version }) => version === pin.version);
  if (!same || sha256Hex(same.bytes) === pin.sha256) return;
  throw new StellaError(
    'PIN_MISMATCH',
    `the bundle has another root version ${pin.version} than the one that this trust store is pinned to (${formatFingerprint(pin.sha256)})`,
  );
}

/** A pin in words. */
export function describePin(pin: StoreState['pin']): string {
  const how = {
    'root-file': 'given as a file',
    fingerprint: 'given by fingerprint',
    sigstore: 'built in',
    'built-in': 'built in',
    bundle: 'VOUCHED FOR BY THE SIGNER OF THE BUNDLE',
    'first-use': 'TRUSTED ON FIRST USE',
  }[pin.how];
  return `root version ${pin.version}, ${formatFingerprint(pin.sha256)}, ${how}`;
}
