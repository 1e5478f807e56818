import type { Command } from 'commander';
import { formatInstant } from '../../../base/clock.ts';
import type { Cli } from '../../frame/cli.ts';
import {
  editOptions,
  editOutcome,
  instantFlag,
  repositoryOf,
  type SigningFlags,
  sessionOptions,
} from './shared-command.ts';

interface Options extends SigningFlags {
  readonly validUntil: string;
}

export function registerRepoRetireTarget(parent: Command, cli: Cli): void {
  const command = cli
    .command(parent, 'retire-target <name>', 'keep a key for what it signed, but for nothing later')
    .requiredOption('--valid-until <time>', 'not used for anything signed after this time');
  editOptions(command);
  cli.action<Options, [string]>(command, async (run, name) => {
    const { editRepository } = await import('../../../repository/session.ts');
    const { retireTarget } = await import('../../../repository/edit/targets.ts');
    const path = await repositoryOf(run);
    const until = instantFlag('--valid-until', run.options.validUntil);
    const result = await editRepository(path, sessionOptions(run), ({ draft }) =>
      retireTarget(draft, name, until, run.now),
    );
    return editOutcome(result, `Target ${name} is valid until ${formatInstant(until)}`, {
      target: name,
      valid_until: formatInstant(until),
    });
  });
}
