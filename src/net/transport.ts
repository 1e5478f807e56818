/**
 * net/: the one way to servers: TUF repositories, logs and registries are all reached through a {@link Transport}. It
 * bounds whatever a server can do without end (answers, silences, trickles, redirects), keeps credentials at the origins
 * that they are for, and says of each failure whether another try is worth it (`StellaError.retry`). It never judges
 * content, knows neither TUF nor OCI, and never decides whether the network may be used: offline.ts does.
 * Start here, then exchange.ts (one request on the wire), redirect.ts, body.ts, retry.ts and progress.ts (what is tried
 * again, and for how long), agents.ts (proxies, TLS), bearer.ts; fetcher.ts is what other rooms are given.
 */

import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Duration } from '../base/clock.ts';
import { isStellaError, type StellaError } from '../base/errors.ts';
import { type AgentOptions, Agents } from './agents.ts';
import { readBody } from './body.ts';
import { type Body, exchange, type Method } from './exchange.ts';
import {
  type ConnectionHints,
  connectionHint,
  connectionReason,
  failed,
  isCertificateError,
} from './failure.ts';
import { addressOf, canFollow, checkRedirects, headersFor } from './redirect.ts';
import { pauseBeforeRetry, type RetryOptions, withRetries } from './retry.ts';

/** Who is told who this is. */
export interface Authorization {
  /** Sent to these origins only, whatever a server redirects to. */
  readonly origins: ReadonlySet<string>;
  /** The value of `Authorization`, if there is one by now. */
  header(): Promise<string | undefined>;
}

export interface TransportOptions extends AgentOptions, RetryOptions {
  readonly userAgent: string;
  /** For an answer to be begun, and for a small one to be read. */
  readonly requestTimeout: Duration;
  /** For the time in which nothing at all arrives or leaves. */
  readonly stallTimeout: Duration;
  readonly authorization?: Authorization | undefined;
  readonly hints?: ConnectionHints;
}

export interface TransportRequest {
  readonly method: Method;
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Body | undefined;
  /** Whether redirects are followed (default; only those of GET and HEAD are). */
  readonly follow?: boolean;
  /** Whether the transport's authorization goes along (default), or the request brings its own, or none. */
  readonly authorize?: boolean;
  /** Ends the request and the reading of its answer. */
  readonly signal?: AbortSignal | undefined;
}

/** What a server answered; the body has to be read or destroyed. */
export interface Answer {
  readonly method: Method;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly response: IncomingMessage;
  /** Where it came from in the end. */
  readonly url: URL;
}

/** Requests over http and https. */
export class Transport {
  readonly options: TransportOptions;
  readonly #agents: Agents;

  constructor(options: TransportOptions) {
    this.options = options;
    // Idle connections do not keep a command from ending: Node lets go of them.
    this.#agents = new Agents(options);
  }

  /** Lets go of idle connections. */
  close(): void {
    this.#agents.destroy();
  }

  /**
   * One request, redirects included; resolves when the head of the last answer has arrived, whatever its status is.
   * @throws StellaError FETCH_FAILED, and what the authorization throws
   */
  async send(request: TransportRequest): Promise<Answer> {
    const { method, body, signal } = request;
    const { authorization } = this.options;
    let url = request.url;
    for (let redirects = 0; ; redirects += 1) {
      const headers = headersFor(url, request);
      const secret =
        request.authorize !== false && authorization?.origins.has(url.origin)
          ? await authorization.header()
          : undefined;
      if (secret !== undefined) headers['authorization'] = secret;
      let response: IncomingMessage;
      try {
        response = await exchange({ method, url, headers, body, signal }, this.#agents, this.options);
      } catch (cause) {
        throw this.#interrupted({ method, url }, cause, signal);
      }
      const answer = { method, status: response.statusCode!, headers: response.headers, response, url };
      if (request.follow === false || !canFollow(answer)) return answer;
      response.destroy();
      checkRedirects(answer, redirects);
      url = addressOf(answer.headers.location, answer);
    }
  }

  /**
   * The body of a small answer, with any content encoding undone.
   * @param max bytes
   * @throws StellaError FETCH_TOO_LARGE, FETCH_FAILED
   */
  async read(answer: Answer, max: number, signal?: AbortSignal): Promise<Buffer> {
    try {
      return await readBody(answer, max, this.options.requestTimeout);
    } catch (cause) {
      throw this.#interrupted(answer, cause, signal);
    }
  }

  /** Runs `work` again, with growing pauses, as long as it fails for a passing reason. */
  async repeated<T>(what: string, work: (attempt: number) => Promise<T>, signal?: AbortSignal): Promise<T> {
    return await withRetries(what, work, this.options, signal);
  }

  /** The pause before another try. @throws StellaError `error` where the server asks for more than can be waited */
  async pause(what: string, error: StellaError, attempt: number): Promise<void> {
    await pauseBeforeRetry(what, error, attempt, this.options);
  }

  /** A failure that says why the connection broke, or who ended it. */
  #interrupted(
    at: Pick<Answer, 'method' | 'url'>,
    cause: unknown,
    signal: AbortSignal | undefined,
  ): StellaError {
    if (isStellaError(cause)) return cause;
    if (signal?.aborted) {
      return isTimeout(signal.reason)
        ? failed(at, `not finished after ${this.options.requestTimeout / 1000} s`, { cause, retry: {} })
        : failed(at, 'interrupted', { cause });
    }
    return failed(at, connectionReason(cause), {
      cause,
      retry: isCertificateError(cause) ? undefined : {},
      hint: connectionHint(cause, this.options.hints, this.#agents.proxyFor(at.url)),
    });
  }
}

const isTimeout = (reason: unknown) => reason instanceof DOMException && reason.name === 'TimeoutError';
