import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Instant } from '../base/clock.ts';
import { isStellaError } from '../base/errors.ts';
import type { PublicKey } from '../base/keys.ts';
import type { Config } from '../config/config.ts';
import { identifyLog } from '../logs/log-identity.ts';
import { listTileFiles, loadCheckpoint, logDirectory } from '../logs/tile-directory.ts';
import type { LoadedRepository } from '../store/generation.ts';
import { loadLogOrigins } from '../store/log-origins.ts';
import type { Generation, TrustStore } from '../store/store.ts';
import { parseCheckpoint } from '../tlog/checkpoint.ts';
import { originOf, rekorV1Tree } from '../tlog/origin.ts';
import { deriveTrust, logsOfTrust } from './derived-trust.ts';
import { trustSources } from './instance.ts';
import type { NamedTrustLog } from './log-list.ts';

/** More directories than any store has are not looked through. */
const MAX_LOGS = 1000;

/** What of a log is held: tiles that prove entries, its signed checkpoint alone, or nothing. */
export type HeldPart = 'tiles' | 'checkpoint only' | 'nothing';

/** A log that the trust names or that was carried here, and what of it is held. */
export interface HeldOfLog {
  readonly origin: string;
  readonly url: string;
  /** What names it; `bundle` where nothing of the trust does any more. */
  readonly from: NamedTrustLog['from'] | 'bundle';
  readonly held: HeldPart;
  /** Where something is held: entries in the log as of then. */
  readonly size?: number;
}

/**
 * Each log that the trust names, and each that was carried, with what is held of it: by the imported bundles, or on a
 * connected side by what its exports have mirrored. Trust that cannot be derived names none.
 */
export async function heldOfLogs(
  store: TrustStore,
  repositories: readonly LoadedRepository[],
  config: Config,
  { state }: Generation,
  now: Instant,
): Promise<HeldOfLog[]> {
  const named = await namedIn(store, repositories, config, state, now);
  const carried = state.logs.map((log): HeldOfLog => {
    const by = named.find((one) => isOf(one, log));
    return {
      origin: log.origin,
      url: log.url,
      from: by?.from ?? 'bundle',
      held: log.first_index < log.tree_size ? 'tiles' : 'checkpoint only',
      size: log.tree_size,
    };
  });
  const others = named
    .filter((log) => !state.logs.some((one) => isOf(log, one)))
    .map((log): HeldOfLog => {
      const { url, from, origin } = log;
      return { url, from, origin, ...mirrored(store.logsDirectory, log) };
    });
  return [...carried, ...others];
}

/** Rekor v1 has trees below one address, each of an origin of its own. */
function isOf(named: NamedTrustLog, log: { readonly origin: string; readonly url: string }): boolean {
  if (log.origin === named.origin) return true;
  return rekorV1Tree(log.origin) !== undefined && originOf(log.url) === originOf(named.url);
}

async function namedIn(
  store: TrustStore,
  repositories: readonly LoadedRepository[],
  config: Config,
  state: Generation['state'],
  now: Instant,
): Promise<NamedTrustLog[]> {
  try {
    const origins = loadLogOrigins(store.directory, state);
    return logsOfTrust(await deriveTrust(trustSources(repositories), config, origins), now);
  } catch (error) {
    if (!isStellaError(error)) throw error;
    return [];
  }
}

/** What exports have mirrored of a log; nothing here is believed, it only says what is there. */
function mirrored(logsDirectory: string, log: NamedTrustLog): Pick<HeldOfLog, 'held' | 'size'> {
  const own = checkpointIn(logDirectory(logsDirectory, log.origin));
  if (own) return { held: own.hasTiles ? 'tiles' : 'checkpoint only', size: own.size };
  const trees = log.api === 'tiles' ? [] : rekorV1TreesIn(logsDirectory, log);
  if (trees.length === 0) return { held: 'nothing' };
  // Each pod that signed has left its own; of a tree the greatest is the newest.
  const sizes = new Map<string, number>();
  for (const { origin, size } of trees) {
    const tree = rekorV1Tree(origin)!;
    sizes.set(tree, Math.max(size, sizes.get(tree) ?? 0));
  }
  return { held: 'checkpoint only', size: [...sizes.values()].reduce((sum, size) => sum + size, 0) };
}

interface MirroredHead {
  readonly origin: string;
  readonly size: number;
  readonly hasTiles: boolean;
  readonly note: Uint8Array;
}

function checkpointIn(directory: string): MirroredHead | undefined {
  if (!existsSync(directory)) return undefined;
  try {
    const note = loadCheckpoint(directory);
    const { origin, size } = parseCheckpoint(note);
    return { origin, size: Number(size), note, hasTiles: listTileFiles(directory).next().done !== true };
  } catch (error) {
    if (!isStellaError(error)) throw error;
    return undefined;
  }
}

/** The trees of a Rekor v1, which nothing but the key that signed them connects with its address. */
function rekorV1TreesIn(logsDirectory: string, { keys, logId }: NamedTrustLog): MirroredHead[] {
  const own = logId === undefined ? keys : keys.filter(({ id }) => id === logId);
  const names = existsSync(logsDirectory) ? readdirSync(logsDirectory).slice(0, MAX_LOGS) : [];
  return names.flatMap((name) => {
    const head = checkpointIn(join(logsDirectory, name));
    return head && rekorV1Tree(head.origin) !== undefined && isSignedByOneOf(own, head.note) ? [head] : [];
  });
}

function isSignedByOneOf(keys: readonly PublicKey[], note: Uint8Array): boolean {
  try {
    identifyLog(note, keys);
    return true;
  } catch (error) {
    if (!isStellaError(error)) throw error;
    return false;
  }
}
