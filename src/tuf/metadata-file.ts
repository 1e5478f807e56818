/** The largest metadata files that are fetched where nothing signed says how long they are; as python-tuf has them. */
export const MAX_BYTES = {
  root: 512_000,
  timestamp: 16_384,
  snapshot: 2_000_000,
  targets: 5_000_000,
} as const;

/** The largest that are fetched at all: what the repository has signed for may be longer than {@link MAX_BYTES}. */
export const MAX_SIGNED_BYTES = 64 * 1024 * 1024;

/** `3.root.json`, `timestamp.json`: how a repository names a metadata file (§3.1.2, §6.2). */
export function metadataFileName(role: string, version: number | undefined): string {
  return `${version === undefined ? '' : `${version}.`}${role}.json`;
}
