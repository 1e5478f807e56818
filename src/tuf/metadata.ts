import { compareBytewise, formatUtf8 } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import { formatTufCanonicalJson } from './canonical-json.ts';
import type { TopRole } from './roles.ts';

/** A public key as metadata has it (TUF specification §4.2). A key of an unknown type may hold anything in `keyval`. */
export interface TufKey {
  keytype: string;
  scheme: string;
  keyval: { public: string };
}

/** Who must sign a role: `threshold` of the keys named by `keyids` (§4.3). */
export interface RoleRule {
  keyids: string[];
  threshold: number;
}

/** What every signed part has (§4.2.1). */
interface Signed<K extends TopRole> {
  _type: K;
  spec_version: string;
  /** A safe integer from 1. */
  version: number;
  /** ISO 8601, in UTC or with an offset. */
  expires: string;
}

/** §4.3 */
export interface RootPart extends Signed<'root'> {
  /** Absent in older repositories, which have no consistent snapshots. */
  consistent_snapshot?: boolean;
  keys: Record<string, TufKey>;
  roles: Record<TopRole, RoleRule>;
}

/** A metadata file as another names it (§4.4). */
export interface MetaFile {
  version: number;
  length?: number;
  /** By algorithm, hexadecimal. */
  hashes?: Record<string, string>;
}

/** §4.6 */
export interface TimestampPart extends Signed<'timestamp'> {
  meta: { 'snapshot.json': MetaFile };
}

/** §4.4 */
export interface SnapshotPart extends Signed<'snapshot'> {
  /** By file name: `targets.json`, `ROLE.json`. */
  meta: Record<string, MetaFile>;
}

/** One target file (§4.5). */
export interface TargetEntry {
  length: number;
  /** By algorithm, hexadecimal. */
  hashes: Record<string, string>;
  custom?: Record<string, unknown>;
}

/** One delegated role (§4.5): by path patterns, or by what the SHA-256 of a target's name begins with. */
export interface DelegatedRole extends RoleRule {
  name: string;
  terminating: boolean;
  paths?: string[];
  path_hash_prefixes?: string[];
}

/** Delegation to 2^bit_length hash bins (TAP 15). */
export interface SuccinctRoles extends RoleRule {
  bit_length: number;
  name_prefix: string;
}

export interface Delegations {
  keys: Record<string, TufKey>;
  /** In order of precedence. */
  roles?: DelegatedRole[];
  succinct_roles?: SuccinctRoles;
}

/** §4.5, of the top-level role or of a delegated one. */
export interface TargetsPart extends Signed<'targets'> {
  targets: Record<string, TargetEntry>;
  delegations?: Delegations;
}

/** A metadata file: a signed part and its signatures (§4.2), exactly as received or as it will be written. */
interface Envelope<S> {
  readonly signed: S;
  readonly signatures: readonly TufSignature[];
}

export interface TufSignature {
  readonly keyid: string;
  /** Hexadecimal. */
  readonly sig: string;
}

export type TufRoot = Envelope<RootPart>;
export type TufTimestamp = Envelope<TimestampPart>;
export type TufSnapshot = Envelope<SnapshotPart>;
export type TufTargets = Envelope<TargetsPart>;

/** What each kind of metadata file holds. */
export interface MetadataKinds {
  root: TufRoot;
  targets: TufTargets;
  snapshot: TufSnapshot;
  timestamp: TufTimestamp;
}
export type MetadataFile = MetadataKinds[TopRole];

/** The version of the TUF specification that is written. */
export const SPEC_VERSION = '1.0.31';

/** The inverse of `parseMetadata`: equal values give equal bytes. */
export function formatMetadata(metadata: MetadataFile): Uint8Array {
  const signatures = [...metadata.signatures].sort((a, b) => compareBytewise(a.keyid, b.keyid));
  return formatUtf8(`${JSON.stringify(sorted({ ...metadata, signatures }), null, 1)}\n`);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(fields.map(([name, inner]) => [name, sorted(inner)]));
}

/**
 * What a TUF signature is made over: the canonical JSON of the signed part as it was received (TUF specification §4.1).
 * @throws StellaError TUF_INVALID for values that canonical JSON does not have, such as fractions
 */
export function signedBytes(metadata: MetadataFile): Uint8Array {
  try {
    return formatUtf8(formatTufCanonicalJson(metadata.signed));
  } catch (cause) {
    throw new StellaError('TUF_INVALID', `${metadata.signed._type} metadata has no canonical JSON form`, {
      cause,
    });
  }
}

/** The entry of a name in a table that metadata has; names such as `constructor` find only what was put there. */
export function entryOf<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

/** Sets an entry whatever its name is; assigning to `__proto__` would do something else. */
export function putEntry<T>(table: Record<string, T>, name: string, value: T): void {
  Object.defineProperty(table, name, { value, enumerable: true, writable: true, configurable: true });
}
