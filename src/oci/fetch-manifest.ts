import { excerpt, sha256Hex } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import { ACCEPTED_TYPES, MAX_MANIFEST_BYTES, parseBundleManifest, type ReadManifest } from './manifest.ts';
import { isDigest } from './reference.ts';
import type { Registry } from './registry.ts';

export interface FetchedManifest {
  readonly bundle: ReadManifest;
  /** `sha256:HEX` of the OCI manifest. */
  readonly digest: string;
  /** Bytes of the OCI manifest. */
  readonly size: number;
}

/**
 * The manifest that a tag or digest names.
 * @throws StellaError BLOB_DIGEST, OCI_MANIFEST, FETCH_*, REGISTRY_AUTH
 */
export async function fetchManifest(registry: Registry, name: string): Promise<FetchedManifest> {
  const { answer, bytes } = await registry.requestBytes(
    {
      method: 'GET',
      target: registry.path(`manifests/${name}`),
      headers: { accept: ACCEPTED_TYPES },
      expect: [200],
    },
    MAX_MANIFEST_BYTES,
  );
  const digest = `sha256:${sha256Hex(bytes)}`;
  const claimed = isDigest(name) ? name : answer.headers['docker-content-digest'];
  if (typeof claimed === 'string' && claimed.startsWith('sha256:') && claimed !== digest) {
    throw new StellaError(
      'BLOB_DIGEST',
      `the registry sent a manifest of digest ${digest} as ${excerpt(claimed, 80)}`,
      { details: { expected: claimed, found: digest } },
    );
  }
  return { bundle: parseBundleManifest(bytes, answer.headers['content-type']), digest, size: bytes.length };
}

/** The digest of the manifest that a tag names now, `undefined` where there is no such tag. */
export async function digestOfTag(registry: Registry, tag: string): Promise<string | undefined> {
  const { answer, bytes } = await registry.requestBytes(
    {
      method: 'GET',
      target: registry.path(`manifests/${tag}`),
      headers: { accept: ACCEPTED_TYPES },
      expect: [200, 404],
    },
    MAX_MANIFEST_BYTES,
  );
  return answer.status === 200 ? `sha256:${sha256Hex(bytes)}` : undefined;
}
