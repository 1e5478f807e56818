import packageJson from '../../package.json' with { type: 'json' };
import { isStellaError } from '../base/errors.ts';
import type { Fetcher } from '../base/fetcher.ts';
import { readBounded } from '../base/files.ts';
import { type Config, type ConfigFlags, loadConfig, storePathOf } from '../config/config.ts';
import { type Generation, openStore, type TrustStore } from '../trust/store.ts';
import type { Run } from './cli.ts';

/** The configuration and the trust store that a command works with. */
export interface TrustSetting {
  readonly config: Config;
  readonly store: TrustStore;
}

/**
 * Loads the configuration and opens the store. What the store was made with (`--tuf-url`, `--service-map`, `--pin`)
 * counts where flags, environment and file say nothing.
 */
export function loadTrustSetting(
  run: Run<object>,
  flags: ConfigFlags = {},
  options: { readonly remember?: boolean | 'if-readable' } = {},
): TrustSetting {
  const place = { file: run.options.config, env: run.io.env, cwd: run.io.cwd };
  const config = loadConfig(place, flags);
  const store = openStore(storePathOf(config));
  const current = rememberedGeneration(store, options.remember ?? true);
  run.record({ store: store.directory, ...(current ? { generation: current.number } : {}) });
  const state = current?.state;
  if (!state) return { config, store };
  return {
    store,
    config: loadConfig(place, flags, {
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

/** The fetcher of this run: without any network in it in offline mode. */
export async function fetcherOf(run: Run<object>, config: Config): Promise<Fetcher> {
  const { fileFetcher, networkFetcher } = await import('../trust/fetcher.ts');
  if (config.offlineMode) return fileFetcher();
  const { bearerToken } = await import('../trust/bearer.ts');
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
    bearer: bearerToken(network, config.tufUrls, run.io.env),
    onRetry: (url, error, delay) =>
      run.trace(`retrying ${url} in ${(delay / 1000).toFixed(1)} s: ${error.message}`),
  });
}

const USER_AGENT = `stella/${packageJson.version}`;
