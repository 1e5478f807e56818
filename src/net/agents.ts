import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { getCACertificates } from 'node:tls';

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
