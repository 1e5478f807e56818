/**
 * oci/: pushing bundles to registries, pulling and listing them, by the OCI distribution specification. This room knows
 * what a registry's answers mean; how they travel is for net/transport.ts. It never believes a registry: content counts
 * by its digest, and what was pulled is imported like any other file. It never sends credentials but to the registry and
 * its token service, and never writes a tag before all that it names is there.
 * Start here, then login.ts (challenges, tokens; credentials.ts finds them), upload.ts and download.ts (blobs),
 * manifest.ts, and push.ts, pull.ts and list.ts, which are what commands call.
 */

import { excerpt } from '../base/bytes.ts';
import type { Duration } from '../base/clock.ts';
import { StellaError } from '../base/errors.ts';
import type { Body, Method } from '../net/exchange.ts';
import { failedBy, withoutQuery } from '../net/failure.ts';
import { TransferProgress } from '../net/progress.ts';
import { addressOf } from '../net/redirect.ts';
import { type Answer, Transport, type TransportOptions } from '../net/transport.ts';
import type { Credentials } from './credentials.ts';
import { Login } from './login.ts';
import type { OciReference } from './reference.ts';
import { errorOf, TOO_LONG_HINTS } from './registry-error.ts';

export interface RegistryOptions extends Omit<TransportOptions, 'authorization' | 'hints'> {
  /** Whether `http://` is used instead of `https://`. */
  readonly plainHttp: boolean;
  readonly credentials: () => Promise<Credentials | undefined>;
}

export interface RegistryRequest {
  readonly method: Method;
  /** A path of the registry, or an address that it gave. */
  readonly target: string | URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Body;
  /** Statuses that the caller knows what to do with; 401 is one of them only where no login is the answer. */
  readonly expect: readonly number[] | typeof ANY_STATUS;
  /** Whether it may be repeated as it is; where the caller knows better what comes next, it is not. */
  readonly repeat?: boolean;
}

/** Whatever the answer is. */
export const ANY_STATUS = 'any';

/** Every 2xx: registries differ in which of them they answer to the same thing. */
export const SUCCESSES: readonly number[] = Array.from({ length: 100 }, (_, i) => 200 + i);

const HINTS = {
  noTls: 'the server may not speak TLS: give --plain-http if that is meant so',
  certificate:
    "give the authority's certificate with --ca-file FILE, or network.ca_file in section attestor.trust_repo",
};

/** Docker Hub's registry is not where its name points to. */
const ALIASES: ReadonlyMap<string, string> = new Map([['docker.io', 'registry-1.docker.io']]);

/** One repository of a registry. Answers challenges, and knows which answers are refusals. */
export class Registry {
  readonly repository: string;
  readonly #transport: Transport;
  readonly #login: Login;
  readonly #base: URL;

  constructor(reference: OciReference, access: 'pull' | 'pull,push', options: RegistryOptions) {
    const { host, repository } = reference;
    this.repository = repository;
    this.#base = new URL(`${options.plainHttp ? 'http' : 'https'}://${ALIASES.get(host) ?? host}/`);
    this.#login = new Login({ base: this.#base, host, repository, access }, options.credentials);
    this.#transport = new Transport({ ...options, authorization: this.#login, hints: HINTS });
  }

  /** The time that a silence may last. */
  get stallTimeout(): Duration {
    return this.#transport.options.stallTimeout;
  }

  /** How often a request that failed for a passing reason is tried again. */
  get retries(): number {
    return this.#transport.options.retries;
  }

  /** The repository's own path below the API's. */
  path(rest: string): string {
    return `/v2/${this.repository}/${rest}`;
  }

  /** An address that the registry gave, e.g. in `Location`. @throws StellaError FETCH_FAILED */
  address(location: string | undefined, from: Pick<Answer, 'method' | 'url'>): URL {
    return addressOf(location, from);
  }

  /** Whether an address is the registry's own: only there do credentials go, and from there only challenges count. */
  isOwn(url: URL): boolean {
    return this.#login.origins.has(url.origin);
  }

  get origin(): string {
    return this.#base.origin;
  }

  /** Lets go of idle connections. */
  close(): void {
    this.#transport.close();
  }

  /** How a transfer of several tries that starts at byte `done` gets on. */
  progress(done: number): TransferProgress {
    const { retries, stallTimeout } = this.#transport.options;
    return new TransferProgress(done, retries, stallTimeout);
  }

  /** {@link request}, and the body of its small answer, repeated together. @throws StellaError FETCH_TOO_LARGE, too */
  async requestBytes(
    request: RegistryRequest,
    max: number,
  ): Promise<{ readonly answer: Answer; readonly bytes: Buffer }> {
    return await this.repeated(this.#name(request), async () => {
      const answer = await this.request({ ...request, repeat: false });
      return { answer, bytes: await this.#transport.read(answer, max) };
    });
  }

  /** @throws StellaError REGISTRY_AUTH, FETCH_NOT_FOUND, FETCH_FAILED */
  async request(request: RegistryRequest): Promise<Answer> {
    if (request.repeat === false) return await this.#authorized(request);
    return await this.repeated(this.#name(request), () => this.#authorized(request));
  }

  /**
   * FETCH_FAILED for a status that was expected, and is none to go on with. The answer is read.
   * @param sent bytes of the request, where they may be why
   */
  async failedBy(answer: Answer, sent?: number): Promise<StellaError> {
    const why = await this.#said(answer);
    const failure = failedBy(answer, sent === undefined ? why : `${why} to ${sent} bytes`);
    return answer.status === 413 ? failure.with({ hint: TOO_LONG_HINTS }) : failure;
  }

  /** Runs `work` again, with growing pauses, as long as it fails for a passing reason. */
  async repeated<T>(what: string, work: (attempt: number) => Promise<T>): Promise<T> {
    return await this.#transport.repeated(what, work);
  }

  /** The pause before another try. @throws StellaError `error` where the registry asks for more than can be waited */
  async pause(what: string, error: StellaError, attempt: number): Promise<void> {
    await this.#transport.pause(what, error, attempt);
  }

  async #said(answer: Answer): Promise<string> {
    return `the registry answered ${answer.status}${await errorOf(answer, this.#transport)}`;
  }

  #name({ target }: RegistryRequest): string {
    return withoutQuery(new URL(target, this.#base));
  }

  async #authorized(request: RegistryRequest): Promise<Answer> {
    const answer = await this.#send(request);
    // What another server asks for, the registry's credentials are not the answer to.
    if (answer.status !== 401 || !this.isOwn(answer.url)) return await this.#judged(answer, request);
    // Either nothing has been sent to answer a challenge so far, or the token has expired meanwhile.
    answer.response.destroy();
    await this.#login.answer(answer.headers['www-authenticate'] ?? '', this.#transport);
    const second = await this.#send(request);
    if (second.status !== 401 || !this.isOwn(second.url)) return await this.#judged(second, request);
    second.response.destroy();
    throw await this.#login.refused();
  }

  async #send({ method, target, headers, body }: RegistryRequest): Promise<Answer> {
    const url = new URL(target, this.#base);
    return await this.#transport.send({ method, url, body, ...(headers ? { headers } : {}) });
  }

  async #judged(answer: Answer, request: RegistryRequest): Promise<Answer> {
    const { status, url } = answer;
    if (request.expect === ANY_STATUS || request.expect.includes(status)) return answer;
    if (status === 413) throw await this.failedBy(answer);
    const why = await this.#said(answer);
    const where = withoutQuery(url);
    const message = `${excerpt(where, 200)}: ${why}`;
    if (status === 403) throw new StellaError('REGISTRY_AUTH', message, { details: { status } });
    if (status === 404 || status === 410) {
      throw new StellaError('FETCH_NOT_FOUND', message, {
        details: { url: where, status },
        hint: 'check the reference; list what there is with `stella trust snapshot list oci://HOST/REPOSITORY`',
      });
    }
    throw failedBy(answer, why);
  }
}
