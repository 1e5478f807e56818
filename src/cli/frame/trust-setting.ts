import type { Config, ConfigFlags } from '../../config/config.ts';
import { strayConfigFile } from '../../config/stray-file.ts';
import { usedConfiguration } from '../../config/widening.ts';
import type { Fetcher } from '../../net/types.ts';
import {
  configuredFetcher,
  loadTrustSetting as loadSetting,
  type TrustSetting,
} from '../../trust/setting.ts';
import { printable } from '../terminal/output.ts';
import type { Run } from './cli.ts';

const warned = new WeakSet<Run<object>>();

/** What lies in the working directory or may have been written by others is named, once in a run. */
function warn(run: Run<object>, { config, store }: TrustSetting): void {
  if (warned.has(run)) return;
  warned.add(run);
  const stray = strayConfigFile(run.io.cwd, config.file);
  if (stray !== undefined)
    run.note(
      `warning: ${printable(stray)} does not count: it lies in the working directory; if it is yours, name it with --config or $STELLA_CONFIG`,
    );
  const who = store.writableBy();
  if (who !== undefined) run.note(`warning: the trust store is not to be trusted: ${who}`);
}

/**
 * The configuration and the trust store that a command works with; the log of the run and its result are told which.
 */
export function openTrustSetting(
  run: Run<object>,
  flags: ConfigFlags = {},
  options: { readonly remember?: boolean | 'if-readable' } = {},
): TrustSetting {
  const place = { file: run.options.config, env: run.io.env, cwd: run.io.cwd };
  const setting = loadSetting(place, flags, options.remember);
  const { store, generation } = setting;
  run.record({ store: store.directory, ...(generation === undefined ? {} : { generation }) });
  run.judgedBy(usedConfiguration(setting.config));
  warn(run, setting);
  return setting;
}

/** The fetcher of this run: without any network in it in offline mode. */
export function fetcherOf(run: Run<object>, config: Config): Promise<Fetcher> {
  return configuredFetcher(config, run.io.env, run.trace);
}
