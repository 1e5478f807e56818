import { join } from 'node:path';
import { formatCanonicalJson } from '../base/canonical-json.ts';
import { formatInstant, type Instant, latest, parseInstant } from '../base/clock.ts';
import { isStellaError, type StellaError } from '../base/errors.ts';
import { readOwnIfPresent, replaceFile } from '../base/files.ts';
import { parseJson } from '../base/schema.ts';
import type { SyncRecord } from '../base/schema-types.ts';
import { type HeldRepository, HOME } from './repositories.ts';
import type { Generation } from './store.ts';

export type { SyncRecord } from '../base/schema-types.ts';

const MAX_BYTES = 256 * 1024;
const pathOf = (store: string) => join(store, 'sync.json');

/** What happened at the attempts to sync one repository. */
export type RepositorySyncs = Omit<SyncRecord, 'format' | 'repositories'>;

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

/** The record of one repository; the home repository's own members are those of the record itself. */
export function syncsOf(record: SyncRecord | undefined, name: string): RepositorySyncs | undefined {
  if (!record || name === HOME) return record;
  return new Map(Object.entries(record.repositories ?? {})).get(name);
}

/**
 * Records a sync of all repositories of a generation: each that did not fail was in order at `now`. Call it with the
 * store's lock held.
 * @param failures by the name of the repository
 */
export function recordSync(
  store: string,
  now: Instant,
  generation: Generation,
  failures: ReadonlyMap<string, StellaError> = new Map(),
): void {
  const before = loadSyncRecord(store);
  const next = ({ name }: HeldRepository): RepositorySyncs => {
    const [failure, old] = [failures.get(name), syncsOf(before, name)];
    return failure ? failed(old, now, failure) : succeeded(old, now, generation);
  };
  const [home, ...further] = generation.repositories;
  write(
    store,
    next(home!),
    Object.fromEntries(further.map((repository) => [repository.name, next(repository)])),
  );
}

/** Call it with the store's lock held. */
export function recordFailure(store: string, now: Instant, error: StellaError): void {
  const before = loadSyncRecord(store);
  write(store, failed(before, now, error), before?.repositories ?? {});
}

/** What was found out about a generation holds of another one with the same repositories. Call it with the lock held. */
export function transferSyncs(store: string, before: Generation, after: Generation): void {
  const record = loadSyncRecord(store);
  if (!record) return;
  const moved = <T extends { generation?: number }>(syncs: T): T =>
    syncs.generation === before.number ? { ...syncs, generation: after.number } : syncs;
  const { format: _, repositories = {}, ...home } = record;
  write(
    store,
    moved(home),
    Object.fromEntries(Object.entries(repositories).map(([name, syncs]) => [name, moved(syncs)])),
  );
}

function succeeded(
  before: RepositorySyncs | undefined,
  now: Instant,
  generation: Generation,
): RepositorySyncs {
  return {
    checked_at: formatInstant(now),
    generation: generation.number,
    failures_since: 0,
    failures: before?.failures ?? 0,
    ...(before?.last_failure ? { last_failure: before.last_failure } : {}),
  };
}

function failed(before: RepositorySyncs | undefined, now: Instant, error: StellaError): RepositorySyncs {
  return {
    ...(before?.checked_at === undefined ? {} : { checked_at: before.checked_at }),
    ...(before?.generation === undefined ? {} : { generation: before.generation }),
    failures: (before?.failures ?? 0) + 1,
    failures_since: (before?.failures_since ?? 0) + 1,
    last_failure: { at: formatInstant(now), code: error.code, message: error.message },
  };
}

function write(
  store: string,
  home: RepositorySyncs,
  repositories: NonNullable<SyncRecord['repositories']>,
): void {
  const record: SyncRecord = {
    format: 'stella-sync/v1',
    ...home,
    ...(Object.keys(repositories).length === 0 ? {} : { repositories }),
  };
  replaceFile(pathOf(store), Buffer.from(`${formatCanonicalJson(record)}\n`));
}

/**
 * The instant from which the age of a generation's repository is counted, of the home repository unless told otherwise:
 * its reference time, or the later instant at which a sync found the repository unchanged.
 */
export function referenceOf(
  store: string,
  generation: Generation,
  repository: HeldRepository = generation.repositories[0]!,
): Instant {
  const reference = repository.referenceTime;
  if (generation.state.source.kind !== 'sync') return reference;
  const syncs = syncsOf(loadSyncRecord(store), repository.name);
  if (syncs?.generation !== generation.number || syncs.checked_at === undefined) return reference;
  return latest(reference, parseInstant(syncs.checked_at));
}
