import { join } from 'node:path';
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
}

const MOST_SERVICE_MAP_BYTES = 1024 * 1024;

/**
 * Changes one address in the published service map.
 * @returns the target, and the address before
 * @throws StellaError SERVICE_MAP_NOT_FOUND, SERVICE_MAP_INVALID, URL_CREDENTIALS, USAGE
 */
export function swapEndpoint(
  { draft, directory }: Editing,
  swap: EndpointSwap,
): { name: string; before: string | undefined } {
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
  const before = swapIn(map, swap);
  addTarget(draft, { name, bytes: formatServiceMap(map), facts: {}, replace: true });
  return { name, before };
}

function swapIn(map: ServiceMap, { service, url, environment }: EndpointSwap): string | undefined {
  if (environment === undefined) {
    const before = map[service]?.url;
    map[service] = { ...map[service], url };
    return before;
  }
  const field = `${service}_url` as const;
  const override =
    map.overrides && Object.hasOwn(map.overrides, environment) ? map.overrides[environment]! : {};
  map.overrides = { ...map.overrides, [environment]: { ...override, [field]: url } };
  return override[field];
}
