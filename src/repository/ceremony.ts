import type { Instant } from '../base/clock.ts';
import { StellaError } from '../base/errors.ts';
import type { Signer } from '../base/keys.ts';
import { parseTufKey } from '../tuf/key.ts';
import type { KeyRing } from './keys/key-ring.ts';
import { forgetRetiredKeys } from './keys/retired-keys.ts';
import { type Publication, publishChange, saysTheSame } from './publish/publish.ts';
import { type OldKeys, progressOf, requirementsOf } from './publish/requirements.ts';
import { filesOf, mergeSignatures, type Signed, signChange } from './publish/sign-change.ts';
import { discardStaged, type LoadedChange, loadStaged, writeSignatures } from './publish/staged.ts';
import { describeChange } from './publish/summary.ts';
import { ringOf, type SessionOptions, withRepository } from './session.ts';

/** How far one role of a staged change is signed. */
export interface RoleProgress {
  readonly role: string;
  /** Whose keys these are, e.g. `the new root`. */
  readonly by: string;
  readonly signed: readonly string[];
  readonly threshold: number;
}

/** A staged change as the people who sign it see it. */
export interface StagedView {
  readonly summary: readonly string[];
  readonly progress: readonly RoleProgress[];
}

/** What a staged change does, and whose signatures it has. */
export function viewStaged({ change, published }: LoadedChange): StagedView {
  const progress = [...filesOf(change)].flatMap(([role, metadata]) =>
    progressOf(metadata, requirementsOf(role, change, published)).map(({ by, rule, signed }) => ({
      role,
      by,
      signed,
      threshold: rule.threshold,
    })),
  );
  return { summary: describeChange(change, published), progress };
}

/** `root: 1 of 2 signatures by keys of the new root`, for people. */
export function formatRoleProgress({ role, by, signed, threshold }: RoleProgress): string {
  return `${role}: ${signed.length} of ${threshold} signatures by keys of ${by}`;
}

/** A key ring of one key, for a machine that has nothing but that key and a staged change. */
export function singleKeyRing(signer: Signer): KeyRing {
  return {
    nameOf: () => undefined,
    async signerOf(_keyid, key) {
      return parseTufKey(key).publicKey.id === signer.publicKey.id ? signer : undefined;
    },
  };
}

/**
 * Adds the signatures of the keys in `ring` to a staged change, wherever it was carried. What it does is computed from the
 * metadata, not read from its summary; `confirm` is asked first.
 * @param trustedRoot a root that the signer knows to be good, see {@link loadStaged}
 * @throws StellaError REPO_STAGE, KEY_INVALID when no key of the ring is one of the staged roles', INTERRUPTED when the
 *   person who was asked says no
 */
export async function signStaged(
  directory: string,
  ring: KeyRing,
  now: Instant,
  confirm: (view: StagedView) => Promise<boolean>,
  trustedRoot?: Uint8Array,
): Promise<{ signed: Signed[]; view: StagedView }> {
  const staged = loadStaged(directory, now, trustedRoot);
  const { change, published } = staged;
  await checkRing(staged, ring);
  if (!(await confirm(viewStaged(staged)))) throw new StellaError('INTERRUPTED', 'not signed');
  const result = await signChange(change, published, ring);
  writeSignatures(directory, change, result.change);
  return { signed: result.signed, view: viewStaged({ change: result.change, published }) };
}

async function checkRing({ change, published }: LoadedChange, ring: KeyRing): Promise<void> {
  const roles = [...filesOf(change).keys()];
  for (const role of roles)
    for (const { rule } of requirementsOf(role, change, published))
      for (const keyid of rule.keyids) {
        const key = Object.hasOwn(rule.keys, keyid) ? rule.keys[keyid] : undefined;
        if (key && (await ring.signerOf(keyid, key))) return;
      }
  throw new StellaError('KEY_INVALID', `no key at hand is a key of a staged role (${roles.join(', ')})`, {
    hint: 'give the right --key FILE; `stella repo status` lists the keys of each role',
  });
}

/** What a publication of a staged change came to. */
export interface CeremonyResult {
  readonly publication: Publication;
  readonly summary: readonly string[];
  /** Names of keys that no role has any more. */
  readonly retired: readonly string[];
}

/**
 * Publishes the staged change of a repository, with the signatures that were made on other copies of it.
 * @param copies directories
 * @throws StellaError REPO_STAGE, REPO_THRESHOLD, REPO_INVALID
 */
export function publishStaged(
  path: string,
  copies: readonly string[],
  options: SessionOptions & { readonly oldKeys: OldKeys },
): Promise<CeremonyResult> {
  return withRepository(path, options.now, async (directory) => {
    const { change, published } = loadStaged(directory.staged, options.now);
    const others = copies.map((copy) => loadStaged(copy, options.now).change);
    const merged = mergeSignatures(change, others, saysTheSame);
    writeSignatures(directory.staged, change, merged);
    const ring = ringOf(directory, options);
    const publication = await publishChange(directory, merged, ring, options.now, options.oldKeys);
    const summary = describeChange(merged, published);
    const retired = forgetRetiredKeys(directory, options.now);
    discardStaged(directory.staged);
    return { publication, summary, retired };
  });
}
