import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { StellaError } from '../../src/base/errors.ts';
import type { Fetcher } from '../../src/net/types.ts';

/** A small fetcher for tests of what is handed one: http and file, no retries. */
export const plainFetcher: Fetcher = {
  async fetch(url, { most, signal }) {
    let bytes: Uint8Array;
    if (url.startsWith('file:')) {
      try {
        bytes = readFileSync(fileURLToPath(url));
      } catch (cause) {
        throw new StellaError('FETCH_NOT_FOUND', `no such file: ${url}`, { cause });
      }
    } else {
      const response = await fetch(url, signal ? { signal } : {});
      if (response.status === 404) throw new StellaError('FETCH_NOT_FOUND', `not found: ${url}`);
      if (!response.ok) throw new StellaError('FETCH_FAILED', `${response.status}: ${url}`);
      bytes = new Uint8Array(await response.arrayBuffer());
    }
    if (bytes.length > most) throw new StellaError('FETCH_TOO_LARGE', `too large: ${url}`);
    return { bytes };
  },
};
