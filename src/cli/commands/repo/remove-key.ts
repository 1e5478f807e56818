import { type Command, Option } from 'commander';
import type { Cli } from '../../frame/cli.ts';
import {
  editOptions,
  editOutcome,
  repositoryOf,
  type SigningFlags,
  sessionOptions,
  thresholdFlag,
} from './shared-command.ts';

interface Options extends SigningFlags {
  readonly threshold?: number;
  readonly withoutOldKeys?: boolean;
}

export function registerRepoRemoveKey(parent: Command, cli: Cli): void {
  const command = cli
    .command(parent, 'remove-key <role> <key>', 'take a key from a role, by its name or id')
    .addOption(new Option('--threshold <n>', 'how many keys must sign from now on').argParser(thresholdFlag))
    .option('--without-old-keys', 'the key is lost; clients syncing at this very moment are refused once');
  editOptions(command);
  cli.action<Options, [string, string]>(command, async (run, role, key) => {
    const { editRepository } = await import('../../../repository/session.ts');
    const { removeKey } = await import('../../../repository/role-keys.ts');
    const { threshold, withoutOldKeys } = run.options;
    const path = await repositoryOf(run);
    const result = await editRepository(
      path,
      { ...sessionOptions(run), oldKeys: withoutOldKeys ? 'lost' : 'sign' },
      (editing) => removeKey(editing, role, key, threshold),
    );
    return editOutcome(result, `Role ${role}: key ${result.value} removed`, { role, removed: result.value });
  });
}
