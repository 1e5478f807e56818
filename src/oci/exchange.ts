import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Readable } from 'node:stream';
import { excerpt } from '../base/bytes.ts';
import type { Duration } from '../base/clock.ts';
import { StellaError } from '../base/errors.ts';
import { type AgentOptions, type Agents, makeAgents } from '../net/agents.ts';

export interface ExchangeOptions extends AgentOptions {
  readonly userAgent: string;
  /** For a small request with its whole answer, and for an answer to be begun. */
  readonly requestTimeout: Duration;
  /** For the time in which nothing at all arrives or leaves. */
  readonly stallTimeout: Duration;
}

/** A body that can be sent again. */
export interface Body {
  /** Bytes. */
  readonly length: number;
  open(): Uint8Array | Readable;
}

export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Body | undefined;
}

/** One request, one response; nothing is followed or repeated. */
export class Exchange {
  readonly #options: ExchangeOptions;
  readonly #agents: Agents;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.#agents = makeAgents(options, true);
  }

  /** Lets go of idle connections, which would keep the process alive. */
  close(): void {
    this.#agents.http.destroy();
    this.#agents.https.destroy();
  }

  /**
   * Resolves when the head of the response has arrived; its body has to be read or destroyed by the caller.
   * Rejects with what the system says.
   */
  async send({ method, url, headers, body }: HttpRequest): Promise<IncomingMessage> {
    const { userAgent, requestTimeout, stallTimeout } = this.#options;
    const secure = url.protocol === 'https:';
    return await new Promise((resolve, reject) => {
      const request = (secure ? requestHttps : requestHttp)(url, {
        method,
        agent: secure ? this.#agents.https : this.#agents.http,
        headers: {
          'user-agent': userAgent,
          // Lengths, ranges and digests are of the content itself.
          'accept-encoding': 'identity',
          ...headers,
          ...(body === undefined
            ? method === 'POST' || method === 'PUT'
              ? { 'content-length': '0' }
              : {}
            : { 'content-length': String(body.length) }),
        },
      });
      const silence = (time: Duration) => () =>
        request.destroy(new Error(`nothing happened for ${time / 1000} s`));
      request.setTimeout(stallTimeout, silence(stallTimeout));
      // A registry may take its time to check what it was sent, but not for ever, with a byte now and then.
      const patience = Math.max(requestTimeout, stallTimeout);
      let deadline: NodeJS.Timeout | undefined;
      let answered = false;
      request.on('close', () => clearTimeout(deadline));
      const content = body?.open();
      request.on('response', (response) => {
        clearTimeout(deadline);
        answered = true;
        request.setTimeout(stallTimeout);
        // A refusal may come before the body is sent.
        if (content && !(content instanceof Uint8Array) && !content.readableEnded) content.destroy();
        resolve(response);
      });
      request.on('error', (error) => {
        if (content && !(content instanceof Uint8Array)) content.destroy();
        reject(error);
      });
      request.on('finish', () => {
        if (answered) return;
        if (body) request.setTimeout(patience);
        deadline = setTimeout(
          () => request.destroy(new Error(`no answer within ${patience / 1000} s`)),
          patience,
        );
      });
      if (content === undefined || content instanceof Uint8Array) {
        request.end(content);
        return;
      }
      content.on('error', (error) => request.destroy(error));
      content.pipe(request);
    });
  }

  /**
   * The whole body of a small answer.
   * @throws StellaError FETCH_TOO_LARGE, and rejects with what the system says
   */
  async read(response: IncomingMessage, url: URL, most: number): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let total = 0;
    const deadline = setTimeout(
      () => response.destroy(new Error(`not finished after ${this.#options.requestTimeout / 1000} s`)),
      this.#options.requestTimeout,
    );
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        total += chunk.length;
        if (total > most) {
          throw new StellaError(
            'FETCH_TOO_LARGE',
            `${excerpt(url.origin + url.pathname, 200)} has more than ${most} bytes`,
            {
              details: { url: url.origin + url.pathname, most },
            },
          );
        }
        chunks.push(chunk);
      }
      // Node ends a body that was cut off without an error where the connection says no length.
      if (!response.complete) throw new Error('the connection ended within the answer');
    } finally {
      clearTimeout(deadline);
      response.destroy();
    }
    return Buffer.concat(chunks, total);
  }
}
