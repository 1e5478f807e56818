import { excerpt } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import type { ConfigFindings } from './findings.ts';
import { type Environment, variable } from './locations.ts';
import { resolvePath } from './paths.ts';
import { checkUrl } from './url-credentials.ts';

/** What variables set. */
export interface EnvironmentSettings {
  /** By key of the configuration. */
  readonly values: { readonly tuf_url?: string[]; readonly offline_mode?: boolean };
  /** Absolute path of `STELLA_SIGSTORE_SERVICE_MAP`. */
  readonly serviceMapFile: string | undefined;
}

/** The variables that set keys of the configuration. */
export const VARIABLES = {
  tuf_url: 'STELLA_TUF_ROOT_URL',
  offline_mode: 'STELLA_TUF_OFFLINE_MODE',
  service_map_file: 'STELLA_SIGSTORE_SERVICE_MAP',
} as const;

interface Place {
  readonly env: Environment;
  readonly cwd: string;
}

/** Whatever is wrong with a variable goes to `findings`, with its name. */
export function environmentSettings(place: Place, findings: ConfigFindings): EnvironmentSettings {
  function read<T>(key: keyof typeof VARIABLES, parse: (text: string) => T): T | undefined {
    const text = variable(place.env, VARIABLES[key]);
    return text === undefined ? undefined : findings.attempt({}, () => parse(text));
  }
  const urls = read('tuf_url', parseUrls);
  const offline = read('offline_mode', parseOfflineMode);
  return {
    values: {
      ...(urls === undefined ? {} : { tuf_url: urls }),
      ...(offline === undefined ? {} : { offline_mode: offline }),
    },
    serviceMapFile: read('service_map_file', (text) =>
      pathInVariable(VARIABLES.service_map_file, text, place),
    ),
  };
}

/**
 * The path that a variable gives, relative to the working directory, `~/` as in the configuration file.
 * @throws StellaError CONFIG_INVALID naming the variable
 */
export function pathInVariable(name: string, path: string, { env, cwd }: Place): string {
  return resolvePath(path, cwd, env, `${name}: `);
}

function parseUrls(text: string): string[] {
  const urls = text.split(/\s+/).filter((url) => url !== '');
  // Blanks alone are a mistake, and no way to say that nothing is set.
  for (const url of urls.length === 0 ? [text] : urls) checkUrl(url, VARIABLES.tuf_url);
  return urls;
}

function parseOfflineMode(text: string): boolean {
  const value = text.trim().toLowerCase();
  if (value === 'true' || value === 'false') return value === 'true';
  throw new StellaError(
    'CONFIG_INVALID',
    `${VARIABLES.offline_mode} must be true or false, not ${excerpt(text)}`,
    { hint: `set ${VARIABLES.offline_mode} to true or to false, or unset it` },
  );
}
