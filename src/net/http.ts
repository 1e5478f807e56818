/**
 * net/: the one way to servers: requests, redirects, proxies, client certificates, retries, deadlines, bounded bodies.
 * It gives bytes and judges none of them: whatever it returns is hostile until a room above has checked it. It never
 * follows a redirect to a weaker scheme, never sends a credential to another host, and reads no body without a bound
 * on its size and its time.
 * Start here for one request, then fetcher.ts for retries and file URLs.
 */

import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { createGunzip, type Gunzip } from 'node:zlib';
import { excerpt } from '../base/bytes.ts';
import type { Duration } from '../base/clock.ts';
import { isStellaError, StellaError, systemCode } from '../base/errors.ts';
import {
  type AgentOptions,
  type Agents,
  connectionReason,
  isCertificateError,
  makeAgents,
  PASSING_STATUSES,
  REDIRECT_STATUSES,
} from './agents.ts';
import type { Fetched, FetchOptions } from './types.ts';

export interface HttpOptions extends AgentOptions {
  readonly userAgent: string;
  /** For one request with its whole body, redirects included. */
  readonly requestTimeout: Duration;
  /** For the time in which nothing at all arrives. */
  readonly stallTimeout: Duration;
  /** Sent to these origins only. */
  readonly bearer?:
    | { readonly origins: ReadonlySet<string>; readonly token: () => Promise<string> }
    | undefined;
}

const MOST_REDIRECTS = 5;
/** 403 is what object stores answer for a file that is not there. */
const MISSING = new Set([403, 404, 410]);

/** GET requests over http and https, with an end to everything that a server can do without end. */
export class HttpClient {
  readonly #options: HttpOptions;
  readonly #agents: Agents;

  constructor(options: HttpOptions) {
    this.#options = options;
    // Idle connections do not keep a command from ending: Node lets go of them.
    this.#agents = makeAgents(options, true);
  }

  /** @throws StellaError FETCH_NOT_FOUND, FETCH_TOO_LARGE, FETCH_FAILED (details.passing: worth another try) */
  async get(url: URL, options: FetchOptions): Promise<Fetched> {
    const deadline = AbortSignal.timeout(this.#options.requestTimeout);
    const signal = options.signal ? AbortSignal.any([deadline, options.signal]) : deadline;
    let here = url;
    try {
      for (let redirects = 0; ; redirects += 1) {
        const response = await this.#send(here, options, signal);
        const location = response.headers.location;
        if (!REDIRECT_STATUSES.has(response.statusCode) || location === undefined)
          return await this.#receive(here, response, options.most);
        response.destroy();
        if (redirects === MOST_REDIRECTS) throw failed(url, `more than ${MOST_REDIRECTS} redirects`, false);
        here = redirected(here, location);
      }
    } catch (cause) {
      if (isStellaError(cause)) throw cause;
      if (options.signal?.aborted) throw failed(url, 'interrupted', false, cause);
      if (deadline.aborted)
        throw failed(url, `not finished after ${this.#options.requestTimeout / 1000} s`, true, cause);
      throw failed(url, connectionReason(cause), !isCertificateError(cause), cause);
    }
  }

  async #send(url: URL, options: FetchOptions, signal: AbortSignal): Promise<IncomingMessage> {
    const headers: Record<string, string> = {
      'user-agent': this.#options.userAgent,
      accept: '*/*',
      'accept-encoding': options.compressible ? 'gzip, identity' : 'identity',
      ...(options.etag === undefined ? {} : { 'if-none-match': options.etag }),
    };
    const { bearer, stallTimeout } = this.#options;
    if (bearer?.origins.has(url.origin)) headers['authorization'] = `Bearer ${await bearer.token()}`;
    const secure = url.protocol === 'https:';
    return await new Promise((resolve, reject) => {
      const agent = secure ? this.#agents.https : this.#agents.http;
      const request = (secure ? requestHttps : requestHttp)(url, { agent, headers, signal });
      request.setTimeout(stallTimeout, () =>
        request.destroy(new Error(`nothing arrived for ${stallTimeout / 1000} s`)),
      );
      request.on('response', resolve);
      request.on('error', (error) => {
        // A server may close a kept connection just as it is used again: that says nothing about this request.
        if (request.reusedSocket && systemCode(error) === 'ECONNRESET')
          resolve(this.#send(url, options, signal));
        else reject(error);
      });
      request.end();
    });
  }

  async #receive(url: URL, response: IncomingMessage, most: number): Promise<Fetched> {
    const status = response.statusCode!;
    const etag = response.headers.etag;
    const close = (error: StellaError) => {
      response.destroy();
      return error;
    };
    if (status === 304) {
      response.destroy();
      return { bytes: new Uint8Array(), notModified: true, ...(etag === undefined ? {} : { etag }) };
    }
    if (MISSING.has(status))
      throw close(
        new StellaError('FETCH_NOT_FOUND', `${excerpt(url.href, 200)}: the server answered ${status}`, {
          details: { url: url.href, status },
        }),
      );
    if (status !== 200)
      throw close(
        failed(url, `the server answered ${status}`, PASSING_STATUSES.has(status), undefined, response),
      );
    const encoding = response.headers['content-encoding'] ?? 'identity';
    // Tile logs may compress without being asked (C2SP tlog-tiles, "Log entries").
    const isGzip = encoding === 'gzip';
    if (encoding !== 'identity' && !isGzip)
      throw close(failed(url, `the server sent content encoding ${excerpt(encoding)} unasked`, false));
    const tooLarge = () =>
      close(
        new StellaError('FETCH_TOO_LARGE', `${excerpt(url.href, 200)} has more than ${most} bytes`, {
          details: { url: url.href, most },
        }),
      );
    if (!isGzip && Number(response.headers['content-length'] ?? 0) > most) throw tooLarge();
    const chunks: Buffer[] = [];
    let total = 0;
    // The bound is on what comes out, so a small body that unpacks into a large one is cut off too.
    const body = isGzip ? unpacked(response) : response;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      total += chunk.length;
      if (total > most) throw tooLarge();
      chunks.push(chunk);
    }
    // Node ends a body that was cut off without an error where the connection says no length.
    if (!response.complete) throw failed(url, 'the connection ended within the file', true);
    return { bytes: Buffer.concat(chunks, total), ...(etag === undefined ? {} : { etag }) };
  }
}

function unpacked(response: IncomingMessage): Gunzip {
  const gunzip = createGunzip();
  response.on('error', (error) => gunzip.destroy(error));
  // Whoever reads it learns of an error by reading; one that comes after nobody has to.
  gunzip.on('error', () => response.destroy());
  return response.pipe(gunzip);
}

function redirected(from: URL, location: string): URL {
  const to = URL.canParse(location, from) ? new URL(location, from) : undefined;
  if (!to || !/^https?:$/.test(to.protocol)) throw failed(from, `redirected to ${excerpt(location)}`, false);
  if (from.protocol === 'https:' && to.protocol !== 'https:')
    throw failed(from, `redirected from https to ${excerpt(to.href, 200)}`, false);
  return to;
}

function failed(
  url: URL,
  why: string,
  passing: boolean,
  cause?: unknown,
  response?: IncomingMessage,
): StellaError {
  const asked = Number(response?.headers['retry-after']);
  return new StellaError('FETCH_FAILED', `cannot fetch ${excerpt(url.href, 200)}: ${why}`, {
    cause,
    details: { url: url.href, passing, ...(asked > 0 ? { retryAfter: asked * 1000 } : {}) },
  });
}
