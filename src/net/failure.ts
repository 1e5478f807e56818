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
  const message = inner !== '' ? inner : cause instanceof Error ? cause.message : String(cause);
  return code === undefined || message.includes(code) ? message : `${message} (${code})`;
}

export function isCertificateError(cause: unknown): boolean {
  return /CERT|ERR_TLS|ERR_SSL|UNABLE_TO_|ERR_OSSL/.test(systemCode(cause) ?? '');
}
