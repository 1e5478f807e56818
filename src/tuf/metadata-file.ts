import { parseUtf8 } from '../base/bytes.ts';

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
  readonly signed?: {
    readonly version?: unknown;
    readonly expires?: unknown;
    readonly spec_version?: unknown;
    readonly targets?: unknown;
    readonly delegations?: unknown;
  };
}

function shapeOf(bytes: Uint8Array): Shape {
  return JSON.parse(parseUtf8(bytes)) as Shape;
}

/** What tuf-js does not look at before it works on a file. @throws Error in words */
export function checkShape(bytes: Uint8Array): void {
  const { signed } = shapeOf(bytes);
  if (!Number.isSafeInteger(signed?.version) || (signed!.version as number) < 1)
    throw new TypeError('version must be a positive integer');
  const { targets, expires, spec_version: specVersion } = signed!;
  if (typeof specVersion === 'string' && !/^\d+\.\d+(?:\.\d+)?$/.test(specVersion))
    throw new TypeError('spec_version is not a version');
  if (!isTime(expires)) throw new TypeError('expires is not a time');
  if (targets !== null && typeof targets === 'object' && Object.keys(targets).length > LIMITS.targetsPerRole)
    throw new TypeError(`more than ${LIMITS.targetsPerRole} targets in one role; delegate some of them`);
}

/**
 * `2030-01-01T00:00:00Z` (§4.2.1), and what repositories have signed instead: with a fraction, or with an offset. Without
 * either zone it would be another time on every machine.
 */
function isTime(expires: unknown): boolean {
  const match =
    typeof expires === 'string' &&
    /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/.exec(expires);
  if (!match || !(new Date(match[0]).getTime() > 0)) return false;
  const inUtc = new Date(`${match[1]}Z`);
  // 30 February becomes 1 March: only dates that exist print as they were read.
  return !Number.isNaN(inUtc.getTime()) && inUtc.toISOString().startsWith(match[1]!);
}

/** @param bytes metadata that was judged before, or is about to be refused */
export function headOf(bytes: Uint8Array): { readonly version: number; readonly expires: string } {
  const { signed } = shapeOf(bytes);
  return { version: Number(signed?.version), expires: String(signed?.expires) };
}

/** What targets metadata speaks of, for deciding whether anything depends on it. */
export interface Listing {
  readonly targets: readonly { readonly name: string; readonly custom: Readonly<Record<string, unknown>> }[];
  readonly delegates: boolean;
}

/** @param bytes targets metadata that was judged before */
export function listingOf(bytes: Uint8Array): Listing {
  const { targets, delegations } = shapeOf(bytes).signed!;
  const entries = Object.entries((targets ?? {}) as Record<string, { readonly custom?: object | null }>);
  return {
    targets: entries.map(([name, { custom }]) => ({ name, custom: { ...custom } })),
    delegates: delegations !== undefined,
  };
}
