import { excerpt } from '../base/bytes.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { readBounded } from '../base/files.ts';
import type { ServiceMap } from '../base/schema-types.ts';
import type { Config } from '../config/config.ts';
import { type Endpoints, type LogEndpoint, parseServiceMap, resolveServices } from '../config/service-map.ts';
import { originOf } from '../tlog/origin.ts';
import type { TufView } from '../tuf/view.ts';
import { findTargetByStem, loadServiceMap, targetNamesOf } from './targets.ts';

/** Where the services are, and what says so. */
export interface Services {
  readonly map: ServiceMap;
  readonly endpoints: Endpoints;
  /** The name of the target, or the path of the local file that replaces it. */
  readonly from: string;
}

const MAX_MAP_BYTES = 1024 * 1024;

/**
 * The service map in force, after the overrides of the configured environment: the local file of
 * `STELLA_SIGSTORE_SERVICE_MAP`, else the repository's target.
 * @param origins what logs were found to sign as, by their URLs; what the map says itself counts more
 * @returns `undefined` where no map was asked for, by its name or by an environment, and the repository has none of the
 *   default name
 * @throws StellaError SERVICE_MAP_NOT_FOUND, SERVICE_MAP_INVALID, ENVIRONMENT_UNKNOWN, FILE_NOT_FOUND, …
 */
export async function loadServices(
  view: TufView,
  config: Config,
  origins: ReadonlyMap<string, string> = new Map(),
): Promise<Services | undefined> {
  const file = config.serviceMapFile;
  const map = file === undefined ? await loadServiceMap(view, targetNamesOf(config)) : localServiceMap(file);
  if (!map) {
    if (config.environment !== undefined) throw environmentWithoutMap(config, config.environment);
    return undefined;
  }
  const from = file ?? findTargetByStem(view, config.serviceMapTarget, new Set(config.trustRoles))!.name;
  const endpoints = resolveServices(map, config.environment);
  return { map, endpoints: { ...endpoints, logs: withOrigins(endpoints.logs, origins) }, from };
}

/** One log's origin is never found to be that of another. */
function withOrigins(
  logs: readonly LogEndpoint[],
  origins: ReadonlyMap<string, string>,
): readonly LogEndpoint[] {
  const originIn = (log: LogEndpoint) => log.origin ?? originOf(log.url);
  return logs.map((log) => {
    const found = log.origin === undefined ? origins.get(log.url) : undefined;
    const isOfAnother = logs.some((other) => other !== log && originIn(other) === found);
    return found === undefined || isOfAnother ? log : { ...log, origin: found };
  });
}

/** The file that replaces the target; what is wrong with it is not for the repository to mend. */
function localServiceMap(file: string): ServiceMap {
  try {
    return parseServiceMap(readBounded(file, MAX_MAP_BYTES), file);
  } catch (error) {
    if (!isStellaError(error)) throw error;
    throw error.with({
      hint: `correct the file that STELLA_SIGSTORE_SERVICE_MAP names, or unset the variable`,
    });
  }
}

function environmentWithoutMap({ serviceMapTarget, origins }: Config, environment: string): StellaError {
  const { source, where } = origins.environment;
  return new StellaError(
    'ENVIRONMENT_UNKNOWN',
    `there is no environment ${excerpt(environment)} (${where ?? source}): the repository has no service map ${excerpt(serviceMapTarget)}`,
    {
      hint: [
        'take attestor.trust_repo.environment out of the configuration',
        'or set service_map_target to the name of the target that has the environments',
      ],
    },
  );
}
