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
  readonly dropRepository?: string[];
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
    .addOption(
      repeatable(
        '--drop-repository <name>',
        'follow a further repository no more, or let a mirror leave it out',
      ),
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
    let dropRepositories = options.dropRepository && new Set(options.dropRepository);
    const sync = async (now: Instant, force: boolean): Promise<Synced> => {
      try {
        const { lowerClockFloor = false } = options;
        const setting = { store, config, fetcher, now, warn: run.note, lowerClockFloor };
        return await syncFromUrl({ ...setting, ...(dropRepositories ? { dropRepositories } : {}) }, force);
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
      for (const failure of synced.failures.values()) run.fail(failure);
      const [first] = synced.failures.values();
      return {
        json: syncedJson(synced, store.directory, run.now),
        text: syncedText(synced, run.now),
        ...(first ? { exit: first.exit } : {}),
      };
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
      onSynced: (synced) => {
        // What was dropped is not held any more.
        dropRepositories = undefined;
        run.note(`${time()} ${syncedText(synced, io.clock())}`);
      },
      onFailure: ({ message, code }, next) =>
        run.note(`${time()} error: ${message} [${code}]; again in ${Math.round(next / 1000)} s`),
    });
    return {
      json: { store: store.directory, ...watched },
      text: `stopped after ${watched.syncs} syncs and ${watched.failures} failures`,
    };
  });
}
