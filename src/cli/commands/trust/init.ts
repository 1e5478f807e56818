import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { StellaError } from '../../../base/errors.ts';
import { loadPublicKey } from '../../../base/keys.ts';
import type { Cli } from '../../frame/cli.ts';
import { repeatable } from '../../frame/repeated.ts';
import { fetcherOf, openTrustSetting } from '../../frame/trust-setting.ts';
import { repositoriesJson, repositoriesText } from '../../report/repositories.ts';
import { secondOpinionText } from '../../report/second-opinion-text.ts';
import type { RepositoryFlags } from './init-repositories.ts';
import { noteReaders } from './readers-note.ts';

interface Options extends RepositoryFlags {
  readonly serviceMap?: string;
  readonly pin?: string[];
  readonly bundleKey?: string[];
  readonly offline?: boolean;
  readonly replace?: boolean;
}

export function registerTrustInit(trust: Command, cli: Cli): void {
  const command = cli
    .command(
      trust,
      'init [instances...]',
      'make a trust store from a TUF repository, or from public instances by name',
    )
    .addOption(repeatable('--tuf-url <url>', 'the TUF repository, then its mirrors; http, https or file'))
    .addOption(
      repeatable(
        '--instance <name=url>',
        'a further repository, which contributes one instance by that name',
      ),
    )
    .addOption(
      repeatable(
        '--instance-root <name=root>',
        'root metadata that you vouch for of a further repository: a file, or sha256:HEX',
      ),
    )
    .option('--root <file>', 'root metadata that you vouch for')
    .option('--root-fingerprint <sha256:hex>', 'SHA-256 of the root metadata that you vouch for')
    .option('--service-map <name>', 'the service map target')
    .option('--pin <name...>', 'the Rekor key targets, several in a row; no others are believed')
    .addOption(repeatable('--bundle-key <file>', 'public key whose sealed bundles this store shall accept'))
    .option('--offline', 'use no network: file:// only')
    .option('--replace', 'start anew where there is a store already');
  cli.action<Options, [string[]]>(command, async (run, names) => {
    const { options, now } = run;
    if (options.root !== undefined && options.rootFingerprint !== undefined)
      throw new StellaError('USAGE', '--root and --root-fingerprint exclude each other');
    checkPins(cli.args, run.io.cwd);
    const { initFromUrl } = await import('../../../consumer/trust-from-url.ts');
    const { formatRoles } = await import('../../report/status-text.ts');
    const { checkBuiltIn, initialRepositories } = await import('./init-repositories.ts');
    for (const name of names) checkBuiltIn(name);
    const path = (name: string) => resolve(run.io.cwd, name);
    const open = (tufUrl: string[] | undefined) =>
      openTrustSetting(
        run,
        {
          tuf_url: tufUrl,
          service_map_target: options.serviceMap,
          rekor_key_targets: options.pin,
          offline_mode: options.offline,
        },
        { remember: false },
      );
    const told = open(options.tufUrl);
    const { tufUrl, voucher, further } = await initialRepositories(run, names, told.config);
    const { config, store } = tufUrl ? open(tufUrl) : told;
    const bundleKeys = (options.bundleKey ?? []).map((file) => loadPublicKey(path(file)));
    const fetcher = await fetcherOf(run, config);
    const setting = { store, config, fetcher, now, warn: run.note };
    const replace = options.replace ?? false;
    const { generation } = await initFromUrl(setting, voucher, bundleKeys, replace, further);
    const { pin, tuf, reference_time: asOf } = generation.state;
    run.trace(`second opinion: ${secondOpinionText(generation.state)}`);
    noteReaders(run, config, store, generation);
    if (pin.how === 'first-use') {
      run.note(`warning: nobody vouched for the root: trusted on first use (version ${pin.version})`);
      run.note(`warning: compare sha256:${pin.sha256} with the trust team over another channel`);
    }
    const others = generation.repositories.filter(({ isHome }) => !isHome);
    for (const { name, pin: own } of others)
      if (own.how === 'first-use')
        run.note(
          `warning: nobody vouched for the root of the repository ${name}: trusted on first use (version ${own.version}, sha256:${own.sha256}); --instance-root ${name}=sha256:… vouches for it`,
        );
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
        ...repositoriesJson(others),
      },
      text: [
        `trust store ${store.directory}, generation ${generation.number}`,
        `from ${tuf.url} as of ${asOf}: ${roles}`,
        `pinned to root ${pin.version}, sha256:${pin.sha256} (${pin.how})`,
        ...repositoriesText(others),
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
