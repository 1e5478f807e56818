import type { Command } from 'commander';
import { formatUsedConfiguration } from '../../../config/used-configuration.ts';
import { usedConfiguration } from '../../../config/widening.ts';
import type { Cli } from '../../frame/cli.ts';
import { type ForceFlag, forceOption, optionalDestination } from '../../frame/destination.ts';
import { openTrustSetting } from '../../frame/trust-setting.ts';
import { secondOpinionText } from '../../report/second-opinion-text.ts';
import { printable } from '../../terminal/output.ts';
import {
  acceptedJson,
  acceptedText,
  acceptRules,
  addBundleFlags,
  type BundleFlags,
  checkReporter,
} from '../snapshot/bundle-input.ts';
import { BUNDLE_ARGUMENT, withBundleSource } from '../snapshot/bundle-source.ts';
import { addRegistryFlags, type RegistryFlags } from '../snapshot/registry-input.ts';
import { noteReaders } from './readers-note.ts';
import { receiptPath } from './receipt-path.ts';

interface Options extends BundleFlags, RegistryFlags, ForceFlag {
  readonly dryRun?: boolean;
  readonly receipt?: string;
  readonly site?: string;
}

/** `stella trust import FILE`: the moment when something from outside is believed. */
export function registerTrustImport(trust: Command, cli: Cli): void {
  const summary = 'check a sealed bundle and make it the current trust';
  const command = addRegistryFlags(addBundleFlags(cli.command(trust, 'import', summary)))
    .argument('<file>', BUNDLE_ARGUMENT)
    .option('--dry-run', 'do every check and change nothing')
    .option(
      '--receipt <path>',
      'write what was accepted, for the producer: a file, or a directory that gets one file each time; signed if signing_key is configured',
    )
    .option('--site <name>', 'what the receipt calls this site (default: the host name)');
  forceOption(command, '--receipt');
  cli.action<Options, [string]>(command, async (run, file) => {
    const { options } = run;
    const { checkBundle, importBundle } = await import('../../../consumer/import.ts');
    const { config, store } = openTrustSetting(run, { offline_mode: options.offline });
    const rules = await acceptRules(run, config);
    const judgedBy = `configuration ${formatUsedConfiguration(usedConfiguration(config))}`;
    const onCheck = checkReporter(run, options.verifyManifest ?? false);
    const receiptTo = optionalDestination(run, '--receipt', receiptPath(run, options));
    if (options.dryRun) {
      const checked = await withBundleSource(run, config, file, (source) =>
        checkBundle(store, source, rules, onCheck),
      );
      return {
        json: { imported: false, dry_run: true, ...acceptedJson(checked) },
        text: [
          'every check passed; nothing was changed (--dry-run)',
          ...acceptedText(checked),
          judgedBy,
        ].join('\n'),
      };
    }
    const imported = await withBundleSource(run, config, file, (source) =>
      importBundle(store, source, file, rules, onCheck),
    );
    const { acceptance, generation, newlyPinned } = imported;
    const { alreadyHeld, freshness, pin, trust } = acceptance;
    const { pinnedBundleKeys } = await import('../../../trust/bundle-keys.ts');
    const { pinnedKeysJson, pinnedKeysText } = await import('../../report/pinned-keys.ts');
    const pinned = pinnedBundleKeys(generation.state);
    run.trace(`second opinion: ${secondOpinionText(generation.state)}`);
    noteReaders(run, config, store, generation);
    if (freshness.state === 'stale') run.note('warning: this bundle is getting old; ask for a newer one');
    if (!alreadyHeld && pin.how === 'first-use') {
      run.note(`warning: nobody vouched for the root: trusted on first use (sha256:${pin.sha256})`);
    }
    for (const { name, pin: own, held, expired } of alreadyHeld ? [] : acceptance.repositories) {
      if (!held && own.how === 'bundle')
        run.note(
          `warning: the repository ${name} is new here, and nobody but the signer of the bundle vouches for its root (version ${own.version}, sha256:${own.sha256}): from now on this store keeps to it`,
        );
      if (expired !== undefined)
        run.note(
          `warning: the repository ${name} had expired when it was sealed (${expired}): attestations of that instance are refused`,
        );
    }
    for (const { id } of newlyPinned)
      run.note(
        `warning: pinned the bundle key sha256:${id}: from now on this store accepts bundles of it; \`stella trust unpin sha256:${id}\` ends that`,
      );
    const { adviceOnUnusedKeys } = await import('../../../trust/key-list.ts');
    for (const { text, hint } of adviceOnUnusedKeys(trust.unused, config))
      run.note(`warning: ${text}; ${hint}`);
    if (receiptTo) {
      const { makeReceipt } = await import('../../../consumer/receipt.ts');
      const { path } = receiptTo;
      const { receipt, bytes } = await makeReceipt(generation, trust.targets, {
        site: options.site,
        signingKey: config.signingKey,
        now: run.now,
      });
      await receiptTo.write(bytes);
      run.note(`receipt ${path} for site ${printable(receipt.site)}: bring it back to the connected side`);
    }
    return {
      json: {
        imported: !alreadyHeld,
        generation: generation.number,
        store: store.directory,
        newly_pinned: newlyPinned.map(({ id }) => id),
        pinned_bundle_keys: pinnedKeysJson(pinned),
        ...acceptedJson(imported),
      },
      text: [
        alreadyHeld
          ? `nothing to do: the trust store holds this very bundle (generation ${generation.number})`
          : `imported ${printable(file)} into ${store.directory}, generation ${generation.number}`,
        ...acceptedText(imported),
        judgedBy,
        ...(pinned.length === 0 ? [] : [`pinned bundle keys: ${pinnedKeysText(pinned)}`]),
      ].join('\n'),
    };
  });
}
