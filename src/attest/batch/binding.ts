import { KeyObject } from 'node:crypto';
import { formatUtf8, sha256Hex } from '../../base/bytes.ts';
import { formatInstant } from '../../base/clock.ts';
import type { ShardDocument } from '../../base/schema-types.ts';
import type { BatchRules } from './batch.ts';

/** What a shard says of how it was judged, so that only shards of one verification complete each other. */
export type ShardBinding = Pick<
  ShardDocument['shard'],
  'version' | 'rules_sha256' | 'trust_sha256' | 'config_sha256' | 'judged_at'
>;

/** Of the trailer of a shard; 1 said nothing of rules, trust and time, and the verdicts of 2 had ages in milliseconds. */
export const SHARD_VERSION = 3;

/**
 * Digests of everything that decides about verdicts, and nothing else: where files lie on this machine and how they are
 * called does not count.
 * @param config the settings that the configuration contributed
 */
export function bindShard({ trust, options, now }: BatchRules, config: object): ShardBinding {
  const { artifact, key, ...rules } = options;
  const { origin, carried, attestors, instances, ...material } = trust;
  const { kind, generation, sealedAt } = origin;
  return {
    version: SHARD_VERSION,
    rules_sha256: digestOf({ ...rules, artifact: artifact?.digests, key: key?.key.id }),
    trust_sha256: digestOf({
      ...material,
      origin: { kind, generation, sealedAt },
      instances: instances?.map(({ name: _, ...instance }) => instance),
      carried: carried?.logs,
      attestors: attestors?.map(({ key: { id }, ...attestor }) => ({ ...attestor, key: id })),
    }),
    config_sha256: digestOf(config),
    judged_at: formatInstant(now),
  };
}

const digestOf = (value: object) => sha256Hex(formatUtf8(JSON.stringify(value, canonical)));

/** Members in one order, and everything that JSON has no form for in one that tells it from others. */
function canonical(this: unknown, _name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (value instanceof KeyObject) return value.export({ type: 'spki', format: 'der' }).toString('base64');
  if (value instanceof Map) return [...(value as Map<unknown, unknown>)];
  if (value instanceof Set) return [...(value as Set<unknown>)];
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
