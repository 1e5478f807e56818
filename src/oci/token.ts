import { excerpt } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import { parseJson } from '../base/schema.ts';
import { isBearerToken } from '../net/bearer.ts';
import { bodyOf } from '../net/exchange.ts';
import { HTTPS_HINT } from '../net/redirect.ts';
import type { TransportRequest } from '../net/transport.ts';
import type { Challenge } from './challenge.ts';
import type { Credentials } from './credentials.ts';

/** Of the answer of a token service. */
export const MAX_TOKEN_BYTES = 256 * 1024;
const CLIENT_ID = 'stella';

/** `Authorization` of HTTP basic authentication (RFC 7617). */
export function basicAuthorization(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

/**
 * The request to a token service that a `Bearer` challenge asks for (distribution specification, "Token
 * Authentication"; with an identity token, "OAuth 2").
 * @param registry the registry's own address: a token service may not be reached less safely
 * @throws StellaError REGISTRY_AUTH where the challenge cannot or must not be answered
 */
export function tokenRequest(
  challenge: Challenge,
  scope: string,
  credentials: Credentials | undefined,
  registry: URL,
): TransportRequest {
  const realm = challenge.parameters.get('realm') ?? '';
  const url = URL.canParse(realm) ? new URL(realm) : undefined;
  if (
    !url ||
    !/^https?:$/.test(url.protocol) ||
    url.username !== '' ||
    url.password !== '' ||
    (registry.protocol === 'https:' && url.protocol !== 'https:')
  ) {
    throw new StellaError(
      'REGISTRY_AUTH',
      `${registry.host} names a token service that must not be used: ${excerpt(realm, 200)}`,
      { hint: url?.protocol === 'http:' ? HTTPS_HINT : "report it to the registry's owner" },
    );
  }
  const service = challenge.parameters.get('service');
  if (credentials?.kind === 'identity-token') {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      client_id: CLIENT_ID,
      refresh_token: credentials.token,
      scope,
      ...(service === undefined ? {} : { service }),
    });
    return {
      method: 'POST',
      url,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: bodyOf(Buffer.from(form.toString())),
    };
  }
  url.searchParams.set('scope', scope);
  if (service !== undefined) url.searchParams.set('service', service);
  return {
    method: 'GET',
    url,
    headers:
      credentials === undefined
        ? {}
        : { authorization: basicAuthorization(credentials.username, credentials.password) },
  };
}

/** @throws StellaError REGISTRY_AUTH */
export function parseTokenAnswer(bytes: Uint8Array, url: URL): string {
  const { token, access_token } = parseJson('oci-token', bytes, `the answer of ${url.host}`, 'REGISTRY_AUTH');
  const given = token ?? access_token;
  if (given === undefined || !isBearerToken(given))
    throw new StellaError('REGISTRY_AUTH', `${url.host} answered without a usable token`);
  return given;
}
