import type { Config, ConfigFlags } from '../../config/config.ts';
import type { Fetcher } from '../../net/types.ts';
import {
  configuredFetcher,
  loadTrustSetting as loadSetting,
  type TrustSetting,
} from '../../trust/setting.ts';
import type { Run } from './cli.ts';

/** The configuration and the trust store that a command works with; the log of the run is told which. */
export function openTrustSetting(
  run: Run<object>,
  flags: ConfigFlags = {},
  options: { readonly remember?: boolean | 'if-readable' } = {},
): TrustSetting {
  const place = { file: run.options.config, env: run.io.env, cwd: run.io.cwd };
  const setting = loadSetting(place, flags, options.remember);
  const { store, generation } = setting;
  run.record({ store: store.directory, ...(generation === undefined ? {} : { generation }) });
  return setting;
}

/** The fetcher of this run: without any network in it in offline mode. */
export function fetcherOf(run: Run<object>, config: Config): Promise<Fetcher> {
  return configuredFetcher(config, run.io.env, run.trace);
}
