import { storeTrustInputs } from '../attest/store-trust.ts';
import type { TrustInputs } from '../attest/trust.ts';
import type { Duration } from '../base/clock.ts';
import { loadConfig, storePathOf } from '../config/config.ts';
import { formatFreshness } from '../trust/freshness.ts';
import { openStore } from '../trust/store.ts';
import type { Run } from './cli.ts';

/** The trust of the configured trust store, with a warning where it is no longer fresh. */
export async function openStoreTrust(run: Run<object>, maxAge: Duration | undefined): Promise<TrustInputs> {
  const place = { file: run.options.config, env: run.io.env, cwd: run.io.cwd };
  const store = openStore(storePathOf(loadConfig(place)));
  const { state } = store.require(run.now);
  const config = loadConfig(place, {}, { ...state, tuf_url: state.tuf.url });
  const trust = await storeTrustInputs({ store, config, now: run.now, maxAge });
  const { freshness, how } = trust.origin;
  if (freshness && freshness.state !== 'fresh')
    run.note(`warning: the trust store is ${formatFreshness(freshness, how ?? 'sealed')}`);
  return trust;
}
