import { canonicalize } from '@tufjs/canonical-json';
import { compareBytewise, formatHex, formatUtf8, parseHex } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import { isSignature, type Signer } from '../base/keys.ts';
import { parseJson } from '../base/schema.ts';
import type { TufRoot, TufSnapshot, TufTargets, TufTimestamp } from '../base/schema-types.ts';
import { parseTufKey, type TufKey } from './key.ts';
import type { TopRole } from './roles.ts';

/** What each kind of metadata file holds. */
export interface MetadataKinds {
  root: TufRoot;
  targets: TufTargets;
  snapshot: TufSnapshot;
  timestamp: TufTimestamp;
}
export type MetadataFile = MetadataKinds[TopRole];

/** A set of keys of which `threshold` must sign. */
export interface SigningRule {
  readonly keys: Readonly<Record<string, TufKey>>;
  readonly keyids: readonly string[];
  readonly threshold: number;
}

/** The version of the TUF specification that is written. */
export const SPEC_VERSION = '1.0.31';
/** More than any metadata file that clients accept. */
export const MOST_METADATA_BYTES = 64 * 1024 * 1024;

/**
 * One metadata file. Nothing is said about its signatures.
 * @param what how to call it in messages
 * @throws StellaError TUF_INVALID
 */
export function parseMetadata<K extends TopRole>(kind: K, bytes: Uint8Array, what: string): MetadataKinds[K] {
  const metadata = parseJson(`tuf-${kind}` as const, bytes, what, 'TUF_INVALID') as MetadataKinds[K];
  const seen = new Set<string>();
  for (const { keyid } of metadata.signatures) {
    if (seen.has(keyid)) throw new StellaError('TUF_INVALID', `${what} has two signatures by key ${keyid}`);
    seen.add(keyid);
  }
  return metadata;
}

/** The inverse of {@link parseMetadata}: equal values give equal bytes. */
export function formatMetadata(metadata: MetadataFile): Uint8Array {
  const signatures = [...metadata.signatures].sort((a, b) => compareBytewise(a.keyid, b.keyid));
  return formatUtf8(`${JSON.stringify(sorted({ ...metadata, signatures }), null, 1)}\n`);
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (value === null || typeof value !== 'object') return value;
  const names = Object.keys(value).sort();
  return Object.fromEntries(names.map((name) => [name, sorted((value as Record<string, unknown>)[name])]));
}

/**
 * What a TUF signature is made over: the canonical JSON of the signed part (TUF specification §4.1).
 * @throws StellaError TUF_INVALID for values that canonical JSON does not have, such as fractions
 */
export function signedBytes(metadata: MetadataFile): Uint8Array {
  try {
    return formatUtf8(canonicalize(metadata.signed));
  } catch (cause) {
    throw new StellaError('TUF_INVALID', `${metadata.signed._type} metadata has no canonical JSON form`, {
      cause,
    });
  }
}

/** The ids of those keys of `rule` whose signature on `metadata` holds; each key counts once, however it is named. */
export function validSigners(metadata: MetadataFile, rule: SigningRule): string[] {
  const data = signedBytes(metadata);
  const counted = new Set<string>();
  return rule.keyids.filter((keyid) => {
    const signature = metadata.signatures.find((candidate) => candidate.keyid === keyid);
    const key = Object.hasOwn(rule.keys, keyid) ? rule.keys[keyid] : undefined;
    if (!signature || !key) return false;
    try {
      const { publicKey, form } = parseTufKey(key);
      if (counted.has(publicKey.id) || !isSignature(publicKey, data, parseHex(signature.sig), form))
        return false;
      counted.add(publicKey.id);
      return true;
    } catch {
      return false; // an unusable key signs nothing
    }
  });
}

/**
 * Adds a signature, in place of an earlier one by the same key.
 * @throws StellaError SIGNER_FAILED if what the signer gives is not its key's signature
 */
export async function addSignature<M extends MetadataFile>(
  metadata: M,
  keyid: string,
  key: TufKey,
  signer: Signer,
): Promise<M> {
  const data = signedBytes(metadata);
  const { publicKey, form } = parseTufKey(key);
  const signature = await signer.sign(data, form);
  if (!isSignature(publicKey, data, signature, form))
    throw new StellaError('SIGNER_FAILED', `the signer of key ${keyid} gave no valid signature of that key`);
  const others = metadata.signatures.filter((other) => other.keyid !== keyid);
  return { ...metadata, signatures: [...others, { keyid, sig: formatHex(signature) }] };
}

/** Who must sign a top-level role according to `root`. */
export function ruleOf(root: TufRoot, role: TopRole): SigningRule {
  return { keys: root.signed.keys, ...root.signed.roles[role] };
}
