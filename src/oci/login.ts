import { StellaError } from '../base/errors.ts';
import { bearerAuthorization } from '../net/bearer.ts';
import { failedBy } from '../net/failure.ts';
import { PASSING_STATUSES } from '../net/retry.ts';
import type { Answer, Authorization, Transport, TransportRequest } from '../net/transport.ts';
import { parseChallenges } from './challenge.ts';
import type { Credentials } from './credentials.ts';
import { errorOf } from './registry-error.ts';
import { basicAuthorization, MAX_TOKEN_BYTES, parseTokenAnswer, tokenRequest } from './token.ts';

/** What a login is for. */
export interface LoginPlace {
  /** The registry's own address. */
  readonly base: URL;
  /** The registry, as the user calls it. */
  readonly host: string;
  readonly repository: string;
  readonly access: 'pull' | 'pull,push';
}

/** Who this is to a registry: nothing until it asks, then what answers its challenge. Only the registry itself is told. */
export class Login implements Authorization {
  readonly origins: ReadonlySet<string>;
  readonly #place: LoginPlace;
  readonly #find: () => Promise<Credentials | undefined>;
  #credentials: Promise<Credentials | undefined> | undefined;
  #header: string | undefined;

  constructor(place: LoginPlace, find: () => Promise<Credentials | undefined>) {
    this.#place = place;
    this.#find = find;
    this.origins = new Set([place.base.origin]);
  }

  async header(): Promise<string | undefined> {
    return this.#header;
  }

  /**
   * Gets ready what answers a challenge.
   * @param challenge the header `WWW-Authenticate` of an answer of the registry itself
   * @throws StellaError REGISTRY_AUTH, FETCH_FAILED, CONFIG_INVALID
   */
  async answer(challenge: string, transport: Transport): Promise<void> {
    const { base, repository, access } = this.#place;
    const challenges = parseChallenges(challenge);
    const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
    const credentials = await this.#findCredentials();
    let header: string | undefined;
    if (bearer) {
      const request = tokenRequest(bearer, `repository:${repository}:${access}`, credentials, base);
      const bytes = await transport.repeated(request.url.origin, () =>
        this.#fetchToken(request, credentials, transport),
      );
      header = bearerAuthorization(parseTokenAnswer(bytes, request.url));
    } else if (challenges.some(({ scheme }) => scheme === 'basic') && credentials?.kind === 'password')
      header = basicAuthorization(credentials.username, credentials.password);
    // Requests that run at the same time go on with the one before until then.
    this.#header = header;
  }

  /** REGISTRY_AUTH, after the answer to the challenge was refused. */
  async refused(): Promise<StellaError> {
    const { host, repository } = this.#place;
    this.#header = undefined;
    const credentials = await this.#findCredentials();
    return new StellaError(
      'REGISTRY_AUTH',
      credentials === undefined
        ? `${host} wants credentials for ${repository}, and none were found`
        : `${host} refuses the credentials from ${credentials.from}`,
      { details: { status: 401 } },
    );
  }

  async #fetchToken(
    request: TransportRequest,
    credentials: Credentials | undefined,
    transport: Transport,
  ): Promise<Buffer> {
    // Redirects are not followed: the password is for the service that the registry named.
    // And a token that has expired is no answer there, even if that service is the registry itself.
    const answer: Answer = await transport.send({ ...request, follow: false, authorize: false });
    const { status, url } = answer;
    if (status === 200) return await transport.read(answer, MAX_TOKEN_BYTES);
    const said = await errorOf(answer, transport);
    if (PASSING_STATUSES.has(status)) throw failedBy(answer, `the token service answered ${status}${said}`);
    throw new StellaError(
      'REGISTRY_AUTH',
      credentials === undefined
        ? `${url.host} gives no token for ${this.#place.repository} without credentials, and none were found`
        : `${url.host} refuses the credentials from ${credentials.from} (${status}${said})`,
      { details: { status } },
    );
  }

  #findCredentials(): Promise<Credentials | undefined> {
    this.#credentials ??= this.#find();
    return this.#credentials;
  }
}
