import type { Command } from 'commander';
import type { Cli } from '../../frame/cli.ts';
import {
  editOptions,
  editOutcome,
  repositoryOf,
  type SigningFlags,
  sessionOptions,
  thresholdFlag,
} from './shared-command.ts';

export function registerRepoSetThreshold(parent: Command, cli: Cli): void {
  const command = cli.command(parent, 'set-threshold <role> <n>', 'say how many keys of a role must sign');
  editOptions(command);
  cli.action<SigningFlags, [string, string]>(command, async (run, role, n) => {
    const { editRepository } = await import('../../../repository/session.ts');
    const { editKeys } = await import('../../../repository/edit/keys.ts');
    const threshold = thresholdFlag(n);
    const path = await repositoryOf(run);
    const result = await editRepository(path, sessionOptions(run), ({ draft }) =>
      editKeys(draft, role, { threshold }),
    );
    return editOutcome(result, `Role ${role}: ${threshold} keys must sign`, { role, threshold });
  });
}
