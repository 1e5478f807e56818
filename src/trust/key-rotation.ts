import { earliest, type Instant, parseInstant } from '../base/clock.ts';
import type { StoreState } from '../store/store.ts';
import type { DistributedKey } from './key-list.ts';

/**
 * Where a key is in its life. *active*: in use. *grace*: still good, but its successor is there or its end is set.
 * *retired*: verifies only what was logged before its end. *revoked*: distributed once and no more; verifies nothing.
 */
export type KeyLife = 'active' | 'grace' | 'retired' | 'revoked';

export interface KeyStatus {
  readonly target: string;
  readonly id: string;
  /** Unknown of keys that are no longer distributed. */
  readonly algorithm: string | undefined;
  readonly usage: string;
  readonly uri: string | undefined;
  readonly life: KeyLife;
  /** Since when it has been what it is, as far as is known. */
  readonly since: Instant | undefined;
  /** Since when it has been in use, as far as is known. */
  readonly from: Instant | undefined;
  /** The end of its validity, if one is set. */
  readonly until: Instant | undefined;
}

/** Every key that is or was distributed, and where it is in its life at `now`. */
export function keyLives(
  keys: readonly DistributedKey[],
  state: Pick<StoreState, 'known_keys' | 'revoked_keys'>,
  now: Instant,
): KeyStatus[] {
  const known = new Map((state.known_keys ?? []).map((key) => [key.key_id, parseInstant(key.since)]));
  const beginning = (key: DistributedKey) => key.validFrom ?? known.get(key.id);
  const isRetired = (key: DistributedKey) =>
    key.expired || (key.validUntil !== undefined && key.validUntil <= now);

  /** The instant since when a younger key serves the same purpose in the same place. */
  function successorSince(key: DistributedKey): Instant | undefined {
    const own = beginning(key);
    if (own === undefined || key.algorithm === 'certificate') return undefined;
    const younger = keys
      .filter((other) => other.usage === key.usage && other.uri === key.uri && !isRetired(other))
      .map(beginning)
      .filter((at): at is Instant => at !== undefined && at > own && at <= now);
    return younger.length === 0 ? undefined : earliest(...younger);
  }

  const distributed = keys.map((key): KeyStatus => {
    const { id, target, usage, algorithm, uri } = key;
    const common = { id, target, usage, algorithm, uri, from: beginning(key), until: key.validUntil };
    if (isRetired(key)) return { ...common, life: 'retired', since: key.validUntil };
    const replaced = successorSince(key);
    if (replaced !== undefined) return { ...common, life: 'grace', since: replaced };
    if (key.validUntil !== undefined && key.algorithm !== 'certificate')
      return { ...common, life: 'grace', since: beginning(key) };
    return { ...common, life: 'active', since: beginning(key) };
  });
  const revoked = (state.revoked_keys ?? []).map(
    (key): KeyStatus => ({
      id: key.key_id,
      target: key.target,
      usage: key.usage,
      algorithm: undefined,
      uri: undefined,
      life: 'revoked',
      since: parseInstant(key.removed_at),
      from: undefined,
      until: undefined,
    }),
  );
  return [...distributed, ...revoked];
}
