import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { createSecureContext, type SecureContext } from 'node:tls';
import { StellaError } from '../base/errors.ts';
import type { ProxyConfig } from '../config/network.ts';
import { type AuthoritySources, type NamedPath, readNamed, trustedAuthorities } from './authorities.ts';
import { parseNoProxy } from './no-proxy.ts';
import { proxyUrl } from './proxy.ts';

/** How to reach servers, whatever is asked of them. */
export interface AgentOptions {
  readonly proxy?: ProxyConfig | undefined;
  /** Who may vouch for a server besides the runtime's own authorities. Default: the system's. */
  readonly authorities?: AuthoritySources | undefined;
  readonly clientCertificate?: { readonly certificate: NamedPath; readonly key: NamedPath } | undefined;
}

/**
 * The agents of one transport, each made when an address first needs it: certificates are read for TLS only, and a proxy
 * that cannot be used stops only what would go through it.
 */
export class Agents {
  readonly #options: AgentOptions;
  readonly #agents = new Map<string, HttpAgent>();
  readonly #isExcepted: (url: URL) => boolean;
  #context: SecureContext | undefined;

  constructor(options: AgentOptions) {
    this.#options = options;
    const { excepts } = parseNoProxy(options.proxy?.except ?? '');
    this.#isExcepted = excepts;
  }

  /**
   * The agent for an address, with connections that stay open between requests.
   * @throws StellaError CONFIG_INVALID for its proxy; FILE_*, PARSE_FAILED, KEY_INVALID for files of certificates
   */
  agentFor(url: URL): HttpAgent {
    const proxy = this.proxyFor(url)?.url.href;
    const name = `${url.protocol} ${proxy ?? ''}`;
    let agent = this.#agents.get(name);
    if (!agent) {
      const proxyEnv = proxy === undefined ? {} : { HTTP_PROXY: proxy, HTTPS_PROXY: proxy };
      agent =
        url.protocol === 'https:'
          ? new HttpsAgent({ proxyEnv, keepAlive: true, secureContext: this.#secureContext() })
          : new HttpAgent({ proxyEnv, keepAlive: true });
      this.#agents.set(name, agent);
    }
    return agent;
  }

  /** The proxy that an address is reached through, and what names it. @throws StellaError CONFIG_INVALID where it cannot be used */
  proxyFor(url: URL): { readonly url: URL; readonly from: string } | undefined {
    const { http, https } = this.#options.proxy ?? {};
    const setting = url.protocol === 'https:' ? https : http;
    if (setting === undefined || this.#isExcepted(url)) return undefined;
    return { url: proxyUrl(setting), from: setting.from };
  }

  /**
   * Reads what TLS needs before anything does.
   * @throws StellaError FILE_*, PARSE_FAILED, KEY_INVALID
   */
  readCertificates(): void {
    this.#secureContext();
  }

  /** Lets go of idle connections. */
  destroy(): void {
    for (const agent of this.#agents.values()) agent.destroy();
  }

  /** Made once: there are hundreds of certificates to read. */
  #secureContext(): SecureContext {
    this.#context ??= secureContext(this.#options);
    return this.#context;
  }
}

function secureContext({ authorities, clientCertificate }: AgentOptions): SecureContext {
  const ca = trustedAuthorities(authorities ?? { system: {} });
  if (!clientCertificate) return createSecureContext({ ca });
  const { certificate, key } = clientCertificate;
  const client = { cert: readNamed(certificate), key: readNamed(key) };
  try {
    return createSecureContext({ ca, ...client });
  } catch (cause) {
    throw new StellaError(
      'KEY_INVALID',
      `${certificate.path} and ${key.path} cannot be used as a client certificate and its key: ${(cause as Error).message}`,
      {
        cause,
        hint: `correct ${certificate.from} and ${key.from}: PEM files that belong together, the key without a passphrase`,
      },
    );
  }
}
