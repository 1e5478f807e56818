import { StellaError } from '../../base/errors.ts';
import type { MetadataFile, TufRoot, TufSnapshot, TufTargets } from '../../tuf/metadata.ts';
import { addSignature, validSigners } from '../../tuf/signature.ts';
import type { Audit } from '../directory/audit.ts';
import type { Change } from '../edit/change.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import { progressOf, type Requirement, requirementsOf } from './requirements.ts';

/** Every metadata file of a change, by role. */
export function filesOf(change: Change): Map<string, MetadataFile> {
  return new Map<string, MetadataFile>([
    ...(change.root ? [['root', change.root] as const] : []),
    ...change.roles,
    ...(change.snapshot ? [['snapshot', change.snapshot] as const] : []),
  ]);
}

/** The same change with other metadata of one role. */
function withMetadata(change: Change, role: string, metadata: MetadataFile): Change {
  switch (metadata.signed._type) {
    case 'root':
      return { ...change, root: metadata as TufRoot };
    case 'snapshot':
      return { ...change, snapshot: metadata as TufSnapshot };
    case 'targets':
    case 'timestamp':
      return { ...change, roles: new Map(change.roles).set(role, metadata as TufTargets) };
  }
}

/** One signature that was added. */
export interface Signed {
  readonly role: string;
  readonly keyid: string;
}

/** Adds every signature that may be added and whose key is at hand; with `roles`, to those roles only. */
export async function signChange(
  change: Change,
  published: Audit | undefined,
  ring: KeyRing,
  roles?: ReadonlySet<string>,
): Promise<{ change: Change; signed: Signed[] }> {
  let result = change;
  const signed: Signed[] = [];
  for (const [role, metadata] of filesOf(change)) {
    if (roles && !roles.has(role)) continue;
    const after = await signMetadata(metadata, requirementsOf(role, change, published), ring);
    if (after === metadata) continue;
    result = withMetadata(result, role, after);
    const before = new Set(metadata.signatures.map(({ keyid, sig }) => `${keyid} ${sig}`));
    for (const { keyid, sig } of after.signatures)
      if (!before.has(`${keyid} ${sig}`)) signed.push({ role, keyid });
  }
  return { change: result, signed };
}

export async function signMetadata<M extends MetadataFile>(
  metadata: M,
  requirements: readonly Requirement[],
  ring: KeyRing,
): Promise<M> {
  let signed = metadata;
  for (const { rule } of requirements) {
    for (const keyid of rule.keyids) {
      const key = Object.hasOwn(rule.keys, keyid) ? rule.keys[keyid] : undefined;
      if (!key || validSigners(signed, { ...rule, keyids: [keyid] }).length > 0) continue;
      const signer = await ring.signerOf(keyid, key);
      if (signer) signed = await addSignature(signed, keyid, key, signer);
    }
  }
  return signed;
}

/** @throws StellaError REPO_THRESHOLD naming the keys that may still sign */
export function checkProgress(
  role: string,
  metadata: MetadataFile,
  requirements: readonly Requirement[],
  nameOf: (keyid: string) => string | undefined,
): void {
  for (const { by, rule, signed, missing } of progressOf(metadata, requirements)) {
    if (missing === 0) continue;
    const others = rule.keyids.filter((keyid) => !signed.includes(keyid));
    throw new StellaError(
      'REPO_THRESHOLD',
      `${role} needs ${missing} more signature${missing === 1 ? '' : 's'} by keys of ${by}: ${signed.length} of ${rule.threshold} are there`,
      {
        details: { role, needed: rule.threshold, signed, missing: others },
        hint: `add them with \`stella repo sign\`: ${others.map((keyid) => nameOf(keyid) ?? keyid).join(', ')}`,
      },
    );
  }
}

/**
 * Takes over the signatures of other copies of the same change, which were signed somewhere else.
 * @throws StellaError REPO_STAGE for a copy of another change
 */
export function mergeSignatures(change: Change, copies: readonly Change[], sameBytes: SameBytes): Change {
  let merged = change;
  for (const copy of copies) {
    const theirs = filesOf(copy);
    const ours = filesOf(merged);
    if (theirs.size !== ours.size || [...ours].some(([role, file]) => !sameBytes(file, theirs.get(role))))
      throw new StellaError('REPO_STAGE', 'the copy is not of the change that is staged here', {
        hint: 'sign a copy of the present staged change',
      });
    for (const [role, metadata] of ours) {
      const known = new Set(metadata.signatures.map(({ keyid }) => keyid));
      const more = theirs.get(role)!.signatures.filter(({ keyid }) => !known.has(keyid));
      if (more.length > 0)
        merged = withMetadata(merged, role, { ...metadata, signatures: [...metadata.signatures, ...more] });
    }
  }
  return merged;
}

type SameBytes = (a: MetadataFile, b: MetadataFile | undefined) => boolean;
