/** The largest files that can be valid; as tuf-js and python-tuf have them. */
export const LIMITS = {
  rootBytes: 512_000,
  timestampBytes: 16_384,
  snapshotBytes: 2_000_000,
  targetsBytes: 5_000_000,
  /** As many as fit into the largest file; more than a service that distributes trust ever has. */
  targetsPerRole: 50_000,
} as const;

/** `3.root.json`, `timestamp.json`: how a repository names a metadata file (§3.1.2, §6.2). */
export function metadataFileName(role: string, version: number | undefined): string {
  return `${version === undefined ? '' : `${version}.`}${role}.json`;
}

interface Shape {
  readonly signed?: { readonly version?: unknown; readonly expires?: unknown; readonly targets?: unknown };
}

function shapeOf(bytes: Uint8Array): Shape {
  return JSON.parse(Buffer.from(bytes).toString('utf8')) as Shape;
}

/** What tuf-js does not look at before it works on a file. @throws Error in words */
export function checkShape(bytes: Uint8Array): void {
  const { signed } = shapeOf(bytes);
  if (!Number.isSafeInteger(signed?.version) || (signed!.version as number) < 1)
    throw new TypeError('version must be a positive integer');
  const { targets, expires } = signed!;
  const at = typeof expires === 'string' ? new Date(expires).getTime() : Number.NaN;
  // Beyond the year 9999 times are written differently everywhere.
  if (!(at > 0 && at < Date.UTC(10_000, 0))) throw new TypeError('expires is not a time');
  if (targets !== null && typeof targets === 'object' && Object.keys(targets).length > LIMITS.targetsPerRole)
    throw new TypeError(`more than ${LIMITS.targetsPerRole} targets in one role; delegate some of them`);
}

export function expiresOf(bytes: Uint8Array): string {
  return String(shapeOf(bytes).signed?.expires);
}

export function versionOf(bytes: Uint8Array): number {
  return Number(shapeOf(bytes).signed?.version);
}
