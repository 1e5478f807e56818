import { storeTrustInputs } from '../../../attest/authority/store-trust.ts';
import type { TrustInputs } from '../../../attest/authority/verifier-trust.ts';
import type { Duration } from '../../../base/clock.ts';
import { formatFreshness } from '../../../trust/freshness.ts';
import type { Run } from '../../frame/cli.ts';
import { openTrustSetting } from '../../frame/trust-setting.ts';

/** The trust of the configured trust store, with a warning where it is no longer fresh. */
export async function openStoreTrust(
  run: Run<object>,
  maxAge: Duration | undefined,
): Promise<{ trust: TrustInputs; requireIdentity: boolean; settings: object }> {
  const { store, config } = openTrustSetting(run);
  const trust = await storeTrustInputs({ store, config, now: run.now, maxAge });
  const { freshness, how } = trust.origin;
  if (freshness?.state === 'stale')
    run.note(`warning: the trust store is ${formatFreshness(freshness, how ?? 'sealed')}`);
  const { requireIdentity } = config;
  return {
    trust,
    requireIdentity,
    // Of the configuration, what decides about verdicts and is not in the trust already.
    settings: {
      requireIdentity,
      freshnessThresholdDays: config.freshnessThresholdDays,
      freshnessWarnDays: config.freshnessWarnDays,
      maxAge,
    },
  };
}
