import type { StoreState } from '../store/store.ts';
import type { TufView } from '../tuf/view.ts';
import { type DistributedKey, keyIdsIn, logKeyIdOf } from './key-list.ts';
import type { TrustedRootLog } from './trusted-root.ts';

/**
 * Since when each key is known, and which keys were known once and are distributed no more.
 * @param view the verified repository @param keys those of it that are used
 * @param logs the transparency logs that it amounts to: entries name them by their ids, of which some do not follow from the key
 * @throws StellaError TUF_MISMATCH, TARGET_INVALID
 */
export async function keyHistory(
  view: TufView,
  keys: readonly DistributedKey[],
  logs: readonly TrustedRootLog[],
  before: Pick<StoreState, 'known_keys' | 'revoked_keys'> | undefined,
  now: string,
): Promise<Pick<StoreState, 'known_keys' | 'revoked_keys'>> {
  const known = before?.known_keys ?? [];
  const unchosen = await unchosenKeys(view, keys, known);
  const ids = new Set(keys.map((key) => key.id));
  const since = new Map(known.map((key) => [key.key_id, key.since]));
  const unique = new Map(keys.map((key) => [key.id, key]));
  const removed = known
    .filter((key) => !ids.has(key.key_id) && !unchosen.has(key.key_id))
    .map(({ since: _, ...key }) => ({ ...key, removed_at: now }));
  const logIds = logIdsOf(logs);
  return {
    known_keys: [...unique.values()].map(({ id, target, usage }) => ({
      key_id: id,
      target,
      usage,
      ...(logIds.has(id) ? { log_ids: logIds.get(id)! } : {}),
      since: since.get(id) ?? now,
    })),
    revoked_keys: [...(before?.revoked_keys ?? []).filter((key) => !ids.has(key.key_id)), ...removed],
  };
}

/**
 * Keys that the repository still publishes, though the configuration no longer names their targets: they are forgotten,
 * not revoked.
 */
async function unchosenKeys(
  view: TufView,
  keys: readonly DistributedKey[],
  known: NonNullable<StoreState['known_keys']>,
): Promise<ReadonlySet<string>> {
  const used = new Set(keys.map((key) => key.id));
  const published = new Set<string>();
  for (const { key_id, target } of known) {
    if (used.has(key_id) || !view.isHeld(target)) continue;
    if (keyIdsIn(target, await view.readTarget(target)).has(key_id)) published.add(key_id);
  }
  return published;
}

/** What entries name each log by, by the id of its key. */
function logIdsOf(logs: readonly TrustedRootLog[]): Map<string, string[]> {
  const ids = new Map<string, Set<string>>();
  for (const log of logs) {
    const keyId = logKeyIdOf(log);
    const own = ids.get(keyId) ?? new Set();
    for (const id of [log.logId, log.checkpointKeyId]) if (id !== undefined) own.add(id);
    ids.set(keyId, own);
  }
  return new Map([...ids].map(([keyId, own]) => [keyId, [...own].sort()]));
}
