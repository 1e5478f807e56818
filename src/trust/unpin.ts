import { join } from 'node:path';
import { formatBase64 } from '../base/bytes.ts';
import { formatInstant, type Instant } from '../base/clock.ts';
import { StellaError } from '../base/errors.ts';
import { copyTree } from '../base/file-system/copy.ts';
import { readBounded, readBoundedIfPresent } from '../base/files.ts';
import type { KeyId, PublicKey } from '../base/keys.ts';
import { readAttestationList } from '../store/attestation-list.ts';
import { loadGeneration } from '../store/generation.ts';
import type { Generation, StoreState, StoreWriter, TrustStore } from '../store/store.ts';
import { loadSyncRecord, recordSuccess, referenceOf } from '../store/sync-record.ts';
import { pinnedBundleKeys } from './bundle-keys.ts';
import { formatFingerprint } from './pin.ts';

const MAX_FILE_BYTES = 64 * 1024 * 1024;

/** What became of a pin that was taken back. */
export interface Unpinned {
  readonly generation: Generation;
  /** Keys that are still pinned. */
  readonly left: readonly PublicKey[];
  /** Whether the key sealed the bundle that the store holds: what it brought stays until another bundle comes. */
  readonly sealedCurrent: boolean;
}

/**
 * Takes back a bundle key that `--bundle-key` pinned: bundles of it are accepted no more, unless TUF names it. The trust
 * stays as it is, as a new generation; the last pin may go, too, since the one that must go may be the last.
 * @throws StellaError STORE_NOT_INITIALIZED, CLOCK_BEHIND, STORE_CORRUPT, PIN_UNKNOWN, TUF_*, LOCKED, STORE_UNWRITABLE
 */
export async function unpinBundleKey(store: TrustStore, id: KeyId, now: Instant): Promise<Unpinned> {
  store.require(now);
  return await store.change(now, async (writer) => {
    const current = writer.current ?? store.require(now);
    const pinned = pinnedBundleKeys(current.state);
    const left = pinned.filter((key) => key.id !== id);
    if (left.length === pinned.length)
      throw new StellaError('PIN_UNKNOWN', `${formatFingerprint(id)} is not a pinned bundle key`, {
        hint:
          pinned.length === 0
            ? 'no bundle key is pinned here'
            : `pinned are ${pinned.map((key) => formatFingerprint(key.id)).join(', ')}`,
      });
    await loadGeneration(current);
    const generation = commitWithout(writer, current, {
      ...current.state,
      created_at: formatInstant(now),
      bundle_keys: left.map((key) => formatBase64(key.spki)),
    });
    writer.audit('unpin', { generation: generation.number, key: formatFingerprint(id) });
    keepAge(store, current, generation);
    const { source } = current.state;
    return { generation, left, sealedCurrent: source.kind === 'import' && source.signers.includes(id) };
  });
}

function commitWithout(writer: StoreWriter, current: Generation, state: StoreState): Generation {
  const tufDirectory = join(writer.staging, 'tuf');
  copyTree(current.tufDirectory, tufDirectory);
  const manifest = readBoundedIfPresent(current.manifestFile, MAX_FILE_BYTES);
  return writer.commit({
    state,
    tufDirectory,
    trustedRoot: readBounded(current.trustedRootFile, MAX_FILE_BYTES),
    attestations: readAttestationList(current),
    ...(manifest === undefined
      ? {}
      : { sealed: { manifest, signature: readBounded(current.signatureFile, MAX_FILE_BYTES) } }),
  });
}

/** The record of syncs names a generation: the new one is as old as the one that it is a copy of. */
function keepAge(store: TrustStore, before: Generation, after: Generation): void {
  if (loadSyncRecord(store.directory)?.generation === before.number)
    recordSuccess(store.directory, referenceOf(store.directory, before), after);
}
