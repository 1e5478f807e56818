/** Kinds of keys that can be made. */
export const KEY_TYPES = ['ed25519', 'ecdsa-p256', 'ecdsa-p384', 'rsa'] as const;
/** One of {@link KEY_TYPES}. */
export type KeyType = (typeof KEY_TYPES)[number];

/** Usages of the Sigstore root-signing repository: keys and certificates of services. */
export const SERVICE_USAGES = ['Rekor', 'Fulcio', 'CTFE', 'TSA'] as const;

/** What a target is for. */
export const USAGES = [
  ...SERVICE_USAGES,
  'bundle-signer',
  'service-map',
  'attestor',
  'trusted-root',
  'other',
] as const;
/** One of {@link USAGES}. */
export type Usage = (typeof USAGES)[number];

/** The services of a service map whose address can be swapped. */
export const SERVICES = ['rekor', 'fulcio', 'tsa', 'ctlog'] as const;
/** One of {@link SERVICES}. */
export type Service = (typeof SERVICES)[number];

/** How often a person may mistype a passphrase before a command gives up. */
export const MAX_PASSPHRASE_ATTEMPTS = 3;
