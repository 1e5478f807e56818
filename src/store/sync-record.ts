import { join } from 'node:path';
import { formatCanonicalJson } from '../base/canonical-json.ts';
import { formatInstant, type Instant, latest, parseInstant } from '../base/clock.ts';
import { isStellaError, type StellaError } from '../base/errors.ts';
import { readOwnIfPresent, replaceFile } from '../base/files.ts';
import { parseJson } from '../base/schema.ts';
import type { SyncRecord } from '../base/schema-types.ts';
import type { Generation } from './store.ts';

export type { SyncRecord } from '../base/schema-types.ts';

const MAX_BYTES = 64 * 1024;
const pathOf = (store: string) => join(store, 'sync.json');

/**
 * What happened at the last attempts to sync. It lies beside the generations because an unchanged repository makes no
 * new one. Nothing but a damaged or missing record is answered with `undefined`: no trust rests on it.
 */
export function loadSyncRecord(store: string): SyncRecord | undefined {
  const bytes = readOwnIfPresent(pathOf(store), MAX_BYTES);
  if (!bytes) return undefined;
  try {
    return parseJson('sync', bytes, pathOf(store));
  } catch (error) {
    if (isStellaError(error, 'SCHEMA_INVALID')) return undefined;
    throw error;
  }
}

/** Call it with the store's lock held. */
export function recordSuccess(store: string, now: Instant, generation: Generation): void {
  const before = loadSyncRecord(store);
  write(store, {
    format: 'stella-sync/v1',
    checked_at: formatInstant(now),
    generation: generation.number,
    failures_since: 0,
    failures: before?.failures ?? 0,
    ...(before?.last_failure ? { last_failure: before.last_failure } : {}),
  });
}

/** Call it with the store's lock held. */
export function recordFailure(store: string, now: Instant, error: StellaError): void {
  const before = loadSyncRecord(store);
  write(store, {
    format: 'stella-sync/v1',
    ...(before?.checked_at === undefined ? {} : { checked_at: before.checked_at }),
    ...(before?.generation === undefined ? {} : { generation: before.generation }),
    failures: (before?.failures ?? 0) + 1,
    failures_since: (before?.failures_since ?? 0) + 1,
    last_failure: { at: formatInstant(now), code: error.code, message: error.message },
  });
}

function write(store: string, record: SyncRecord): void {
  replaceFile(pathOf(store), Buffer.from(`${formatCanonicalJson(record)}\n`));
}

/**
 * The instant from which a generation's age is counted: its reference time, or the later instant at which a sync found
 * the repository unchanged.
 */
export function referenceOf(store: string, generation: Generation): Instant {
  const reference = parseInstant(generation.state.reference_time);
  if (generation.state.source.kind !== 'sync') return reference;
  const record = loadSyncRecord(store);
  if (record?.generation !== generation.number || record.checked_at === undefined) return reference;
  return latest(reference, parseInstant(record.checked_at));
}
