import type { Command } from 'commander';
import { formatDuration, formatInstant } from '../../base/clock.ts';
import type { Cli } from '../cli.ts';
import { fetcherOf, loadTrustSetting } from '../trust-setting.ts';

interface Options {
  readonly force?: boolean;
  readonly tufUrl?: string[];
  readonly offline?: boolean;
}

export function registerTrustSync(trust: Command, cli: Cli): void {
  const command = cli
    .command(trust, 'sync', 'bring the trust store up to date with its TUF repository')
    .option('--force', 'ask even though the last answer is recent')
    .option('--tuf-url <url...>', 'the TUF repository, then its mirrors, instead of the configured ones')
    .option('--offline', 'use no network: file:// only');
  cli.action<Options, []>(command, async (run) => {
    const { options, now } = run;
    const { syncTrust } = await import('../../trust/sync.ts');
    const { formatRoles } = await import('../trust-status-text.ts');
    const { config, store } = loadTrustSetting(run, {
      tuf_url: options.tufUrl,
      offline_mode: options.offline,
    });
    const fetcher = await fetcherOf(run, config);
    const setting = { store, config, fetcher, now, warn: run.note };
    const { generation, changed, fresh } = await syncTrust(setting, options.force ?? false);
    const { tuf } = generation.state;
    const roles = formatRoles(tuf.roles);
    const text = fresh
      ? `fresh: synced ${formatDuration(now - fresh)} ago; --force asks all the same`
      : changed
        ? `generation ${generation.number}: ${roles}`
        : `unchanged: ${roles} (generation ${generation.number})`;
    return {
      json: {
        store: store.directory,
        generation: generation.number,
        changed,
        skipped: fresh !== undefined,
        checked_at: formatInstant(fresh ?? now),
        url: tuf.url,
        roles: tuf.roles,
      },
      text,
    };
  });
}
