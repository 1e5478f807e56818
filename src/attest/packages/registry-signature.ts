import { formatInstant, type Instant } from '../../base/clock.ts';
import { StellaError } from '../../base/errors.ts';
import { isSignature } from '../../base/keys.ts';
import type { LockedPackage } from '../../lockfile/locked-package.ts';
import type { RegistryKey } from '../authority/registry-keys.ts';

/** What a registry signed of one version of a package (npm, "About ECDSA registry signatures"). */
export interface RegistrySignatures {
  readonly name: string;
  readonly version: string;
  /** As the registry gives it, which is what is signed. */
  readonly integrity: string;
  readonly signatures: readonly { readonly keyId: string; readonly signature: Uint8Array }[];
  /** When it was published, by the registry's word. */
  readonly published: Instant | undefined;
}

/**
 * Checks that the registry vouches for a package: one of its keys, within its period, signed `NAME@VERSION:INTEGRITY`
 * with the digest that the lock file has.
 * @param now where the registry does not say when the package was published
 * @throws StellaError REGISTRY_SIGNATURE_INVALID, KEY_RETIRED
 */
export function checkRegistrySignature(
  { name, version, digests }: LockedPackage,
  given: RegistrySignatures,
  keys: readonly RegistryKey[],
  now: Instant,
): void {
  const [digest] = digests;
  const expected = digest && `${digest.algorithm}-${Buffer.from(digest.hex, 'hex').toString('base64')}`;
  if (given.name !== name || given.version !== version || given.integrity !== expected)
    throw new StellaError(
      'REGISTRY_SIGNATURE_INVALID',
      `what the registry signed is ${given.name}@${given.version} with another digest than the lock file has`,
      { details: { expected: expected ?? null, found: given.integrity } },
    );
  const signed = Buffer.from(`${name}@${version}:${given.integrity}`);
  let late: StellaError | undefined;
  for (const { keyId, signature } of given.signatures) {
    const known = keys.filter((key) => key.usage === 'npm:signatures' && key.keyId === keyId);
    for (const { key, validFrom, validUntil } of known) {
      if (!isSignature(key, signed, signature)) continue;
      const at = given.published ?? now;
      if (validFrom <= at && at <= validUntil) return;
      late = new StellaError(
        'KEY_RETIRED',
        `signed at ${formatInstant(at)}, but the registry's key ${keyId} was valid from ${formatInstant(validFrom)} to ${formatInstant(validUntil)}`,
      );
    }
  }
  throw (
    late ??
    new StellaError(
      'REGISTRY_SIGNATURE_INVALID',
      given.signatures.length === 0
        ? `the registry did not sign ${name}@${version}`
        : `${name}@${version}: no signature is by a known key of the registry`,
    )
  );
}
