import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { getCACertificates } from 'node:tls';
import { systemCode } from '../base/errors.ts';

/** How to reach servers, whatever is asked of them. */
export interface AgentOptions {
  /** In the form of the environment variables that give them. */
  readonly proxy?:
    | {
        readonly http?: string | undefined;
        readonly https?: string | undefined;
        readonly except?: string | undefined;
      }
    | undefined;
  /** PEM certificates trusted besides the system's. */
  readonly ca?: string | undefined;
  readonly clientCertificate?: { readonly certificate: string; readonly key: string } | undefined;
}

export interface Agents {
  readonly http: HttpAgent;
  readonly https: HttpsAgent;
}

/** @param keepAlive whether connections stay open between requests; whoever asks for it has to `destroy` the agents */
export function makeAgents(options: AgentOptions, keepAlive = false): Agents {
  const { http, https, except } = options.proxy ?? {};
  const proxyEnv = {
    ...(http === undefined ? {} : { HTTP_PROXY: http }),
    ...(https === undefined ? {} : { HTTPS_PROXY: https }),
    ...(except === undefined ? {} : { NO_PROXY: except }),
  };
  return {
    http: new HttpAgent({ proxyEnv, keepAlive }),
    https: new HttpsAgent({
      proxyEnv,
      keepAlive,
      ...(options.ca === undefined ? {} : { ca: [...getCACertificates('default'), options.ca] }),
      ...(options.clientCertificate === undefined
        ? {}
        : { cert: options.clientCertificate.certificate, key: options.clientCertificate.key }),
    }),
  };
}

export const REDIRECT_STATUSES: ReadonlySet<number | undefined> = new Set([301, 302, 303, 307, 308]);
/** Answers that may be another one in a while. */
export const PASSING_STATUSES: ReadonlySet<number | undefined> = new Set([408, 425, 429, 500, 502, 503, 504]);

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
