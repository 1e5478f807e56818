import { excerpt } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import { failedBy, withoutQuery } from './failure.ts';
import { fetchFile, parseUrl } from './file-url.ts';
import { Transport, type TransportOptions } from './transport.ts';
import type { Fetched, Fetcher, FetchOptions } from './types.ts';

/** 403 is what object stores answer for a file that is not there. */
const MISSING: ReadonlySet<number> = new Set([403, 404, 410]);

/**
 * http, https and file. Bodies are bounded before they are read, requests and silences have an end, redirects are
 * followed a few times and never from https to http, what may pass by itself is tried again with growing pauses.
 */
export function networkFetcher(options: TransportOptions): Fetcher {
  const transport = new Transport(options);
  return {
    async fetch(url, request) {
      const parsed = parseUrl(url);
      if (parsed.protocol === 'file:') return fetchFile(parsed, request.most);
      return await transport.repeated(url, () => get(transport, parsed, request), request.signal);
    },
  };
}

/** One try. The time for it is for the redirects and the body, too. */
async function get(transport: Transport, url: URL, options: FetchOptions): Promise<Fetched> {
  const deadline = AbortSignal.timeout(transport.options.requestTimeout);
  const signal = options.signal ? AbortSignal.any([options.signal, deadline]) : deadline;
  const headers = {
    accept: '*/*',
    'accept-encoding': options.compressible ? 'gzip, identity' : 'identity',
    ...(options.etag === undefined ? {} : { 'if-none-match': options.etag }),
  };
  const answer = await transport.send({ method: 'GET', url, headers, signal });
  const { status, response } = answer;
  const etag = answer.headers.etag === undefined ? {} : { etag: answer.headers.etag };
  if (status === 200) return { bytes: await transport.read(answer, options.most, signal), ...etag };
  response.destroy();
  if (status === 304) return { bytes: new Uint8Array(), notModified: true, ...etag };
  if (MISSING.has(status)) {
    const where = withoutQuery(answer.url);
    throw new StellaError('FETCH_NOT_FOUND', `${excerpt(where, 200)}: the server answered ${status}`, {
      details: { url: where, status },
    });
  }
  throw failedBy(answer, `the server answered ${status}`);
}
