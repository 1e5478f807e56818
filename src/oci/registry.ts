import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { excerpt } from '../base/bytes.ts';
import { type Duration, milliseconds, seconds } from '../base/clock.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { connectionReason, isCertificateError, PASSING_STATUSES, REDIRECT_STATUSES } from '../net/agents.ts';
import { parseChallenges } from './challenge.ts';
import type { Credentials } from './credentials.ts';
import { type Body, Exchange, type ExchangeOptions, type HttpRequest } from './exchange.ts';
import type { OciReference } from './reference.ts';
import { basicAuthorization, MOST_TOKEN_BYTES, parseTokenAnswer, tokenRequest } from './token.ts';

export interface RegistryOptions extends ExchangeOptions {
  /** Whether `http://` is used instead of `https://`. */
  readonly plainHttp: boolean;
  /** How often a request that failed for a passing reason is tried again. */
  readonly retries: number;
  /** Before the first repetition; doubled for each further one, with jitter. Default: half a second. */
  readonly firstDelay?: Duration;
  readonly credentials: () => Promise<Credentials | undefined>;
  readonly onRetry?: (what: string, error: StellaError, delay: Duration) => void;
}

export interface RegistryRequest {
  readonly method: HttpRequest['method'];
  /** A path of the registry, or an address that it gave. */
  readonly target: string | URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Body;
  /** Statuses that the caller knows what to do with. */
  readonly expect: readonly number[];
  /** Whether it may be repeated as it is; where the caller knows better what comes next, it is not. */
  readonly repeat?: boolean;
}

/** What a registry answered; the body has to be read or destroyed. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly response: IncomingMessage;
  /** Where it came from in the end. */
  readonly url: URL;
}

const MOST_REDIRECTS = 5;
const FIRST_DELAY = seconds(0.5);
const LONGEST_DELAY = seconds(30);
/** A registry that asks for more patience than this is asked again by the operator, not by this command. */
const LONGEST_PATIENCE = seconds(120);
const MOST_ERROR_BYTES = 64 * 1024;

/** Docker Hub's registry is not where its name points to. */
const ALIASES: Readonly<Record<string, string>> = { 'docker.io': 'registry-1.docker.io' };

/**
 * One repository of a registry. Answers challenges, repeats what failed for a passing reason, follows redirects of
 * downloads, and sends credentials to the registry itself and its token service only.
 */
export class Registry {
  readonly repository: string;
  readonly host: string;
  readonly #options: RegistryOptions;
  readonly #exchange: Exchange;
  readonly #base: URL;
  readonly #scope: string;
  #authorization: string | undefined;
  #credentials: Promise<Credentials | undefined> | undefined;

  constructor(reference: OciReference, access: 'pull' | 'pull,push', options: RegistryOptions) {
    this.host = reference.host;
    this.repository = reference.repository;
    this.#options = options;
    this.#exchange = new Exchange(options);
    const host = Object.hasOwn(ALIASES, reference.host) ? ALIASES[reference.host]! : reference.host;
    this.#base = new URL(`${options.plainHttp ? 'http' : 'https'}://${host}/`);
    this.#scope = `repository:${reference.repository}:${access}`;
  }

  get retries(): number {
    return this.#options.retries;
  }

  get stallTimeout(): Duration {
    return this.#options.stallTimeout;
  }

  /** The repository's own path below the API's. */
  path(rest: string): string {
    return `/v2/${this.repository}/${rest}`;
  }

  /** An address that the registry gave, e.g. in `Location`. @throws StellaError FETCH_FAILED */
  address(location: string | undefined, from: URL): URL {
    const url = location !== undefined && URL.canParse(location, from) ? new URL(location, from) : undefined;
    // A name and password in it would be sent to that server, as if this user had meant to.
    if (!url || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '')
      throw requestFailed(from, `it gave no usable address: ${excerpt(location ?? '')}`, false);
    if (from.protocol === 'https:' && url.protocol !== 'https:')
      throw requestFailed(from, `it points from https to ${excerpt(withoutQuery(url), 200)}`, false);
    return url;
  }

  /** Whether an address is the registry's own: only there do credentials go, and from there only challenges count. */
  isOwn(url: URL): boolean {
    return url.origin === this.#base.origin;
  }

  get origin(): string {
    return this.#base.origin;
  }

  close(): void {
    this.#exchange.close();
  }

  /** The whole body of a small answer. @throws StellaError FETCH_TOO_LARGE, FETCH_FAILED */
  async read(answer: Answer, most: number): Promise<Buffer> {
    try {
      return await this.#exchange.read(answer.response, answer.url, most);
    } catch (cause) {
      if (isStellaError(cause)) throw cause;
      throw requestFailed(answer.url, connectionReason(cause), true, cause);
    }
  }

  /** {@link request} and {@link read}, repeated together. */
  async requestBytes(
    request: RegistryRequest,
    most: number,
  ): Promise<{ readonly answer: Answer; readonly bytes: Buffer }> {
    return await this.repeated(this.#name(request), async () => {
      const answer = await this.request({ ...request, repeat: false });
      return { answer, bytes: await this.read(answer, most) };
    });
  }

  /**
   * @throws StellaError REGISTRY_AUTH, FETCH_NOT_FOUND, FETCH_FAILED (details.passing: worth another try; details.status)
   */
  async request(request: RegistryRequest): Promise<Answer> {
    if (request.repeat === false) return await this.#authorized(request);
    return await this.repeated(this.#name(request), () => this.#authorized(request));
  }

  /** Runs `work` again, with growing pauses, as long as it fails for a passing reason. */
  async repeated<T>(what: string, work: (attempt: number) => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await work(attempt);
      } catch (error) {
        if (!isPassing(error) || attempt >= this.#options.retries) throw error;
        await this.wait(what, error, attempt);
      }
    }
  }

  /** The pause before another try. @throws StellaError `error` where the registry asks for more than can be waited */
  async wait(what: string, error: StellaError, attempt: number): Promise<void> {
    const asked = error.details?.['retry_after_ms'];
    const least = typeof asked === 'number' ? asked : 0;
    if (least > LONGEST_PATIENCE) throw error;
    const longest = Math.min(LONGEST_DELAY, (this.#options.firstDelay ?? FIRST_DELAY) * 2 ** attempt);
    // Full jitter keeps many clients from coming back at the same instant.
    const delay = milliseconds(least + longest / 2 + Math.random() * (longest / 2));
    this.#options.onRetry?.(what, error, delay);
    await pause(delay);
  }

  #name({ target }: RegistryRequest): string {
    return withoutQuery(new URL(target, this.#base));
  }

  async #authorized(request: RegistryRequest): Promise<Answer> {
    const answer = await this.#followed(request);
    // What another server asks for, the registry's credentials are not the answer to.
    if (answer.status !== 401 || !this.isOwn(answer.url)) return await this.#judged(answer, request);
    // Either nobody has asked for credentials so far, or the token has expired meanwhile.
    const header = answer.headers['www-authenticate'] ?? '';
    answer.response.destroy();
    this.#authorization = await this.#answerChallenge(header);
    const second = await this.#followed(request);
    if (second.status !== 401 || !this.isOwn(second.url)) return await this.#judged(second, request);
    second.response.destroy();
    this.#authorization = undefined;
    const credentials = await this.#findCredentials();
    throw new StellaError(
      'REGISTRY_AUTH',
      credentials === undefined
        ? `${this.host} wants credentials for ${this.repository}, and none were found`
        : `${this.host} refuses the credentials from ${credentials.from}`,
      { details: { status: 401 } },
    );
  }

  async #followed(request: RegistryRequest): Promise<Answer> {
    let url = request.target instanceof URL ? request.target : new URL(request.target, this.#base);
    for (let redirects = 0; ; redirects += 1) {
      const response = await this.#send({
        method: request.method,
        url,
        body: request.body,
        headers: {
          ...request.headers,
          // Other servers, such as the store behind a registry, must not see credentials.
          ...(this.#authorization !== undefined && this.isOwn(url)
            ? { authorization: this.#authorization }
            : {}),
        },
      });
      const location = response.headers.location;
      const canFollow = request.method === 'GET' || request.method === 'HEAD';
      if (!canFollow || !REDIRECT_STATUSES.has(response.statusCode) || location === undefined)
        return { status: response.statusCode!, headers: response.headers, response, url };
      response.destroy();
      if (redirects === MOST_REDIRECTS)
        throw requestFailed(url, `more than ${MOST_REDIRECTS} redirects`, false);
      url = this.address(location, url);
    }
  }

  async #send(request: HttpRequest): Promise<IncomingMessage> {
    try {
      return await this.#exchange.send(request);
    } catch (cause) {
      if (isStellaError(cause)) throw cause;
      throw requestFailed(request.url, connectionReason(cause), !isCertificateError(cause), cause);
    }
  }

  async #judged(answer: Answer, request: RegistryRequest): Promise<Answer> {
    const { status, headers, url, response } = answer;
    if (request.expect.includes(status)) return answer;
    const said = request.method === 'HEAD' ? '' : await this.#errorOf(answer);
    response.destroy();
    const why = `the registry answered ${status}${said}`;
    if (status === 403) {
      throw new StellaError('REGISTRY_AUTH', `${excerpt(withoutQuery(url), 200)}: ${why}`, {
        details: { status },
      });
    }
    if (status === 404 || status === 410) {
      throw new StellaError('FETCH_NOT_FOUND', `${excerpt(withoutQuery(url), 200)}: ${why}`, {
        details: { url: withoutQuery(url), status },
        hint: 'check the reference; list what there is with `stella trust snapshot list`',
      });
    }
    const wait = retryAfter(headers);
    throw requestFailed(url, why, PASSING_STATUSES.has(status), undefined, {
      status,
      ...(wait === undefined ? {} : { retry_after_ms: wait }),
    });
  }

  /** The registry's own words (distribution specification, "Error Codes"), as far as it finds any. */
  async #errorOf(answer: Answer): Promise<string> {
    try {
      const bytes = await this.#exchange.read(answer.response, answer.url, MOST_ERROR_BYTES);
      const value = JSON.parse(bytes.toString('utf8')) as {
        errors?: { code?: unknown; message?: unknown }[];
      };
      const first = value.errors?.[0];
      const words = [first?.code, first?.message].filter((word) => typeof word === 'string');
      return words.length === 0 ? '' : ` (${excerpt(words.join(': '), 200)})`;
    } catch {
      return '';
    }
  }

  async #answerChallenge(header: string): Promise<string | undefined> {
    const challenges = parseChallenges(header);
    const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
    const credentials = await this.#findCredentials();
    if (bearer) {
      const request = tokenRequest(bearer, this.#scope, credentials, this.#base);
      const bytes = await this.repeated(request.url.origin, () => this.#fetchToken(request, credentials));
      return `Bearer ${parseTokenAnswer(bytes, request.url)}`;
    }
    if (challenges.some(({ scheme }) => scheme === 'basic') && credentials?.kind === 'password')
      return basicAuthorization(credentials.username, credentials.password);
    return undefined;
  }

  async #fetchToken(request: HttpRequest, credentials: Credentials | undefined): Promise<Buffer> {
    // Redirects are not followed: the password is for the service that the registry named.
    const response = await this.#send(request);
    const status = response.statusCode!;
    const answer = { status, headers: response.headers, response, url: request.url };
    if (status === 200) return await this.read(answer, MOST_TOKEN_BYTES);
    const said = await this.#errorOf(answer);
    const wait = retryAfter(response.headers);
    if (PASSING_STATUSES.has(status)) {
      throw requestFailed(request.url, `the token service answered ${status}${said}`, true, undefined, {
        status,
        ...(wait === undefined ? {} : { retry_after_ms: wait }),
      });
    }
    throw new StellaError(
      'REGISTRY_AUTH',
      credentials === undefined
        ? `${request.url.host} gives no token for ${this.repository} without credentials, and none were found`
        : `${request.url.host} refuses the credentials from ${credentials.from} (${status}${said})`,
      { details: { status } },
    );
  }

  #findCredentials(): Promise<Credentials | undefined> {
    this.#credentials ??= this.#options.credentials();
    return this.#credentials;
  }
}

/** For messages: queries may be signed, and whoever reads such an address may use it. */
function withoutQuery(url: URL): string {
  return `${url.origin}${url.pathname}`;
}

/** Whether it may be gone by itself in a while. */
export function isPassing(error: unknown): error is StellaError {
  return isStellaError(error, 'FETCH_FAILED') && error.details?.['passing'] === true;
}

export function requestFailed(
  url: URL,
  why: string,
  passing: boolean,
  cause?: unknown,
  details: Readonly<Record<string, unknown>> = {},
): StellaError {
  return new StellaError('FETCH_FAILED', `cannot reach ${excerpt(withoutQuery(url), 200)}: ${why}`, {
    cause,
    details: { url: withoutQuery(url), passing, ...details },
    ...(/WRONG_VERSION_NUMBER|EPROTO/.test(connectionReason(cause))
      ? { hint: 'the server may not speak TLS: give --plain-http if that is meant so' }
      : isCertificateError(cause)
        ? { hint: "give the authority's certificate with --ca-file FILE" }
        : {}),
  });
}

/** `Retry-After` in milliseconds: a number of seconds, or a date against the server's own `Date` (RFC 9110 §10.2.3). */
function retryAfter(headers: IncomingHttpHeaders): Duration | undefined {
  const text = headers['retry-after'];
  if (text === undefined) return undefined;
  if (/^\d+$/.test(text)) return seconds(Number(text));
  const wait = Date.parse(text) - Date.parse(headers.date ?? '');
  return wait > 0 ? milliseconds(wait) : undefined;
}
