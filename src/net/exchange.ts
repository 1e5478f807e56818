import { type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { type Duration, longest, milliseconds } from '../base/clock.ts';
import { systemCode } from '../base/errors.ts';
import type { Agents } from './agents.ts';
import { guardFlow } from './progress.ts';

export type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH';

/** A body that can be sent again. */
export interface Body {
  /** Bytes. */
  readonly length: number;
  /** The content from its beginning, in pieces. */
  open(): Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

/** A body of a few bytes. */
export function bodyOf(bytes: Uint8Array): Body {
  return { length: bytes.length, open: () => [bytes] };
}

export interface WireRequest {
  readonly method: Method;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Body | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Timeouts {
  readonly userAgent: string;
  readonly requestTimeout: Duration;
  readonly stallTimeout: Duration;
}

/** Sent at a time, and waited for: little on a slow line, so that it shows to move; much on a fast one, where each costs. */
const MIN_SLICE_BYTES = 64 * 1024;
const MAX_SLICE_BYTES = 1024 * 1024;
/** What leaves within this is fast. */
const FAST = milliseconds(50);
/** Silences in which a slice must have left: the pace of a line that is only just worth the name. */
const SLICE_SILENCES = 4;

/**
 * One request on the wire, one answer; nothing is followed or repeated. Resolves when the head of the answer has arrived.
 * Each phase has an end: connecting and answering by the clock, sending and receiving by what moves.
 *
 * Rejects with what the system says.
 */
export async function exchange(
  request: WireRequest,
  agents: Agents,
  timeouts: Timeouts,
): Promise<IncomingMessage> {
  for (;;) {
    const attempt = new Attempt(request, agents, timeouts);
    try {
      return await attempt.answer;
    } catch (error) {
      // A server may close a kept connection just as it is used again: that says nothing about this request.
      const isStale = attempt.reusedSocket && systemCode(error) === 'ECONNRESET';
      if (!isStale || (request.method !== 'GET' && request.method !== 'HEAD')) throw error;
    }
  }
}

class Attempt {
  readonly answer: Promise<IncomingMessage>;
  readonly #request: ClientRequest;
  readonly #timeouts: Timeouts;
  #response: IncomingMessage | undefined;
  #deadline: NodeJS.Timeout | undefined;
  /** Wakes the sending of the body where there is no more to wait for. */
  #wake: () => void = () => {};

  constructor({ method, url, headers, body, signal }: WireRequest, agents: Agents, timeouts: Timeouts) {
    this.#timeouts = timeouts;
    const secure = url.protocol === 'https:';
    const mayHaveBody = method === 'POST' || method === 'PUT' || method === 'PATCH';
    this.#request = (secure ? requestHttps : requestHttp)(url, {
      method,
      agent: agents.agentFor(url),
      headers: {
        'user-agent': timeouts.userAgent,
        // Lengths, ranges and digests are of the content itself.
        'accept-encoding': 'identity',
        ...headers,
        ...(mayHaveBody ? { 'content-length': String(body?.length ?? 0) } : {}),
      },
      ...(signal ? { signal } : {}),
    });
    this.answer = this.#run(body);
  }

  get reusedSocket(): boolean {
    return this.#request.reusedSocket;
  }

  /** A server may take its time to check what it was sent, but not for ever, with a byte now and then. */
  get #patience(): Duration {
    return longest(this.#timeouts.requestTimeout, this.#timeouts.stallTimeout);
  }

  async #run(body: Body | undefined): Promise<IncomingMessage> {
    const request = this.#request;
    return await new Promise((resolve, reject) => {
      let silence = this.#timeouts.stallTimeout;
      let moves = body ? 'left' : 'arrived';
      request.on('timeout', () => this.#stop(new Error(`nothing ${moves} for ${silence / 1000} s`)));
      request.setTimeout(silence);
      this.#expectAnswer();
      request.on('response', (response) => {
        this.#response = response;
        clearTimeout(this.#deadline);
        silence = this.#timeouts.stallTimeout;
        moves = 'arrived';
        request.setTimeout(silence);
        this.#wake();
        resolve(response);
      });
      request.on('error', reject);
      request.on('close', () => {
        clearTimeout(this.#deadline);
        this.#wake();
      });
      if (!body) {
        request.end();
        return;
      }
      request.on('finish', () => {
        if (this.#response) return;
        silence = this.#patience;
        moves = 'arrived';
        request.setTimeout(silence);
        this.#expectAnswer();
      });
      this.#sendBody(body).catch((error: unknown) => {
        reject(error instanceof Error ? error : new Error(String(error)));
        request.destroy();
      });
    });
  }

  #stop(error: Error): void {
    (this.#response ?? this.#request).destroy(error);
  }

  #expectAnswer(): void {
    const patience = this.#patience;
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(
      () => this.#stop(new Error(`no answer within ${patience / 1000} s`)),
      patience,
    );
  }

  /** Stops, with the content left unread, where the answer comes first: it may be a refusal. */
  async #sendBody(body: Body): Promise<void> {
    const request = this.#request;
    let [sent, left, size] = [0, 0, MIN_SLICE_BYTES];
    let endGuard: (() => void) | undefined;
    try {
      for await (const piece of body.open()) {
        const passed = sent;
        for (let at = 0; at < piece.length; at = sent - passed) {
          if (this.#response || request.destroyed) {
            this.#leaveUnsent();
            return;
          }
          const slice = piece.subarray(at, at + size);
          sent += slice.length;
          const begun = performance.now();
          await this.#write(slice);
          left += slice.length;
          size = performance.now() - begun < FAST ? Math.min(2 * size, MAX_SLICE_BYTES) : MIN_SLICE_BYTES;
          if (endGuard) continue;
          // It is connected; from here on it is bytes that count.
          clearTimeout(this.#deadline);
          endGuard = guardFlow(
            'left',
            () => left,
            milliseconds(SLICE_SILENCES * this.#timeouts.stallTimeout),
            (error) => this.#stop(error),
          );
        }
      }
      if (sent < body.length) throw new Error(`the content ended after ${sent} of ${body.length} bytes`);
    } finally {
      endGuard?.();
      // An answer may overtake the news that the last slice has left.
      if (sent === body.length) request.end();
    }
  }

  /** A connection on which content is missing can carry no other request. */
  #leaveUnsent(): void {
    const response = this.#response;
    if (!response || response.readableEnded) this.#request.destroy();
    else response.once('end', () => this.#request.destroy());
  }

  async #write(slice: Uint8Array): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      this.#request.write(slice, () => resolve());
    });
  }
}
