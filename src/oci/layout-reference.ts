import { isTag } from './reference.ts';

/** An OCI image layout on a medium, `oci:DIRECTORY[:TAG|@sha256:HEX]`, as skopeo writes the same. */
export interface LayoutReference {
  readonly directory: string;
  readonly tag: string | undefined;
  /** `sha256:HEX` of a manifest. */
  readonly digest: string | undefined;
}

const LAYOUT_SCHEME = 'oci:';

/** What `oci:DIRECTORY[:TAG|@sha256:HEX]` names; `undefined` for anything else, `oci://…` too. */
export function parseLayoutReference(text: string): LayoutReference | undefined {
  if (!text.startsWith(LAYOUT_SCHEME) || text.startsWith(`${LAYOUT_SCHEME}//`)) return undefined;
  const place = text.slice(LAYOUT_SCHEME.length);
  if (place === '') return undefined;
  const [, byDigest, digest] = /^(.+)@(sha256:[0-9a-f]{64})$/s.exec(place) ?? [];
  if (byDigest !== undefined) return { directory: byDigest, tag: undefined, digest };
  const colon = place.lastIndexOf(':');
  const tag = colon > 0 ? place.slice(colon + 1) : '';
  return isTag(tag)
    ? { directory: place.slice(0, colon), tag, digest: undefined }
    : { directory: place, tag: undefined, digest: undefined };
}

/** Inverse of {@link parseLayoutReference}. */
export function formatLayoutReference({ directory, tag, digest }: LayoutReference): string {
  const end = digest !== undefined ? `@${digest}` : tag !== undefined ? `:${tag}` : '';
  return `${LAYOUT_SCHEME}${directory}${end}`;
}
