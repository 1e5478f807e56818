import { excerpt } from '../base/bytes.ts';
import { failed, withoutQuery } from './failure.ts';
import type { Answer, TransportRequest } from './transport.ts';

const REDIRECT_STATUSES: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const MAX_REDIRECTS = 5;

/** For addresses with `http://` that a server gives where it was reached by https. */
export const HTTPS_HINT =
  'the server seems not to know that it is reached by https: let the proxy before it send `X-Forwarded-Proto: https` (nginx: `proxy_set_header X-Forwarded-Proto https;`), or set the outside address in its configuration (Harbor: external_url; docker-registry: http.host)';

/** Whether an answer leads elsewhere. A request that changes something is not repeated at another address. */
export function canFollow({ method, status, headers }: Answer): boolean {
  return (
    (method === 'GET' || method === 'HEAD') && REDIRECT_STATUSES.has(status) && headers.location !== undefined
  );
}

/** @throws StellaError FETCH_FAILED after too many */
export function checkRedirects(answer: Answer, redirects: number): void {
  if (redirects === MAX_REDIRECTS) throw failed(answer, `more than ${MAX_REDIRECTS} redirects`);
}

/**
 * An address that a server gave, e.g. in `Location`: never from https to http, and never with a name and password in it,
 * which would be sent to that server as if this user had meant to.
 * @throws StellaError FETCH_FAILED
 */
export function addressOf(location: string | undefined, from: Pick<Answer, 'method' | 'url'>): URL {
  const url =
    location !== undefined && URL.canParse(location, from.url) ? new URL(location, from.url) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '')
    throw failed(from, `it gave no usable address: ${excerpt(location ?? '')}`);
  if (from.url.protocol === 'https:' && url.protocol !== 'https:')
    throw failed(from, `it points from https to ${excerpt(withoutQuery(url), 200)}`, { hint: HTTPS_HINT });
  return url;
}

/** Headers for one address on the way: a request's own credentials are for the origin that it was made for. */
export function headersFor(
  url: URL,
  request: Pick<TransportRequest, 'url' | 'headers'>,
): Record<string, string> {
  const headers = { ...request.headers };
  if (url.origin !== request.url.origin) delete headers['authorization'];
  return headers;
}
