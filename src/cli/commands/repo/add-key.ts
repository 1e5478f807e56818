import { type Command, Option } from 'commander';
import type { Cli } from '../../frame/cli.ts';
import {
  editOptions,
  editOutcome,
  keyOptions,
  repositoryOf,
  sessionOptions,
  thresholdFlag,
} from './shared-command.ts';
import type { KeyFlags } from './shared-keys.ts';

interface Options extends KeyFlags {
  readonly threshold?: number;
}

export function registerRepoAddKey(parent: Command, cli: Cli): void {
  const command = cli
    .command(parent, 'add-key <role>', 'give a role one more key')
    .addOption(new Option('--threshold <n>', 'how many keys must sign from now on').argParser(thresholdFlag));
  editOptions(keyOptions(command));
  cli.action<Options, [string]>(command, async (run, role) => {
    const { editRepository } = await import('../../../repository/session.ts');
    const { addKey } = await import('../../../repository/role-keys.ts');
    const { keySource } = await import('./shared-keys.ts');
    const path = await repositoryOf(run);
    const source = await keySource(run, path);
    const { threshold } = run.options;
    const result = await editRepository(path, sessionOptions(run), (editing) =>
      addKey(editing, role, source, threshold),
    );
    return editOutcome(result, `Role ${role}: key ${result.value.name} added`, {
      role,
      added: result.value.name,
    });
  });
}
