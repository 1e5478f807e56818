import packageJson from '../../package.json' with { type: 'json' };
import { isStellaError } from '../base/errors.ts';
import { readBounded } from '../base/files.ts';
import {
  type Config,
  type ConfigFlags,
  type ConfigPlace,
  loadConfigFile,
  resolveConfig,
  storePathOf,
} from '../config/config.ts';
import type { Fetcher } from '../net/types.ts';
import { type Generation, openStore, type TrustStore } from '../store/store.ts';

/** The configuration and the trust store to work with. */
export interface TrustSetting {
  readonly config: Config;
  readonly store: TrustStore;
  /** Number of the current generation, where it was looked at. */
  readonly generation?: number;
}

/**
 * Loads the configuration and opens the store. What the store was made with (`--tuf-url`, `--service-map`, `--pin`)
 * counts where flags, environment and file say nothing.
 * @param remember whether to look into the store for that
 * @throws StellaError CONFIG_*, FILE_*, STORE_CORRUPT, STORE_TOO_NEW
 */
export function loadTrustSetting(
  place: ConfigPlace,
  flags: ConfigFlags = {},
  remember: boolean | 'if-readable' = true,
): TrustSetting {
  const file = loadConfigFile(place);
  const config = resolveConfig(place, file, flags);
  const store = openStore(storePathOf(config));
  const current = rememberedGeneration(store, remember);
  if (!current) return { config, store };
  const { state, number: generation } = current;
  return {
    store,
    generation,
    config: resolveConfig(place, file, flags, {
      // A bundle's producer names the repository as it saw it, which need not be reachable from here.
      ...(state.source.kind === 'sync' ? { tuf_url: state.tuf_urls ?? state.tuf.url } : {}),
      ...(state.source.kind === 'import' && state.source.mirror !== undefined
        ? { tuf_url: state.source.mirror }
        : {}),
      service_map_target: state.service_map_target,
      rekor_key_targets: state.rekor_key_targets,
    }),
  };
}

function rememberedGeneration(store: TrustStore, remember: boolean | 'if-readable'): Generation | undefined {
  if (remember === false) return undefined;
  try {
    return store.current();
  } catch (error) {
    if (remember === 'if-readable' && isStellaError(error)) return undefined;
    throw error;
  }
}

const MOST_PEM_BYTES = 4 * 1024 * 1024;
const USER_AGENT = `stella/${packageJson.version}`;

/**
 * The fetcher that a configuration asks for: without any network in it in offline mode.
 * @param trace is told of every retry
 */
export async function configuredFetcher(
  config: Config,
  env: ConfigPlace['env'],
  trace: (line: string) => void = () => {},
): Promise<Fetcher> {
  const { fileFetcher, networkFetcher } = await import('../net/fetcher.ts');
  if (config.offlineMode) return fileFetcher();
  const { bearerToken } = await import('../net/bearer.ts');
  const { network } = config;
  const text = (path: string) => readBounded(path, MOST_PEM_BYTES).toString('latin1');
  return networkFetcher({
    userAgent: network.userAgent ?? USER_AGENT,
    retries: network.retries,
    requestTimeout: network.requestTimeout,
    stallTimeout: network.stallTimeout,
    proxy: network.proxy,
    ca: network.caFile === undefined ? undefined : text(network.caFile),
    clientCertificate:
      network.clientCertificate === undefined
        ? undefined
        : { certificate: text(network.clientCertificate), key: text(network.clientKey!) },
    bearer: bearerToken(network, config.tufUrls, env),
    onRetry: (url, error, delay) =>
      trace(`retrying ${url} in ${(delay / 1000).toFixed(1)} s: ${error.message}`),
  });
}
