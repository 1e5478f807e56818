/** Kinds of keys that can be made. */
export const KEY_TYPES = ['ed25519', 'ecdsa-p256', 'ecdsa-p384', 'rsa'] as const;
/** One of {@link KEY_TYPES}. */
export type KeyType = (typeof KEY_TYPES)[number];

/** What a target is for. The first four are those of the Sigstore root-signing repository. */
export const USAGES = [
  'Rekor',
  'Fulcio',
  'CTFE',
  'TSA',
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
