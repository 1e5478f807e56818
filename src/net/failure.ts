import { excerpt } from '../base/bytes.ts';
import { type ErrorDetails, StellaError, systemCode } from '../base/errors.ts';
import { PASSING_STATUSES, parseRetryAfter } from './retry.ts';
import type { Answer } from './transport.ts';

/** What a failed request says besides why. */
export interface Failure {
  readonly cause?: unknown;
  /** Given where another try is worth it. */
  readonly retry?: ErrorDetails['retry'] | undefined;
  readonly status?: number;
  readonly hint?: string | undefined;
}

/** For messages: queries may be signed, and whoever reads such an address may use it. */
export function withoutQuery(url: URL): string {
  return `${url.origin}${url.pathname}`;
}

/** FETCH_FAILED of a request. */
export function failed(
  { method, url }: Pick<Answer, 'method' | 'url'>,
  why: string,
  { cause, retry, status, hint }: Failure = {},
): StellaError {
  const doing = method === 'GET' || method === 'HEAD' ? 'fetch' : 'send to';
  return new StellaError('FETCH_FAILED', `cannot ${doing} ${excerpt(withoutQuery(url), 200)}: ${why}`, {
    cause,
    ...(retry ? { retry } : {}),
    ...(hint === undefined ? {} : { hint }),
    details: { url: withoutQuery(url), ...(status === undefined ? {} : { status }) },
  });
}

/** FETCH_FAILED because of what a server answered, to be tried again where that may pass by itself. */
export function failedBy(answer: Answer, why: string): StellaError {
  const { status, headers } = answer;
  if (!PASSING_STATUSES.has(status)) return failed(answer, why, { status });
  const after = parseRetryAfter(headers);
  return failed(answer, why, { status, retry: after === undefined ? {} : { after } });
}

/** The operating system's or OpenSSL's name for why a connection failed, for messages. */
export function connectionReason(cause: unknown): string {
  const code = systemCode(cause);
  // Where a host has several addresses the message is empty and the reasons are inside.
  const inner = cause instanceof AggregateError ? cause.errors.map(connectionReason).join('; ') : '';
  const said = inner !== '' ? inner : cause instanceof Error ? cause.message : String(cause);
  // Node's advice is about an option of its own.
  const message = said.replace(
    /; if the root CA is installed locally, try running Node\.js with [^;(]*?(?= \(|$)/,
    '',
  );
  return code === undefined || message.includes(code) ? message : `${message} (${code})`;
}

export function isCertificateError(cause: unknown): boolean {
  return /CERT|ERR_TLS|ERR_SSL|UNABLE_TO_|ERR_OSSL/.test(systemCode(cause) ?? '');
}

/** What to do where the server does not speak TLS, or shows a certificate of an unknown authority. */
export interface ConnectionHints {
  readonly noTls: string;
  readonly certificate: string;
}

const CONFIGURED: ConnectionHints = {
  noTls: 'the server may not speak TLS: check the URL and its port',
  certificate:
    'if the server is meant, name the file of its authority: network.ca_file in section attestor.trust_repo, or $SSL_CERT_FILE',
};

/**
 * What to do about a connection that failed; `undefined` where the code's own hint says it.
 * @param proxy what the server was to be reached through
 */
export function connectionHint(
  cause: unknown,
  hints: ConnectionHints = CONFIGURED,
  proxy?: { readonly url: URL; readonly from: string },
): string | undefined {
  const code = systemCode(cause) ?? '';
  if (/WRONG_VERSION_NUMBER|EPROTO/.test(connectionReason(cause))) return hints.noTls;
  if (/UNABLE_TO_|SELF_SIGNED|CERT_UNTRUSTED|CERT_SIGNATURE|INVALID_CA/.test(code)) return hints.certificate;
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return 'the certificate is of a server of another name: check the host in the URL';
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID')
    return 'check the clock of this machine; if it is right, the server needs a new certificate';
  if (/ALERT.*(?:CERTIFICATE|HANDSHAKE|UNKNOWN_CA)/.test(code))
    return 'the server may demand a client certificate: network.client_certificate and network.client_key in section attestor.trust_repo';
  return proxy === undefined
    ? undefined
    : `it was tried through the proxy ${proxy.url.origin} of ${proxy.from}: check that, or name the server in NO_PROXY`;
}
