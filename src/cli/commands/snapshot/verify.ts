import type { Command } from 'commander';
import type { Cli } from '../../frame/cli.ts';
import { openTrustSetting } from '../../frame/trust-setting.ts';
import {
  acceptedJson,
  acceptedText,
  acceptRules,
  addBundleFlags,
  type BundleFlags,
  checkReporter,
} from './bundle-input.ts';
import { BUNDLE_ARGUMENT, withBundleSource } from './bundle-source.ts';
import { addRegistryFlags, type RegistryFlags } from './registry-input.ts';

/** `stella trust snapshot verify FILE`: everything that import checks, changing nothing. */
export function registerSnapshotVerify(snapshot: Command, cli: Cli): void {
  const command = addRegistryFlags(
    addBundleFlags(
      cli.command(snapshot, 'verify', 'do every check that import does, and change nothing'),
    ).argument('<file>', BUNDLE_ARGUMENT),
  );
  cli.action<BundleFlags & RegistryFlags, [string]>(command, async (run, file) => {
    const { checkBundle } = await import('../../../consumer/import.ts');
    const { config, store } = openTrustSetting(run, { offline_mode: run.options.offline });
    const rules = await acceptRules(run, config);
    const checked = await withBundleSource(run, config, file, (source) =>
      checkBundle(store, source, rules, checkReporter(run, true)),
    );
    return {
      json: { verified: true, ...acceptedJson(checked) },
      text: ['verified', ...acceptedText(checked)].join('\n'),
    };
  });
}
