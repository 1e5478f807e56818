import { resolve } from 'node:path';
import { type Duration, SECOND, seconds } from '../base/clock.ts';
import { StellaError } from '../base/errors.ts';
import type { ConfigFileNetwork } from '../base/schema-types.ts';
import { type Environment, variable } from './locations.ts';

/** How to reach servers: section `attestor.trust_repo.network` and the usual proxy variables. */
export interface NetworkConfig {
  /** How often a failed request is tried again. */
  readonly retries: number;
  /** For one request with its whole body. */
  readonly requestTimeout: Duration;
  /** For the time in which nothing at all arrives. */
  readonly stallTimeout: Duration;
  readonly proxy: {
    readonly http: string | undefined;
    readonly https: string | undefined;
    /** Hosts that are reached without a proxy, as in `NO_PROXY`. */
    readonly except: string | undefined;
  };
  /** PEM certificates trusted besides the system's. */
  readonly caFile: string | undefined;
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
 * @throws StellaError CONFIG_INVALID for halves of a pair, or two ways to the same thing
 */
export function resolveNetwork(
  section: ConfigFileNetwork,
  env: Environment,
  directory: string,
): NetworkConfig {
  const path = (name: string | undefined) => (name === undefined ? undefined : resolve(directory, name));
  if ((section.client_certificate === undefined) !== (section.client_key === undefined)) {
    throw new StellaError('CONFIG_INVALID', 'client_certificate and client_key belong together', {
      hint: 'set both or neither in attestor.trust_repo.network',
    });
  }
  if (section.bearer_token_file !== undefined && section.bearer_token_command !== undefined) {
    throw new StellaError('CONFIG_INVALID', 'bearer_token_file and bearer_token_command exclude each other', {
      hint: 'set one of them in attestor.trust_repo.network',
    });
  }
  const either = (name: string) => variable(env, name.toLowerCase()) ?? variable(env, name);
  const proxy =
    section.proxy === undefined
      ? {
          http: either('HTTP_PROXY') ?? either('ALL_PROXY'),
          https: either('HTTPS_PROXY') ?? either('ALL_PROXY'),
        }
      : section.proxy === 'none'
        ? { http: undefined, https: undefined }
        : { http: section.proxy, https: section.proxy };
  return {
    retries: section.retries ?? DEFAULT_RETRIES,
    requestTimeout: seconds(section.request_timeout_seconds ?? DEFAULT_REQUEST_TIMEOUT / SECOND),
    stallTimeout: seconds(section.stall_timeout_seconds ?? DEFAULT_STALL_TIMEOUT / SECOND),
    proxy: { ...proxy, except: either('NO_PROXY') },
    caFile: path(section.ca_file),
    clientCertificate: path(section.client_certificate),
    clientKey: path(section.client_key),
    bearerTokenFile: path(section.bearer_token_file),
    bearerTokenCommand: section.bearer_token_command,
    userAgent: section.user_agent,
  };
}
