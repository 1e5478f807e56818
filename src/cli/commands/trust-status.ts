import type { Command } from 'commander';
import { formatInstant, parseDuration } from '../../base/clock.ts';
import { EXIT } from '../../base/codes.ts';
import type { Cli } from '../cli.ts';
import { loadTrustSetting } from '../trust-setting.ts';

interface Options {
  readonly showKeys?: boolean;
  readonly showEndpoints?: boolean;
  readonly expiresWithin?: string;
  readonly metrics?: string;
}

export function registerTrustStatus(trust: Command, cli: Cli): void {
  const command = cli
    .command(trust, 'status', 'what the trust store holds, from whom, and how fresh it is')
    .option('--show-keys', 'list the keys and where each is in its life')
    .option('--show-endpoints', 'list the services and where each address comes from')
    .option('--expires-within <duration>', 'exit with status 5 if anything expires within it, e.g. 14d')
    .option('--metrics <file>', 'write the same as Prometheus text for a textfile collector');
  cli.action<Options, []>(command, async (run) => {
    const { options, now } = run;
    const within = options.expiresWithin === undefined ? undefined : parseDuration(options.expiresWithin);
    const { expiringBy, loadStatus } = await import('../../trust/status.ts');
    const { statusJson, statusText } = await import('../trust-status-text.ts');
    if (options.metrics !== undefined) {
      const { writeMetrics } = await import('../trust-metrics.ts');
      await writeMetrics(run, options.metrics, now);
    }
    const { config, store } = loadTrustSetting(run);
    const status = await loadStatus(store, config, now);
    const expiring = within === undefined ? [] : expiringBy(status, now + within);
    for (const { what, expires } of expiring) run.note(`warning: ${what} expires ${formatInstant(expires)}`);
    return {
      json: {
        ...statusJson(status, config, store.directory),
        ...(within === undefined
          ? {}
          : { expiring: expiring.map(({ what, expires }) => ({ what, expires: formatInstant(expires) })) }),
      },
      text: statusText(status, config, store.directory, {
        keys: options.showKeys ?? false,
        endpoints: options.showEndpoints ?? false,
      }),
      exit: expiring.length > 0 ? EXIT.stale : EXIT.done,
    };
  });
}
