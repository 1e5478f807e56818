import { excerpt } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import { nearest } from '../base/nearest.ts';
import { maskUrl } from '../base/safety/masked-url.ts';
import { parseJson } from '../base/schema.ts';
import type { ServiceMap, ServiceMapLog } from '../base/schema-types.ts';
import { checkNoCredentials } from './url-credentials.ts';

export type { ServiceMap } from '../base/schema-types.ts';

/** The part of the service map that a value came from: the map itself, or an environment's override. */
export type EndpointSource = 'service map' | `override ${string}`;

/** A transparency log that attestations are logged in. */
export interface LogEndpoint {
  readonly url: string;
  /** 64 lowercase hexadecimal digits. */
  readonly logId: string | undefined;
  readonly publicKeyTarget: string | undefined;
  /** Found out by asking when absent. */
  readonly api: 'tiles' | 'v1' | undefined;
  readonly origin: string | undefined;
  readonly source: EndpointSource;
}

export interface ServiceEndpoint {
  readonly url: string;
  /** The target with the service's certificates or key. */
  readonly target: string | undefined;
  readonly logId: string | undefined;
  readonly source: EndpointSource;
}

/** Where the services are, after the overrides of one environment. */
export interface Endpoints {
  readonly environment: string | undefined;
  /** `rekor` first, then the further shards in `logs`. */
  readonly logs: readonly LogEndpoint[];
  readonly fulcio: ServiceEndpoint | undefined;
  readonly tsa: ServiceEndpoint | undefined;
  readonly ctlog: ServiceEndpoint | undefined;
}

/**
 * JSON bytes → service map, version 1.
 * @param what how to call it in messages: the target's name, or the file's path
 * @throws StellaError SERVICE_MAP_INVALID, URL_CREDENTIALS naming the field
 */
export function parseServiceMap(bytes: Uint8Array, what: string): ServiceMap {
  const map = parseJson('service-map', bytes, what, 'SERVICE_MAP_INVALID');
  for (const { where, url } of urlsOf(map)) {
    if (!URL.canParse(url))
      throw new StellaError(
        'SERVICE_MAP_INVALID',
        `${what}: field ${where} is not a URL: ${excerpt(maskUrl(url))}`,
      );
    checkNoCredentials(url, `${what}: field ${where}`);
  }
  return map;
}

/** Service map → JSON, two spaces, LF at the end; the inverse of {@link parseServiceMap}. */
export function formatServiceMap(map: ServiceMap): Uint8Array {
  return Buffer.from(`${JSON.stringify(map, null, 2)}\n`);
}

function* urlsOf(map: ServiceMap): Generator<{ where: string; url: string }> {
  for (const name of ['rekor', 'fulcio', 'tsa', 'ctlog'] as const) {
    const service = map[name];
    if (service) yield { where: `${name}.url`, url: service.url };
  }
  for (const [i, log] of (map.logs ?? []).entries()) yield { where: `logs.${i}.url`, url: log.url };
  for (const [environment, override] of Object.entries(map.overrides ?? {})) {
    for (const [key, value] of Object.entries(override))
      if (key.endsWith('_url')) yield { where: `overrides.${environment}.${key}`, url: value };
  }
}

/**
 * The endpoints of one environment: what its override names replaces the map's own values, everything else stays. A log
 * of the override's own address is another log: what the map says of its log (id, origin, interface) is not said of it.
 * @param environment an entry of `overrides`; none: the map as it is
 * @throws StellaError ENVIRONMENT_UNKNOWN naming those there are; SERVICE_MAP_INVALID for an override of a service that
 *   the map does not have and that it gives no URL for
 */
export function resolveServices(map: ServiceMap, environment: string | undefined): Endpoints {
  const overrides = map.overrides ?? {};
  if (environment !== undefined && !Object.hasOwn(overrides, environment)) {
    const known = Object.keys(overrides);
    const near = nearest(environment, known);
    throw new StellaError(
      'ENVIRONMENT_UNKNOWN',
      `the service map has no environment ${excerpt(environment)}; ${known.length === 0 ? 'it has none' : `it has ${known.map((name) => excerpt(name)).join(', ')}`}`,
      {
        hint:
          near === undefined
            ? 'set attestor.trust_repo.environment to one that there is, or take it out of the configuration'
            : `did you mean ${near}?`,
      },
    );
  }
  const own = environment === undefined ? {} : overrides[environment]!;
  const overridden: EndpointSource = `override ${environment}`;
  const missing = (service: string) =>
    new StellaError(
      'SERVICE_MAP_INVALID',
      `overrides.${environment} changes ${service}, but neither it nor the map has a URL for ${service}`,
    );
  const touches = (service: string) => Object.keys(own).some((key) => key.startsWith(`${service}_`));

  function service(
    name: 'fulcio' | 'tsa' | 'ctlog',
    base: { url: string } | undefined,
    target: string | undefined,
    logId?: string,
  ): ServiceEndpoint | undefined {
    const url = own[`${name}_url`] ?? base?.url;
    if (url === undefined) {
      if (touches(name)) throw missing(name);
      return undefined;
    }
    return { url, target, logId, source: touches(name) ? overridden : 'service map' };
  }

  const log = (entry: ServiceMapLog, source: EndpointSource): LogEndpoint => ({
    url: entry.url,
    logId: entry.log_id,
    publicKeyTarget: entry.public_key_target,
    api: entry.api,
    origin: entry.origin,
    source,
  });
  const rekorUrl = own.rekor_url ?? map.rekor?.url;
  if (rekorUrl === undefined && touches('rekor')) throw missing('rekor');
  const described = own.rekor_url === undefined || own.rekor_url === map.rekor?.url ? map.rekor : undefined;
  const rekor: LogEndpoint | undefined =
    rekorUrl === undefined
      ? undefined
      : {
          url: rekorUrl,
          logId: own.rekor_log_id ?? described?.log_id,
          publicKeyTarget: own.rekor_public_key_target ?? map.rekor?.public_key_target,
          api: own.rekor_api ?? described?.api,
          origin: own.rekor_origin ?? described?.origin,
          source: touches('rekor') ? overridden : 'service map',
        };
  return {
    environment,
    logs: [...(rekor ? [rekor] : []), ...(map.logs ?? []).map((entry) => log(entry, 'service map'))],
    fulcio: service('fulcio', map.fulcio, own.fulcio_root_cert_target ?? map.fulcio?.root_cert_target),
    tsa: service('tsa', map.tsa, map.tsa?.cert_chain_target),
    ctlog: service(
      'ctlog',
      map.ctlog,
      map.ctlog?.public_key_target,
      own.ctlog_url === undefined || own.ctlog_url === map.ctlog?.url ? map.ctlog?.log_id : undefined,
    ),
  };
}
