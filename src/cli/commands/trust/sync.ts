import type { Command } from 'commander';
import { formatInstant, type Instant, minutes } from '../../../base/clock.ts';
import { StellaError } from '../../../base/errors.ts';
import type { Synced } from '../../../trust/sync.ts';
import type { Cli } from '../../frame/cli.ts';
import { repeatable } from '../../frame/repeated.ts';
import { fetcherOf, openTrustSetting } from '../../frame/trust-setting.ts';
import { secondOpinionText } from '../../report/second-opinion-text.ts';
import { syncedJson, syncedText } from '../../report/sync-text.ts';
import { noteReaders } from './readers-note.ts';

interface Options {
  readonly force?: boolean;
  readonly watch?: boolean;
  readonly metrics?: string;
  readonly tufUrl?: string[];
  readonly offline?: boolean;
  readonly lowerClockFloor?: boolean;
}

export function registerTrustSync(trust: Command, cli: Cli): void {
  const command = cli
    .command(trust, 'sync', 'bring the trust store up to date with its TUF repository')
    .option('--force', 'ask even though the last answer is recent')
    .option('--watch', 'go on syncing at the configured interval until stopped')
    .option('--metrics <file>', 'write the state as Prometheus text after each sync')
    .addOption(
      repeatable('--tuf-url <url>', 'the TUF repository, then its mirrors, instead of the configured ones'),
    )
    .option('--offline', 'use no network: file:// only')
    .option(
      '--lower-clock-floor',
      'this clock is right and was ahead before: sync, and take its time for the earliest that is possible',
    );
  cli.action<Options, []>(command, async (run) => {
    const { options, io } = run;
    const { syncFromUrl } = await import('../../../consumer/trust-from-url.ts');
    const { writeMetrics } = await import('./metrics.ts');
    const { config, store } = openTrustSetting(run, {
      tuf_url: options.tufUrl,
      offline_mode: options.offline,
    });
    const fetcher = await fetcherOf(run, config);
    const sync = async (now: Instant, force: boolean): Promise<Synced> => {
      try {
        const { lowerClockFloor = false } = options;
        return await syncFromUrl({ store, config, fetcher, now, warn: run.note, lowerClockFloor }, force);
      } finally {
        if (options.metrics !== undefined) await writeMetrics(run, options.metrics, now);
      }
    };
    if (options.watch && options.lowerClockFloor)
      throw new StellaError('USAGE', '--lower-clock-floor is for one sync, not for --watch', {
        hint: 'run `stella trust sync --lower-clock-floor` first',
      });
    if (!options.watch) {
      const floor = store.current()?.state.clock_floor;
      const synced = await sync(run.now, options.force ?? options.lowerClockFloor ?? false);
      const { clock_floor: now } = synced.generation.state;
      if (floor !== undefined && now < floor)
        run.note(`warning: lowered the clock floor from ${floor} to ${now}, as --lower-clock-floor says`);
      run.trace(`second opinion: ${secondOpinionText(synced.generation.state)}`);
      noteReaders(run, config, store, synced.generation);
      return { json: syncedJson(synced, store.directory, run.now), text: syncedText(synced, run.now) };
    }
    const { watchTrust } = await import('../../../trust/watch.ts');
    const controller = new AbortController();
    io.onStop?.(() => controller.abort());
    const time = () => formatInstant(io.clock());
    const watched = await watchTrust({
      interval: minutes(config.refreshIntervalMinutes),
      clock: io.clock,
      signal: controller.signal,
      sync: (now) => sync(now, true),
      onSynced: (synced) => run.note(`${time()} ${syncedText(synced, io.clock())}`),
      onFailure: ({ message, code }, next) =>
        run.note(`${time()} error: ${message} [${code}]; again in ${Math.round(next / 1000)} s`),
    });
    return {
      json: { store: store.directory, ...watched },
      text: `stopped after ${watched.syncs} syncs and ${watched.failures} failures`,
    };
  });
}
