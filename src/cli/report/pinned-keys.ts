import type { PublicKey } from '../../base/keys.ts';
import { formatFingerprint } from '../../trust/pin.ts';

/** Bundle keys that an operator pinned, for programs. */
export function pinnedKeysJson(keys: readonly PublicKey[]): object[] {
  return keys.map((key) => ({ id: key.id, algorithm: key.algorithm }));
}

/** The same in one line. */
export function pinnedKeysText(keys: readonly PublicKey[]): string {
  return keys.length === 0 ? 'none' : keys.map((key) => formatFingerprint(key.id)).join(', ');
}
