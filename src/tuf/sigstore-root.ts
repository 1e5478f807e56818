import seeds from '@sigstore/tuf/seeds.json' with { type: 'json' };

const SIGSTORE_URL = 'https://tuf-repo-cdn.sigstore.dev';

/** The root metadata that the Sigstore client library ships for the public-good repository, if `url` is that one. */
export function builtInRoot(url: string): Uint8Array | undefined {
  if (url.replace(/\/+$/, '') !== SIGSTORE_URL) return undefined;
  return Buffer.from(seeds[SIGSTORE_URL]['root.json'], 'base64');
}

/** The TrustedRoot of the Sigstore public-good instance that the Sigstore client library ships. */
export function builtInTrustedRoot(): Uint8Array {
  return Buffer.from(seeds[SIGSTORE_URL].targets['trusted_root.json'], 'base64');
}
