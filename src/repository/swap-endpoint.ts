import { join } from 'node:path';
import type { Sha256Hex } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import { readBounded } from '../base/files.ts';
import { formatServiceMap, parseServiceMap, type ServiceMap } from '../config/service-map.ts';
import { checkNoCredentials } from '../config/url-credentials.ts';
import { servedTargetPath } from './directory/target-name.ts';
import type { Service } from './directory/vocabulary.ts';
import { parseCustom } from './edit/target.ts';
import { addTarget } from './edit/targets.ts';
import type { Editing } from './session.ts';

/** A service's new address. */
export interface EndpointSwap {
  readonly service: Service;
  readonly url: string;
  /** The environment whose override is meant, instead of the service itself. */
  readonly environment?: string;
  /** The service map's target name; not needed if there is one service map only. */
  readonly target?: string;
  /** Whether it is the log that was there, at another address: what the map says of it stays. */
  readonly sameLog?: boolean;
  /** What the map says of a new log; what it said of the one before goes. */
  readonly log?: LogFacts;
}

/** What a service map says of a log besides its address. */
export interface LogFacts {
  readonly logId?: Sha256Hex;
  readonly origin?: string;
  readonly api?: 'tiles' | 'v1';
  readonly publicKeyTarget?: string;
}

export interface SwappedEndpoint {
  readonly name: string;
  readonly before: string | undefined;
  /** What described the log at the address before, which the map does not say any more: values by the names of the map's fields. */
  readonly dropped: Readonly<Record<string, string>>;
}

/** Of each kind of log, what its entry says that is of that one log and no other. */
const DESCRIBING = { rekor: ['log_id', 'origin', 'api'], ctlog: ['log_id'] } as const;
/** Of each kind of log, what can be said of it. */
const SAYABLE = {
  rekor: ['log_id', 'origin', 'api', 'public_key_target'],
  ctlog: ['log_id', 'public_key_target'],
} as const;

const MOST_SERVICE_MAP_BYTES = 1024 * 1024;

/**
 * Changes one address in the published service map. Of a log that moved to another address, what the map says of the log
 * before goes, unless it is said to be the same log: a stale log id would have every export refuse the new log's key.
 * @throws StellaError SERVICE_MAP_NOT_FOUND, SERVICE_MAP_INVALID, URL_CREDENTIALS, USAGE
 */
export function swapEndpoint({ draft, directory }: Editing, swap: EndpointSwap): SwappedEndpoint {
  checkFacts(swap);
  const maps = [...draft.roles.values()].flatMap(({ signed }) =>
    Object.entries(signed.targets).filter(([name, { custom }]) =>
      swap.target === undefined ? parseCustom(custom).usage === 'service-map' : name === swap.target,
    ),
  );
  const [found, another] = maps;
  if (!found)
    throw new StellaError(
      'SERVICE_MAP_NOT_FOUND',
      `Service map not found${swap.target === undefined ? '' : `: ${swap.target}`}`,
      { hint: 'add one: ./scripts/add-target.sh FILE sigstore-services-v1.json --usage service-map' },
    );
  if (another && swap.target === undefined)
    throw new StellaError('USAGE', `there are ${maps.length} service maps`, {
      hint: `give --target: ${maps.map(([name]) => name).join(', ')}`,
    });
  const [name, { hashes }] = found;
  const path = servedTargetPath(name, hashes['sha256'] ?? Object.values(hashes)[0]!);
  const bytes = draft.fileAt(path) ?? readBounded(join(directory.public, path), MOST_SERVICE_MAP_BYTES);
  const map = structuredClone(parseServiceMap(bytes, name));
  checkNoCredentials(swap.url, `the new address of ${swap.service}`);
  const { before, dropped } = swapIn(map, swap);
  addTarget(draft, { name, bytes: formatServiceMap(map), facts: {}, replace: true });
  return { name, before, dropped };
}

/** As the service map has them. */
function fieldsOf({ logId, origin, api, publicKeyTarget }: LogFacts) {
  return {
    ...(logId === undefined ? {} : { log_id: logId }),
    ...(origin === undefined ? {} : { origin }),
    ...(api === undefined ? {} : { api }),
    ...(publicKeyTarget === undefined ? {} : { public_key_target: publicKeyTarget }),
  };
}

/** @throws StellaError USAGE for facts that the service's entry has no field for */
function checkFacts({ service, environment, log = {}, sameLog = false }: EndpointSwap): void {
  const said = Object.keys(fieldsOf(log));
  const sayable: readonly string[] = service === 'rekor' || service === 'ctlog' ? SAYABLE[service] : [];
  // An override has a URL for the CT log and nothing else.
  const known = service === 'ctlog' && environment !== undefined ? [] : sayable;
  const unknown = said.find((field) => !known.includes(field));
  if (unknown !== undefined)
    throw new StellaError(
      'USAGE',
      `the service map has no ${unknown} of ${environment === undefined ? service : `${service} in an environment`}`,
      {
        hint: known.length > 0 ? `it has ${known.join(', ')}` : 'leave it out: only logs are described so',
      },
    );
  if (sameLog && said.length > 0)
    throw new StellaError('USAGE', `--same-log keeps what the map says, and ${said[0]} is given`, {
      hint: 'give either --same-log, or what is to be said of the new log',
    });
}

function swapIn(
  map: ServiceMap,
  { service, url, environment, sameLog = false, log: facts = {} }: EndpointSwap,
): Omit<SwappedEndpoint, 'name'> {
  const log = fieldsOf(facts);
  const ofLog: readonly string[] = service === 'rekor' || service === 'ctlog' ? DESCRIBING[service] : [];
  /** Takes out what was of the log before; what is said now is no loss. */
  const drop = (entry: Map<string, unknown>, before: string | undefined, prefix = '') => {
    const dropped = new Map<string, string>();
    for (const field of sameLog || url === before ? [] : ofLog) {
      const value = entry.get(`${prefix}${field}`);
      if (typeof value === 'string' && !Object.hasOwn(log, field)) dropped.set(field, value);
      entry.delete(`${prefix}${field}`);
    }
    return Object.fromEntries(dropped);
  };
  if (environment === undefined) {
    const before = map[service]?.url;
    const entry = new Map<string, unknown>(Object.entries(map[service] ?? {}));
    const dropped = drop(entry, before);
    map[service] = { ...Object.fromEntries(entry), ...log, url };
    return { before, dropped };
  }
  const field = `${service}_url` as const;
  const override =
    map.overrides && Object.hasOwn(map.overrides, environment) ? map.overrides[environment]! : {};
  const before = override[field];
  const entry = new Map<string, unknown>(Object.entries(override));
  const dropped = drop(entry, before, `${service}_`);
  const said = Object.fromEntries(Object.entries(log).map(([name, value]) => [`${service}_${name}`, value]));
  map.overrides = {
    ...map.overrides,
    [environment]: { ...Object.fromEntries(entry), ...said, [field]: url },
  };
  return { before, dropped };
}
