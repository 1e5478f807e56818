import type { Instant } from '../../../base/clock.ts';
import { isStellaError } from '../../../base/errors.ts';
import { loadSyncRecord } from '../../../store/sync-record.ts';
import { formatMetrics } from '../../../trust/metrics.ts';
import { loadStatus, type TrustStatus } from '../../../trust/status.ts';
import type { Run } from '../../frame/cli.ts';
import { destinationOf } from '../../frame/destination.ts';
import { openTrustSetting } from '../../frame/trust-setting.ts';

/**
 * Writes the store's state for a metrics collector, replacing the file in one step. A store that does not verify is a
 * metric, not an error.
 */
export async function writeMetrics(run: Run<object>, file: string, now: Instant): Promise<void> {
  const { config, store } = openTrustSetting(run, {}, { remember: 'if-readable' });
  let status: TrustStatus | undefined;
  try {
    const loaded = await loadStatus(store, config, now);
    if (loaded.problems.length === 0) status = loaded;
  } catch (error) {
    if (!isStellaError(error)) throw error;
  }
  await destinationOf(run, file, 'text', true).write(
    Buffer.from(formatMetrics(status, loadSyncRecord(store.directory), now)),
  );
}
