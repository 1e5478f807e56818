import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { KEY_TYPES, type KeyType } from '../../../repository/directory/vocabulary.ts';
import type { Cli } from '../../frame/cli.ts';
import { repeated } from '../../frame/repeated.ts';
import { describeVersions, newPassphrase, passphraseOption, type SigningFlags } from './shared-command.ts';
import { collectTarget, parseTargetFlag, warnOfName } from './shared-target.ts';

interface Options extends SigningFlags {
  readonly keyType: KeyType;
  readonly passphrase: boolean;
  readonly threshold: readonly string[];
  readonly publicKey: readonly string[];
  readonly expires: readonly string[];
  readonly target: readonly string[];
}

export function registerRepoInit(parent: Command, cli: Cli): void {
  const command = cli
    .command(parent, 'init <dir>', 'make a TUF repository: keys, first metadata, first targets')
    .addOption(new Option('--key-type <type>', 'kind of the keys').choices(KEY_TYPES).default('ed25519'))
    .option('--no-passphrase', 'write plain key files instead of encrypted ones')
    .addOption(
      repeated('--threshold <role=k/n>', 'make n keys for a role, of which k must sign (default: 1/1)'),
    )
    .addOption(repeated('--public-key <role=file>', 'use a key that is kept elsewhere, by its public half'))
    .addOption(repeated('--expires <role=duration>', 'how long a role is valid'))
    .addOption(repeated('--target <name=file[,usage]>', 'publish this target at once'))
    .option('--stage', 'sign and publish nothing yet');
  passphraseOption(command);
  cli.action<Options, [string]>(command, async (run, dir) => {
    const { roleKeysFlags } = await import('./shared-keys.ts');
    const { initRepository } = await import('../../../repository/init.ts');
    const { resembledName, usageOfName } = await import('../../../repository/edit/target.ts');
    const { options, io } = run;
    const path = resolve(io.cwd, dir);
    const targets = options.target.map(parseTargetFlag).map(({ name, file, usage }) => ({
      name,
      bytes: collectTarget(resolve(io.cwd, file)),
      facts: usage ? { usage } : {},
    }));
    const roles = roleKeysFlags(options, io.cwd);
    const passphrase = await newPassphrase(run);
    const result = await initRepository(
      path,
      { keyType: options.keyType, ...roles, passphrase, targets },
      { now: run.now, stage: options.stage ?? false, passphrase: async () => passphrase },
    );
    for (const { name, facts } of targets)
      if (facts.usage === undefined) warnOfName(run, name, usageOfName(name), resembledName(name));
    const { publication, staged, value } = result;
    const keys = Object.entries(value).map(([role, names]) => `  ${role}: ${names.join(', ')}`);
    return {
      json: {
        repository: path,
        public: `${path}/public`,
        keys: value,
        summary: result.summary,
        ...(staged ? { staged } : { published: publication?.versions }),
      },
      text: [
        `Repository ${path}`,
        `Keys (${passphrase === undefined ? 'not encrypted' : 'encrypted'}) in ${path}/keys`,
        ...keys,
        staged
          ? `Staged in ${staged}. Next: stella repo sign, then stella repo publish`
          : `Published ${describeVersions(publication?.versions ?? {})}; serve ${path}/public as static files`,
      ].join('\n'),
    };
  });
}
