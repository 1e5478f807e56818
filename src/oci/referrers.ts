import { formatUtf8 } from '../base/bytes.ts';
import { formatCanonicalJson } from '../base/canonical-json.ts';
import { parseJson } from '../base/schema.ts';
import type { OciIndex } from '../base/schema-types.ts';
import { discard } from '../net/body.ts';
import { bodyOf } from '../net/exchange.ts';
import { ARTIFACT_TYPE, INDEX_TYPE, MANIFEST_TYPE, MAX_MANIFEST_BYTES } from './manifest.ts';
import { type Registry, SUCCESSES } from './registry.ts';

/** A manifest that has been pushed and names a subject. */
export interface Referrer {
  /** `sha256:HEX` */
  readonly digest: string;
  readonly size: number;
  readonly annotations: Readonly<Record<string, string>>;
}

/** Whether a tag holds such a list, and names nothing of its own. */
export const isReferrersTag = (tag: string): boolean => /^sha256-[0-9a-f]{64}$/.test(tag);

/**
 * Lists a manifest under its subject's digest where the registry does not do so by itself: as an image index under the tag
 * `sha256-HEX` (OCI distribution specification 1.1, "Unavailable Referrers API").
 * @param subject `sha256:HEX` of the manifest that is referred to
 * @throws StellaError OCI_MANIFEST where something else has that tag, FETCH_*, REGISTRY_AUTH
 */
export async function addReferrer(registry: Registry, subject: string, referrer: Referrer): Promise<void> {
  const target = registry.path(`manifests/${subject.replace(':', '-')}`);
  const { answer, bytes } = await registry.requestBytes(
    { method: 'GET', target, headers: { accept: INDEX_TYPE }, expect: [200, 404] },
    MAX_MANIFEST_BYTES,
  );
  const index: OciIndex =
    answer.status === 404
      ? { schemaVersion: 2, mediaType: INDEX_TYPE, manifests: [] }
      : parseJson('oci-index', bytes, `the list of referrers to ${subject}`, 'OCI_MANIFEST');
  if (index.manifests.some(({ digest }) => digest === referrer.digest)) return;
  const { digest, size, annotations } = referrer;
  const added = { mediaType: MANIFEST_TYPE, artifactType: ARTIFACT_TYPE, digest, size, annotations };
  const body = formatUtf8(formatCanonicalJson({ ...index, manifests: [...index.manifests, added] }));
  const stored = await registry.request({
    method: 'PUT',
    target,
    headers: { 'content-type': INDEX_TYPE },
    body: bodyOf(body),
    expect: SUCCESSES,
  });
  discard(stored);
}
