/**
 * Where offline mode decides. `offline_mode` is asked about here and nowhere else on the way to a server: whoever needs one
 * gets it through {@link fetcherFor} or after {@link checkOnline}. Nothing in this file can open a connection.
 */
import { excerpt } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import type { Config } from '../config/config.ts';
import { fetchFile, parseUrl } from './file-url.ts';
import type { Fetcher } from './types.ts';

type OfflineMode = Pick<Config, 'offlineMode'>;

/** The refusal to use the network: OFFLINE. */
function offline(what: string, details?: Readonly<Record<string, unknown>>): StellaError {
  return new StellaError('OFFLINE', `${what} is needed, but offline mode forbids the network`, {
    ...(details ? { details } : {}),
  });
}

/**
 * @param what the server that is needed, for the message
 * @throws StellaError OFFLINE in offline mode
 */
export function checkOnline({ offlineMode }: OfflineMode, what: string): void {
  if (offlineMode) throw offline(what);
}

/** The fetcher that a configuration allows; `connect`, which may load what reaches servers, is not called in offline mode. */
export async function fetcherFor(
  { offlineMode }: OfflineMode,
  connect: () => Promise<Fetcher>,
): Promise<Fetcher> {
  return offlineMode ? offlineFetcher() : await connect();
}

/** Reads file:// URLs and has no network in it: every other URL is refused with OFFLINE. */
export function offlineFetcher(): Fetcher {
  return {
    async fetch(url, { most }) {
      const parsed = parseUrl(url);
      if (parsed.protocol === 'file:') return fetchFile(parsed, most);
      throw offline(excerpt(url, 200), { url });
    },
  };
}
