import { Argument, type Command } from 'commander';
import { SERVICES, type Service } from '../../../repository/directory/vocabulary.ts';
import type { Cli } from '../../frame/cli.ts';
import {
  editOptions,
  editOutcome,
  repositoryOf,
  type SigningFlags,
  sessionOptions,
} from './shared-command.ts';

interface Options extends SigningFlags {
  readonly environment?: string;
  readonly target?: string;
}

export function registerRepoSwapEndpoint(parent: Command, cli: Cli): void {
  const command = cli
    .command(parent, 'swap-endpoint', 'change the address of a service in the service map')
    .addArgument(new Argument('<service>', 'the service').choices(SERVICES))
    .argument('<url>', 'its new address')
    .option('--environment <name>', 'change the override of this environment instead')
    .option('--target <name>', 'the service map (needed when there are several)');
  editOptions(command);
  cli.action<Options, [Service, string]>(command, async (run, service, url) => {
    const { editRepository } = await import('../../../repository/session.ts');
    const { swapEndpoint } = await import('../../../repository/swap-endpoint.ts');
    const { environment, target } = run.options;
    const path = await repositoryOf(run);
    const result = await editRepository(path, sessionOptions(run), (editing) =>
      swapEndpoint(editing, {
        service,
        url,
        ...(environment === undefined ? {} : { environment }),
        ...(target === undefined ? {} : { target }),
      }),
    );
    const { name, before } = result.value;
    const where = environment === undefined ? service : `${service} in ${environment}`;
    return editOutcome(
      result,
      `${name}: ${where} is ${url}${before === undefined ? '' : `, was ${before}`}`,
      {
        target: name,
        service,
        url,
        ...(before === undefined ? {} : { before }),
      },
    );
  });
}
