import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { StellaError } from '../../../base/errors.ts';
import { readBounded } from '../../../base/files.ts';
import { loadPublicKey } from '../../../base/keys.ts';
import { MAX_BYTES } from '../../../tuf/metadata-file.ts';
import type { Cli } from '../../frame/cli.ts';
import { repeatable } from '../../frame/repeated.ts';
import { fetcherOf, openTrustSetting } from '../../frame/trust-setting.ts';
import { secondOpinionText } from '../../report/second-opinion-text.ts';
import { noteReaders } from './readers-note.ts';

interface Options {
  readonly tufUrl?: string[];
  readonly root?: string;
  readonly rootFingerprint?: string;
  readonly serviceMap?: string;
  readonly pin?: string[];
  readonly bundleKey?: string[];
  readonly offline?: boolean;
  readonly replace?: boolean;
}

export function registerTrustInit(trust: Command, cli: Cli): void {
  const command = cli
    .command(trust, 'init', 'make a trust store from a TUF repository')
    .addOption(repeatable('--tuf-url <url>', 'the TUF repository, then its mirrors; http, https or file'))
    .option('--root <file>', 'root metadata that you vouch for')
    .option('--root-fingerprint <sha256:hex>', 'SHA-256 of the root metadata that you vouch for')
    .option('--service-map <name>', 'the service map target')
    .option('--pin <name...>', 'the Rekor key targets, several in a row; no others are believed')
    .addOption(repeatable('--bundle-key <file>', 'public key whose sealed bundles this store shall accept'))
    .option('--offline', 'use no network: file:// only')
    .option('--replace', 'start anew where there is a store already');
  cli.action<Options, []>(command, async (run) => {
    const { options, now } = run;
    if (options.root !== undefined && options.rootFingerprint !== undefined)
      throw new StellaError('USAGE', '--root and --root-fingerprint exclude each other');
    checkPins(cli.args, run.io.cwd);
    const { initFromUrl } = await import('../../../consumer/trust-from-url.ts');
    const { formatRoles } = await import('../../report/status-text.ts');
    const { parseFingerprint } = await import('../../../trust/pin.ts');
    const path = (name: string) => resolve(run.io.cwd, name);
    const { config, store } = openTrustSetting(
      run,
      {
        tuf_url: options.tufUrl,
        service_map_target: options.serviceMap,
        rekor_key_targets: options.pin,
        offline_mode: options.offline,
      },
      { remember: false },
    );
    const voucher =
      options.root !== undefined
        ? ({ how: 'root-file', bytes: readBounded(path(options.root), MAX_BYTES.root) } as const)
        : options.rootFingerprint !== undefined
          ? ({ how: 'fingerprint', sha256: parseFingerprint(options.rootFingerprint) } as const)
          : ({ how: 'nobody' } as const);
    const bundleKeys = (options.bundleKey ?? []).map((file) => loadPublicKey(path(file)));
    const fetcher = await fetcherOf(run, config);
    const setting = { store, config, fetcher, now, warn: run.note };
    const { generation } = await initFromUrl(setting, voucher, bundleKeys, options.replace ?? false);
    const { pin, tuf, reference_time: asOf } = generation.state;
    run.trace(`second opinion: ${secondOpinionText(generation.state)}`);
    noteReaders(run, config, store, generation);
    if (pin.how === 'first-use') {
      run.note(`warning: nobody vouched for the root: trusted on first use (version ${pin.version})`);
      run.note(`warning: compare sha256:${pin.sha256} with the trust team over another channel`);
    }
    const roles = formatRoles(tuf.roles);
    const { pinnedBundleKeys } = await import('../../../trust/bundle-keys.ts');
    const { pinnedKeysJson, pinnedKeysText } = await import('../../report/pinned-keys.ts');
    const pinned = pinnedBundleKeys(generation.state);
    return {
      json: {
        store: store.directory,
        generation: generation.number,
        url: tuf.url,
        pin,
        pinned_bundle_keys: pinnedKeysJson(pinned),
        roles: tuf.roles,
      },
      text: [
        `trust store ${store.directory}, generation ${generation.number}`,
        `from ${tuf.url} as of ${asOf}: ${roles}`,
        `pinned to root ${pin.version}, sha256:${pin.sha256} (${pin.how})`,
        ...(pinned.length === 0 ? [] : [`pinned bundle keys: ${pinnedKeysText(pinned)}`]),
      ].join('\n'),
    };
  });
}

/**
 * `--pin` takes several names in a row, as the guide has it. A path among them is no name: it was meant for something
 * else, and must not be passed over.
 * @throws StellaError USAGE
 */
function checkPins(args: readonly string[], cwd: string): void {
  args.forEach((word, i) => {
    const isFurther = pinsBefore(args, i) > 0;
    if (isFurther && (/[/\\]/.test(word) || existsSync(resolve(cwd, word))))
      throw new StellaError('USAGE', `--pin takes the names of targets, and took the path ${word}`, {
        hint: [
          `give the option that ${word} belongs to`,
          `if a target is called so: --pin NAME --pin ${word}`,
        ],
      });
  });
}

/** How many names `--pin` has taken before the word at `i`, if it takes that one, too. */
function pinsBefore(args: readonly string[], i: number): number {
  if (args[i]!.startsWith('-')) return 0;
  let start = i;
  while (start > 0 && !args[start - 1]!.startsWith('-')) start -= 1;
  return args[start - 1] === '--pin' ? i - start : 0;
}
