import { Argument, type Command, Option } from 'commander';
import { parseSha256Hex, type Sha256Hex } from '../../../base/bytes.ts';
import { StellaError } from '../../../base/errors.ts';
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
  readonly sameLog?: boolean;
  readonly logId?: string;
  readonly origin?: string;
  readonly api?: 'tiles' | 'v1';
  readonly publicKeyTarget?: string;
}

export function registerRepoSwapEndpoint(parent: Command, cli: Cli): void {
  const command = cli
    .command(parent, 'swap-endpoint', 'change the address of a service in the service map')
    .addArgument(new Argument('<service>', 'the service').choices(SERVICES))
    .argument('<url>', 'its new address')
    .option('--environment <name>', 'change the override of this environment instead')
    .option('--target <name>', 'the service map (needed when there are several)')
    .option('--same-log', 'the log has moved and is the same: what the map says of it stays')
    .option('--log-id <hex>', "the new log's id")
    .option('--origin <name>', "the new log's origin, where it is not its URL")
    .addOption(new Option('--api <api>', 'what the new log serves').choices(['tiles', 'v1']))
    .option('--public-key-target <name>', "the target with the new log's key");
  editOptions(command);
  cli.action<Options, [Service, string]>(command, async (run, service, url) => {
    const { editRepository } = await import('../../../repository/session.ts');
    const { swapEndpoint } = await import('../../../repository/swap-endpoint.ts');
    const { environment, target, sameLog, logId, origin, api, publicKeyTarget } = run.options;
    const log = {
      ...(logId === undefined ? {} : { logId: logIdFlag(logId) }),
      ...(origin === undefined ? {} : { origin }),
      ...(api === undefined ? {} : { api }),
      ...(publicKeyTarget === undefined ? {} : { publicKeyTarget }),
    };
    const path = await repositoryOf(run);
    const result = await editRepository(path, sessionOptions(run), (editing) =>
      swapEndpoint(editing, {
        service,
        url,
        ...(environment === undefined ? {} : { environment }),
        ...(target === undefined ? {} : { target }),
        ...(sameLog ? { sameLog } : {}),
        log,
      }),
    );
    const { name, before, dropped } = result.value;
    const lost = Object.entries(dropped);
    if (lost.length > 0) {
      const fields = lost.map(([field]) => field).join(', ');
      const flags = lost.map(([field, value]) => `--${field.replaceAll('_', '-')} ${value}`);
      const again = [service, url, ...(environment === undefined ? [] : ['--environment', environment])];
      run.note(`warning: took ${fields} out of ${name}: the log at the address before was described so`);
      run.note(`  if it is the same log: stella repo swap-endpoint ${[...again, ...flags].join(' ')}`);
    }
    const where = environment === undefined ? service : `${service} in ${environment}`;
    return editOutcome(
      result,
      `${name}: ${where} is ${url}${before === undefined ? '' : `, was ${before}`}`,
      {
        target: name,
        service,
        url,
        ...(before === undefined ? {} : { before }),
        ...(lost.length > 0 ? { dropped } : {}),
      },
    );
  });
}

/** @throws StellaError USAGE */
function logIdFlag(text: string): Sha256Hex {
  const id = parseSha256Hex(text);
  if (id !== undefined) return id;
  throw new StellaError('USAGE', `--log-id ${JSON.stringify(text)} is not 64 lowercase hexadecimal digits`, {
    hint: '`stella repo service-map --rekor URL --log-key FILE` prints the id of a log',
  });
}
