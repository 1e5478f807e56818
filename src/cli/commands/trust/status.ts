import type { Command } from 'commander';
import { formatUtf8 } from '../../../base/bytes.ts';
import { addDuration, formatInstant, parseDuration } from '../../../base/clock.ts';
import { EXIT } from '../../../base/codes.ts';
import { StellaError } from '../../../base/errors.ts';
import type { Expiring } from '../../../trust/status.ts';
import type { Cli } from '../../frame/cli.ts';
import { type ForceFlag, forceOption, optionalDestination } from '../../frame/destination.ts';
import { openTrustSetting } from '../../frame/trust-setting.ts';

interface Options extends ForceFlag {
  readonly showKeys?: boolean;
  readonly showEndpoints?: boolean;
  readonly expiresWithin?: string;
  readonly metrics?: string;
  readonly html?: string;
}

export function registerTrustStatus(trust: Command, cli: Cli): void {
  const command = cli
    .command(trust, 'status', 'what the trust store holds, from whom, and how fresh it is')
    .option('--show-keys', 'list the keys and where each is in its life')
    .option('--show-endpoints', 'list the services and where each address comes from')
    .option('--expires-within <duration>', 'exit with status 5 if anything expires within it, e.g. 14d')
    .option('--metrics <file>', 'write the same as Prometheus text for a textfile collector')
    .option('--html <file>', 'also write a web page with pictures');
  forceOption(command, '--html');
  cli.action<Options, []>(command, async (run) => {
    const { options, now } = run;
    const page = optionalDestination(run, '--html', options.html);
    const within = options.expiresWithin === undefined ? undefined : parseDuration(options.expiresWithin);
    const { expiringBy, loadStatus, refusalsOf } = await import('../../../trust/status.ts');
    const { statusJson, statusText } = await import('../../report/status-text.ts');
    if (options.metrics !== undefined) {
      const { writeMetrics } = await import('./metrics.ts');
      await writeMetrics(run, options.metrics, now);
    }
    const { config, store } = openTrustSetting(run);
    const status = await loadStatus(store, config, now);
    const expiring = within === undefined ? [] : expiringBy(status, addDuration(now, within));
    for (const { what, expires } of expiring) run.note(`warning: ${what} expires ${formatInstant(expires)}`);
    for (const { blocked } of status.repositories)
      if (blocked)
        run.note(`warning: ${blocked.message} [${blocked.code}]; attestations of that instance are refused`);
    const refusals = refusalsOf(status);
    for (const refusal of refusals) run.fail(refusal);
    if (refusals.length === 0 && expiring.length > 0) run.fail(expiresSoon(expiring, options.expiresWithin!));
    if (page) {
      const { statusReport } = await import('./status-report.ts');
      const { formatReport } = await import('../../report/page.ts');
      await page.write(formatUtf8(formatReport(await statusReport(status, store, config))));
    }
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
      exit: refusals[0]?.exit ?? (expiring.length > 0 ? EXIT.stale : EXIT.done),
    };
  });
}

const MAX_LISTED = 5;

/** A status other than 0 is never silent, not even with `--quiet`. */
function expiresSoon(expiring: readonly Expiring[], within: string): StellaError {
  const listed = expiring
    .slice(0, MAX_LISTED)
    .map(({ what, expires }) => `${what} (${formatInstant(expires)})`);
  const more = expiring.length > MAX_LISTED ? ` and ${expiring.length - MAX_LISTED} more` : '';
  return new StellaError('EXPIRES_SOON', `within ${within} this expires: ${listed.join(', ')}${more}`);
}
