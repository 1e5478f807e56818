import { isStellaError, StellaError } from '../base/errors.ts';
import type { Fetcher } from '../net/types.ts';
import { parseCheckpoint } from '../tlog/checkpoint.ts';
import { MOST_NOTE_BYTES } from '../tlog/note.ts';
import { logUrl } from './source.ts';

/** How a log is read: C2SP tiles (Rekor v2, embedded logs), or Rekor v1's own interface. */
export type LogApi = 'tiles' | 'v1';

/** Where a log is read from: tiles below a prefix, with the checkpoint that was found there and is not verified. */
export type FoundLogApi =
  | { readonly api: 'tiles'; readonly prefix: string; readonly checkpoint: Uint8Array }
  | { readonly api: 'v1' };

const MOST_ANSWER_BYTES = 4 * 1024 * 1024;
/** Rekor v2 serves its tiles below this path of its address; other logs at the address itself. */
const TILE_PATHS = ['', 'api/v2'];

/**
 * Finds out which interface a log has by asking for its checkpoint, first as a tile log. Servers that answer every path with
 * some page are asked further.
 * @param known what the log is known to have: tiles are only looked for, and Rekor v1 is not asked at all
 * @throws StellaError FETCH_NOT_FOUND when it has neither; NOTE_INVALID, CHECKPOINT_INVALID when what it serves is no
 * checkpoint; and what the fetcher throws
 */
export async function findLogApi(url: string, fetcher: Fetcher, known?: LogApi): Promise<FoundLogApi> {
  if (known === 'v1') return { api: 'v1' };
  let malformed: StellaError | undefined;
  for (const path of TILE_PATHS) {
    const prefix = path === '' ? url : logUrl(url, path);
    try {
      const { bytes: checkpoint } = await fetcher.fetch(logUrl(prefix, 'checkpoint'), {
        most: MOST_NOTE_BYTES,
      });
      parseCheckpoint(checkpoint);
      return { api: 'tiles', prefix, checkpoint };
    } catch (error) {
      if (isStellaError(error, 'NOTE_INVALID') || isStellaError(error, 'CHECKPOINT_INVALID'))
        malformed ??= error;
      else if (!isStellaError(error, 'FETCH_NOT_FOUND')) throw error;
    }
  }
  if (known === undefined) {
    try {
      await fetcher.fetch(logUrl(url, 'api/v1/log'), { most: MOST_ANSWER_BYTES });
      return { api: 'v1' };
    } catch (error) {
      if (!isStellaError(error, 'FETCH_NOT_FOUND')) throw error;
    }
  }
  if (malformed !== undefined) throw malformed;
  throw new StellaError(
    'FETCH_NOT_FOUND',
    known === undefined
      ? `${url} is neither a tile log nor Rekor v1`
      : `${url} has no checkpoint of a tile log`,
    { hint: "check the log's url in the service map: `stella repo service-map --check FILE` asks each log" },
  );
}
