import type { Command } from 'commander';
import type { Cli } from '../../frame/cli.ts';
import { openTrustSetting } from '../../frame/trust-setting.ts';
import {
  acceptedJson,
  acceptedText,
  acceptRules,
  addBundleFlags,
  type BundleFlags,
  bundleSource,
  checkReporter,
} from './bundle-input.ts';

/** `stella trust snapshot verify FILE`: everything that import checks, changing nothing. */
export function registerSnapshotVerify(snapshot: Command, cli: Cli): void {
  const command = addBundleFlags(
    cli.command(
      snapshot,
      'verify <file>',
      'do every check that import does, and change nothing; `-` reads standard input',
    ),
  );
  cli.action<BundleFlags, [string]>(command, async (run, file) => {
    const { checkBundle } = await import('../../../consumer/import.ts');
    const { config, store } = openTrustSetting(run, { offline_mode: run.options.offline });
    const checked = await checkBundle(
      store,
      bundleSource(run, file),
      await acceptRules(run, config),
      checkReporter(run, true),
    );
    return {
      json: { verified: true, ...acceptedJson(checked) },
      text: ['verified', ...acceptedText(checked)].join('\n'),
    };
  });
}
