import type { Command } from 'commander';
import type { Cli } from '../../frame/cli.ts';
import {
  editOptions,
  editOutcome,
  repositoryOf,
  type SigningFlags,
  sessionOptions,
} from './shared-command.ts';

export function registerRepoRemoveTarget(parent: Command, cli: Cli): void {
  const command = cli.command(parent, 'remove-target <name>', 'stop publishing a target');
  editOptions(command);
  cli.action<SigningFlags, [string]>(command, async (run, name) => {
    const { editRepository } = await import('../../../repository/session.ts');
    const { removeTarget } = await import('../../../repository/edit/targets.ts');
    const path = await repositoryOf(run);
    const result = await editRepository(path, sessionOptions(run), ({ draft }) => removeTarget(draft, name));
    return editOutcome(result, `Target ${name} removed`, { target: name });
  });
}
