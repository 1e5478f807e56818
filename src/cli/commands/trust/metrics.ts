import { resolve } from 'node:path';
import type { Instant } from '../../../base/clock.ts';
import { isStellaError } from '../../../base/errors.ts';
import { replaceFile } from '../../../base/files.ts';
import { loadSyncRecord } from '../../../store/sync-record.ts';
import { formatMetrics } from '../../../trust/metrics.ts';
import { loadStatus, type TrustStatus } from '../../../trust/status.ts';
import type { Run } from '../../frame/cli.ts';
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
  replaceFile(
    resolve(run.io.cwd, file),
    Buffer.from(formatMetrics(status, loadSyncRecord(store.directory), now)),
  );
}
