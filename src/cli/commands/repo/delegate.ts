import { parse, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { StellaError } from '../../../base/errors.ts';
import { KEY_TYPES, type KeyType } from '../../../repository/directory/vocabulary.ts';
import type { Cli } from '../../frame/cli.ts';
import { repeatable, repeated } from '../../frame/repeated.ts';
import {
  editOptions,
  editOutcome,
  repositoryOf,
  type SigningFlags,
  sessionOptions,
  thresholdFlag,
} from './shared-command.ts';

interface Options extends SigningFlags {
  readonly paths?: readonly string[];
  readonly hashBins?: number;
  readonly from: string;
  readonly terminating?: boolean;
  readonly keyType: KeyType;
  readonly passphrase: boolean;
  readonly publicKey: readonly string[];
  readonly threshold: number;
}

export function registerRepoDelegate(parent: Command, cli: Cli): void {
  const command = cli
    .command(parent, 'delegate <name>', 'let other keys sign for some targets, or spread all over hash bins')
    .addOption(repeatable('--paths <pattern>', 'target names that the role may list, e.g. team/*'))
    .addOption(
      new Option('--hash-bins <n>', 'spread all new targets over n roles (TAP 15)').argParser(Number),
    )
    .option('--from <role>', 'the role that delegates', 'targets')
    .option('--terminating', 'look no further for targets of these paths')
    .addOption(new Option('--key-type <type>', 'kind of the new key').choices(KEY_TYPES).default('ed25519'))
    .option('--no-passphrase', 'write a plain key file instead of an encrypted one')
    .addOption(repeated('--public-key <file>', 'take a key that is kept elsewhere, by its public half'))
    .addOption(new Option('--threshold <n>', 'how many keys must sign').argParser(thresholdFlag).default(1));
  editOptions(command);
  cli.action<Options, [string]>(command, async (run, name) => {
    const { editRepository } = await import('../../../repository/session.ts');
    const { delegate } = await import('../../../repository/edit/delegations.ts');
    const { provideKeys } = await import('../../../repository/role-keys.ts');
    const { loadPublicKey } = await import('../../../base/keys.ts');
    const { furtherPassphrase } = await import('./shared-keys.ts');
    const { paths, hashBins, from, terminating, keyType, threshold } = run.options;
    if ((paths === undefined) === (hashBins === undefined))
      throw new StellaError('USAGE', 'give either --paths or --hash-bins');
    const to = paths ? { paths, terminating: terminating ?? false } : { hashBins: hashBins! };
    const path = await repositoryOf(run);
    const given = run.options.publicKey.map((file) => ({
      name: parse(file).name,
      publicKey: loadPublicKey(resolve(run.io.cwd, file)),
    }));
    const sources =
      given.length > 0 ? given : [{ type: keyType, passphrase: await furtherPassphrase(run, path) }];
    const result = await editRepository(path, sessionOptions(run), (editing) => {
      const keys = provideKeys(editing, name, sources);
      delegate(editing.draft, { name, from, threshold, to, keys: keys.map(({ publicKey }) => publicKey) });
      return keys.map((key) => key.name);
    });
    const what = paths ? paths.join(' ') : `${hashBins} hash bins`;
    return editOutcome(result, `Role ${from} delegates ${what} to ${name}`, {
      role: name,
      keys: result.value,
    });
  });
}
