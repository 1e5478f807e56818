import type { Sha256Hex } from '../base/bytes.ts';
import { parseInstant } from '../base/clock.ts';
import { StellaError } from '../base/errors.ts';
import type { Manifest } from '../base/schema-types.ts';
import type { StoreState } from '../store/store.ts';
import { isSameLog } from '../tlog/origin.ts';

/** What of a bundle could be older than what the store holds. */
export interface Candidate {
  readonly manifest: Manifest;
  readonly manifestSha256: Sha256Hex;
  /** Key ids of the trusted signers. */
  readonly signers: readonly string[];
  /** Whether the carried root has taken away a key under which the held timestamp and snapshot were trusted (TUF §5.3.11). */
  readonly recovers?: boolean;
}

const RECOVERABLE: ReadonlySet<string> = new Set(['timestamp', 'snapshot']);

/** Whether the bundle is the very one that the store holds already. */
export function isSameBundle(state: StoreState, manifestSha256: Sha256Hex): boolean {
  return state.source.kind === 'import' && state.source.manifest_sha256 === manifestSha256;
}

/**
 * No way back: no role's version, no log's size, no `sealed_at` and no sequence of the same signer may go down. Only the
 * versions of timestamp and snapshot may, where the root has rotated their keys: an attacker who had one could have put
 * them as far ahead as versions go.
 * @throws StellaError BUNDLE_ROLLBACK, TUF_ROLLBACK, LOG_ROLLBACK, each naming both sides
 */
export function checkNoRollback(state: StoreState, { manifest, signers, recovers = false }: Candidate): void {
  if (
    state.source.kind === 'import' &&
    parseInstant(manifest.sealed_at) < parseInstant(state.source.sealed_at)
  ) {
    throw new StellaError(
      'BUNDLE_ROLLBACK',
      `this bundle was sealed at ${manifest.sealed_at}; the store holds one sealed at ${state.source.sealed_at}`,
    );
  }
  for (const signer of signers) {
    const seen = Object.hasOwn(state.producers, signer) ? state.producers[signer] : undefined;
    if (seen && manifest.sequence <= seen.sequence) {
      throw new StellaError(
        'BUNDLE_ROLLBACK',
        `this bundle is number ${manifest.sequence} of its producer; number ${seen.sequence} (sealed at ${seen.sealed_at}) was imported already`,
        {
          hint: [
            'carry a newer bundle',
            `if the producer never sealed number ${seen.sequence}, its key sha256:${signer} is stolen: withdraw it and seal with a new key, which counts from 1 (docs/runbooks/compromise.md)`,
          ],
        },
      );
    }
  }
  checkRolesNotBack(state.tuf.roles, manifest.tuf.roles, recovers);
  for (const held of state.logs) {
    const carried = manifest.logs.find((log) => isSameLog(log, held));
    if (carried && carried.tree_size < held.tree_size) {
      throw new StellaError(
        'LOG_ROLLBACK',
        `log ${held.origin} has ${carried.tree_size} entries in the bundle; the store has seen ${held.tree_size}`,
        {
          details: {
            origin: held.origin,
            held: { tree_size: held.tree_size, root_hash: held.root_hash },
            carried: { tree_size: carried.tree_size, root_hash: carried.root_hash },
          },
        },
      );
    }
  }
}

/**
 * No role of a repository may go back, or be another one of the same version.
 * @param recovers whether timestamp and snapshot may go back @param where ` of the repository NAME`, for messages
 * @throws StellaError TUF_ROLLBACK
 */
export function checkRolesNotBack(
  held: StoreState['tuf']['roles'],
  carried: Manifest['tuf']['roles'],
  recovers: boolean,
  where = '',
): void {
  for (const [role, before] of Object.entries(held)) {
    if (recovers && RECOVERABLE.has(role)) continue;
    const after = Object.hasOwn(carried, role) ? carried[role] : undefined;
    if (after && after.version < before.version)
      throw new StellaError(
        'TUF_ROLLBACK',
        `the bundle has version ${after.version} of TUF role ${role}${where}; the store holds version ${before.version}`,
      );
    if (after && after.version === before.version && after.sha256 !== before.sha256)
      throw new StellaError(
        'TUF_ROLLBACK',
        `the bundle has another version ${after.version} of TUF role ${role}${where} than the store`,
      );
  }
}

/**
 * A delta builds on a bundle that this store has imported, or on an earlier one of a key that has signed both the delta and
 * what was imported: another producer's counter says nothing of this one's bundles.
 */
export function checkBase(
  { base }: Pick<Manifest, 'base'>,
  signers: readonly string[],
  state: Pick<StoreState, 'bundles' | 'producers'> | undefined,
): void {
  if (!base) return;
  if (state?.bundles.some((bundle) => bundle.manifest_sha256 === base.manifest_sha256)) return;
  const seen = new Map(Object.entries(state?.producers ?? {}));
  if (signers.some((signer) => (seen.get(signer)?.sequence ?? 0) > base.sequence)) return;
  throw new StellaError(
    'BASE_MISSING',
    `this delta builds on bundle number ${base.sequence} (manifest sha256:${base.manifest_sha256}), which this store has not imported`,
  );
}
