import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseBase64 } from '../base/bytes.ts';
import type { Instant } from '../base/clock.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { isDirectory, readBounded, readBoundedIfPresent, replaceFile } from '../base/files.ts';
import { formatPublicKey, type PublicKey, parsePublicKey } from '../base/keys.ts';
import type { Generation, StoreState } from '../store/store.ts';
import { formatFingerprint } from './pin.ts';
import type { TrustTarget } from './targets.ts';

/**
 * The keys that TUF names for signing bundles, as of the time a bundle was sealed: a key that was retired before, or that
 * is to be used only later, is none of them.
 * @throws StellaError TARGET_INVALID for a target that does not hold one public key
 */
export function bundleKeysOf(targets: readonly TrustTarget[], asOf: Instant): PublicKey[] {
  return targets
    .filter((target) => target.usage === 'bundle-signer' && target.status === 'Active')
    .filter(({ validFrom = asOf, validUntil = asOf }) => validFrom <= asOf && asOf <= validUntil)
    .map((target) => {
      try {
        return parsePublicKey(target.bytes);
      } catch (cause) {
        const why = isStellaError(cause) ? cause.message : String(cause);
        throw new StellaError('TARGET_INVALID', `target ${target.name} is not a bundle signing key: ${why}`, {
          cause,
        });
      }
    });
}

const MAX_KEY_BYTES = 64 * 1024;

/**
 * The key that this store itself made for sealing, if it ever sealed without a configured one: its own bundles it knows.
 * @throws StellaError STORE_CORRUPT
 */
export function ownBundleKeys(store: string): PublicKey[] {
  const path = join(store, 'producer', 'bundle-signer.pub');
  const bytes = readBoundedIfPresent(path, MAX_KEY_BYTES);
  if (!bytes) return [];
  try {
    return [parsePublicKey(bytes)];
  } catch (cause) {
    throw new StellaError('STORE_CORRUPT', `${path} is no public key`, { cause });
  }
}

/** What the audit log says of bundle keys that were pinned with a generation. */
export function pinFacts(generation: Generation, keys: readonly PublicKey[]): Record<string, unknown> {
  const fingerprints = keys.map((key) => formatFingerprint(key.id));
  return { generation: generation.number, key: fingerprints.join(' ') };
}

const usedKeysOf = (store: string) => join(store, 'producer', 'signers');

/** Remembers the public half of a key that this store has sealed with, for the kits of what it sealed. */
export function rememberUsedKey(store: string, key: PublicKey): void {
  replaceFile(join(usedKeysOf(store), `${key.id}.pub`), Buffer.from(formatPublicKey(key)));
}

/**
 * The keys that this store has sealed with, configured ones as well. They say whose bundle it is that is put onto a medium;
 * no import believes them.
 * @throws StellaError STORE_CORRUPT
 */
export function usedBundleKeys(store: string): PublicKey[] {
  const directory = usedKeysOf(store);
  const names = isDirectory(directory) ? readdirSync(directory).filter((name) => name.endsWith('.pub')) : [];
  return names.map((name) => {
    const path = join(directory, name);
    try {
      const key = parsePublicKey(readBounded(path, MAX_KEY_BYTES));
      if (name === `${key.id}.pub`) return key;
    } catch (cause) {
      throw new StellaError('STORE_CORRUPT', `${path} is no public key`, { cause });
    }
    throw new StellaError('STORE_CORRUPT', `${path} is another key than its name says`);
  });
}

/** The bundle signing keys that were pinned locally (`--bundle-key`). @throws StellaError STORE_CORRUPT */
export function pinnedBundleKeys(state: StoreState | undefined): PublicKey[] {
  return (state?.bundle_keys ?? []).map((spki) => {
    try {
      return parsePublicKey(parseBase64(spki));
    } catch (cause) {
      throw new StellaError('STORE_CORRUPT', 'the trust store has a pinned bundle key that is no key', {
        cause,
      });
    }
  });
}
