import { isStellaError, StellaError } from '../base/errors.ts';
import type { Fetcher } from '../net/types.ts';
import { MOST_NOTE_BYTES } from '../tlog/note.ts';
import { logUrl } from './source.ts';

/** How a log is read: C2SP tiles (Rekor v2, embedded logs), or Rekor v1's own interface. */
export type LogApi = 'tiles' | 'v1';

const MOST_ANSWER_BYTES = 4 * 1024 * 1024;

/**
 * Finds out which interface a log has by asking for its checkpoint, first as a tile log.
 * @throws StellaError FETCH_NOT_FOUND when it has neither, and what the fetcher throws
 */
export async function findLogApi(url: string, fetcher: Fetcher): Promise<LogApi> {
  const asks: readonly (readonly [LogApi, string, number])[] = [
    ['tiles', 'checkpoint', MOST_NOTE_BYTES],
    ['v1', 'api/v1/log', MOST_ANSWER_BYTES],
  ];
  for (const [api, path, most] of asks) {
    try {
      await fetcher.fetch(logUrl(url, path), { most });
      return api;
    } catch (error) {
      if (!isStellaError(error, 'FETCH_NOT_FOUND')) throw error;
    }
  }
  throw new StellaError('FETCH_NOT_FOUND', `${url} is neither a tile log nor Rekor v1`, {
    hint: "check the log's url in the service map",
  });
}
