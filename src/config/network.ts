import { delimiter, resolve } from 'node:path';
import { type Duration, SECOND, seconds } from '../base/clock.ts';
import { StellaError } from '../base/errors.ts';
import type { ConfigFileNetwork } from '../base/schema-types.ts';
import { type Environment, type Place, variable } from './locations.ts';
import { resolvePath } from './paths.ts';

/** The address of a proxy as it was written, and what says so: the name of a variable, or `network.proxy`. */
export interface ProxySetting {
  readonly address: string;
  readonly from: string;
}

/** Proxies by the scheme of the request. */
export interface ProxyConfig {
  readonly http?: ProxySetting | undefined;
  readonly https?: ProxySetting | undefined;
  /** Hosts that are reached without a proxy, as in `NO_PROXY`. */
  readonly except?: string | undefined;
}

/** Where the system's certificate authorities are, in place of where they usually are. Absolute paths. */
export interface SystemAuthorities {
  /** `SSL_CERT_FILE` */
  readonly file?: string | undefined;
  /** `SSL_CERT_DIR`: several, separated as in `PATH`. */
  readonly directories?: readonly string[] | undefined;
}

/** How to reach servers: section `attestor.trust_repo.network` and the usual proxy variables. */
export interface NetworkConfig {
  /** How often a failed request is tried again. */
  readonly retries: number;
  /** For one request with its whole body. */
  readonly requestTimeout: Duration;
  /** For the time in which nothing at all arrives. */
  readonly stallTimeout: Duration;
  readonly proxy: ProxyConfig;
  /** PEM certificates trusted besides the runtime's and the system's. */
  readonly caFile: string | undefined;
  readonly systemAuthorities: SystemAuthorities;
  readonly clientCertificate: string | undefined;
  readonly clientKey: string | undefined;
  readonly bearerTokenFile: string | undefined;
  readonly bearerTokenCommand: readonly string[] | undefined;
  readonly userAgent: string | undefined;
}

const DEFAULT_RETRIES = 3;
const DEFAULT_REQUEST_TIMEOUT = seconds(100);
const DEFAULT_STALL_TIMEOUT = seconds(15);

/**
 * @param directory what relative paths in the section are relative to
 * @param attempt keeps what is wrong with a key (CONFIG_INVALID): halves of a pair, two ways to the same thing, a path
 */
export function resolveNetwork(
  section: ConfigFileNetwork,
  place: Pick<Place, 'env' | 'cwd'>,
  directory: string,
  attempt: <T>(key: keyof ConfigFileNetwork, work: () => T) => T | undefined,
): NetworkConfig {
  const path = (key: PathKey) => {
    const name = section[key];
    return name === undefined
      ? undefined
      : attempt(key, () => resolvePath(name, directory, place.env, `network.${key}: `));
  };
  attempt(section.client_key === undefined ? 'client_certificate' : 'client_key', () => checkPair(section));
  attempt('bearer_token_command', () => checkOneToken(section));
  return {
    retries: section.retries ?? DEFAULT_RETRIES,
    requestTimeout: seconds(section.request_timeout_seconds ?? DEFAULT_REQUEST_TIMEOUT / SECOND),
    stallTimeout: seconds(section.stall_timeout_seconds ?? DEFAULT_STALL_TIMEOUT / SECOND),
    proxy: { ...proxies(section.proxy, place.env), except: either(place.env, 'NO_PROXY')?.value },
    caFile: path('ca_file'),
    systemAuthorities: systemAuthorities(place),
    clientCertificate: path('client_certificate'),
    clientKey: path('client_key'),
    bearerTokenFile: path('bearer_token_file'),
    bearerTokenCommand: section.bearer_token_command,
    userAgent: section.user_agent,
  };
}

type PathKey = 'ca_file' | 'client_certificate' | 'client_key' | 'bearer_token_file';

/** @throws StellaError CONFIG_INVALID */
function checkPair({ client_certificate: certificate, client_key: key }: ConfigFileNetwork): void {
  if ((certificate === undefined) === (key === undefined)) return;
  throw new StellaError('CONFIG_INVALID', 'client_certificate and client_key belong together', {
    hint: 'set both or neither in attestor.trust_repo.network',
  });
}

/** @throws StellaError CONFIG_INVALID */
function checkOneToken({ bearer_token_file: file, bearer_token_command: command }: ConfigFileNetwork): void {
  if (file === undefined || command === undefined) return;
  throw new StellaError('CONFIG_INVALID', 'bearer_token_file and bearer_token_command exclude each other', {
    hint: 'set one of them in attestor.trust_repo.network',
  });
}

/** A variable that other programs know in lower case or in both; lower case counts first. */
function either(env: Environment, name: string): { value: string; name: string } | undefined {
  for (const spelling of [name.toLowerCase(), name]) {
    const value = variable(env, spelling);
    if (value !== undefined) return { value, name: spelling };
  }
  return undefined;
}

function proxies(configured: string | undefined, env: Environment): Pick<ProxyConfig, 'http' | 'https'> {
  if (configured === 'none') return {};
  if (configured !== undefined) {
    const proxy = { address: configured, from: 'network.proxy' };
    return { http: proxy, https: proxy };
  }
  const from = (name: string) => {
    const set = either(env, name) ?? either(env, 'ALL_PROXY');
    return set && { address: set.value, from: set.name };
  };
  return { http: from('HTTP_PROXY'), https: from('HTTPS_PROXY') };
}

function systemAuthorities({ env, cwd }: Pick<Place, 'env' | 'cwd'>): SystemAuthorities {
  const file = variable(env, 'SSL_CERT_FILE');
  const directories = variable(env, 'SSL_CERT_DIR')
    ?.split(delimiter)
    .filter((name) => name !== '');
  return {
    ...(file === undefined ? {} : { file: resolve(cwd, file) }),
    ...(directories === undefined ? {} : { directories: directories.map((name) => resolve(cwd, name)) }),
  };
}
