import type { Command } from 'commander';
import {
  acceptedJson,
  acceptedText,
  acceptRules,
  addBundleFlags,
  type BundleFlags,
  bundleSource,
  checkLine,
} from '../bundle-input.ts';
import type { Cli } from '../cli.ts';
import { printable } from '../output.ts';
import { loadTrustSetting } from '../trust-setting.ts';

interface Options extends BundleFlags {
  readonly dryRun?: boolean;
}

/** `stella trust import FILE`: the moment when something from outside is believed. */
export function registerTrustImport(trust: Command, cli: Cli): void {
  const command = addBundleFlags(
    cli.command(
      trust,
      'import <file>',
      'check a sealed bundle and make it the current trust; `-` reads standard input',
    ),
  ).option('--dry-run', 'do every check and change nothing');
  cli.action<Options, [string]>(command, async (run, file) => {
    const { options } = run;
    const { checkBundle, importBundle } = await import('../../consumer/import.ts');
    const { config, store } = loadTrustSetting(run, { offline_mode: options.offline });
    const rules = acceptRules(run, config);
    const source = bundleSource(run, file);
    const onCheck = options.verifyManifest
      ? (result: Parameters<typeof checkLine>[0]) => run.note(checkLine(result))
      : undefined;
    if (options.dryRun) {
      const checked = await checkBundle(store, source, rules, onCheck);
      return {
        json: { imported: false, dry_run: true, ...acceptedJson(checked) },
        text: ['every check passed; nothing was changed (--dry-run)', ...acceptedText(checked)].join('\n'),
      };
    }
    const imported = await importBundle(store, source, file, rules, onCheck);
    const { acceptance, generation } = imported;
    if (acceptance.freshness.state === 'stale')
      run.note('warning: this bundle is getting old; ask for a newer one');
    if (!acceptance.alreadyHeld && acceptance.pin.how === 'first-use' && generation.number === 1) {
      run.note(
        `warning: nobody vouched for the root: trusted on first use (sha256:${acceptance.pin.sha256})`,
      );
    }
    const headline = acceptance.alreadyHeld
      ? `nothing to do: the trust store holds this very bundle (generation ${generation.number})`
      : `imported ${printable(file)} into ${store.directory}, generation ${generation.number}`;
    return {
      json: {
        imported: !acceptance.alreadyHeld,
        generation: generation.number,
        store: store.directory,
        ...acceptedJson(imported),
      },
      text: [headline, ...acceptedText(imported)].join('\n'),
    };
  });
}
