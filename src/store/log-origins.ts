import { join } from 'node:path';
import { formatCanonicalJson } from '../base/canonical-json.ts';
import { formatInstant, type Instant } from '../base/clock.ts';
import { readOwnIfPresent, replaceFile } from '../base/files.ts';
import { parseJson } from '../base/schema.ts';
import { rekorV1Tree } from '../tlog/origin.ts';
import type { StoreState } from './store.ts';

const MAX_BYTES = 16 * 1024 * 1024;
const pathOf = (store: string) => join(store, 'log-origins.json');

/** Origins of logs by their URLs, as they were seen in checkpoints that a trusted key had signed. */
export type LogOriginsByUrl = ReadonlyMap<string, string>;

/**
 * The origins that this store knows of logs of which nothing but their checkpoints says one: from the logs that were
 * carried here, and from those that were exported from here. A later one that differs is refused.
 * @throws StellaError STORE_CORRUPT
 */
export function loadLogOrigins(store: string, state: Pick<StoreState, 'logs'> | undefined): LogOriginsByUrl {
  const path = pathOf(store);
  const bytes = readOwnIfPresent(path, MAX_BYTES);
  const found = bytes ? parseJson('log-origins', bytes, path, 'STORE_CORRUPT').logs : [];
  return new Map([
    ...carriedOrigins(state?.logs ?? []),
    ...found.map(({ url, origin }) => [url, origin] as const),
  ]);
}

/** The origins of carried logs by their URLs. Rekor v1 is told by its tree, and its pods sign under names of their own. */
export function carriedOrigins(
  logs: readonly { readonly url: string; readonly origin: string }[],
): [string, string][] {
  return logs
    .filter(({ origin }) => rekorV1Tree(origin) === undefined)
    .map(({ url, origin }) => [url, origin]);
}

/**
 * Remembers what logs signed as. Another origin than before is for the service map to say: callers have seen to that. Call
 * it with the store's lock held.
 */
export function recordLogOrigins(store: string, seen: LogOriginsByUrl, now: Instant): void {
  const path = pathOf(store);
  const bytes = readOwnIfPresent(path, MAX_BYTES);
  const known = bytes ? parseJson('log-origins', bytes, path, 'STORE_CORRUPT').logs : [];
  const added = [...seen].filter(
    ([url, origin]) => !known.some((log) => log.url === url && log.origin === origin),
  );
  if (added.length === 0) return;
  const since = formatInstant(now);
  const kept = known.filter(({ url }) => !added.some(([other]) => other === url));
  const logs = [...kept, ...added.map(([url, origin]) => ({ url, origin, since }))];
  replaceFile(path, Buffer.from(`${formatCanonicalJson({ format: 'stella-log-origins/v1', logs })}\n`));
}
