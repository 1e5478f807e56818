import { basename, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { SERVICE_USAGES, USAGES } from '../../../repository/directory/vocabulary.ts';
import type { Cli } from '../../frame/cli.ts';
import { enumerate } from '../../frame/command-help.ts';
import { printable } from '../../terminal/output.ts';
import {
  editOptions,
  editOutcome,
  repositoryOf,
  type SigningFlags,
  sessionOptions,
} from './shared-command.ts';
import { collectTarget, type TargetFlags, targetFacts, warnOfName } from './shared-target.ts';

interface Options extends SigningFlags, TargetFlags {
  readonly replace?: boolean;
  readonly role?: string;
}

export function registerRepoAddTarget(parent: Command, cli: Cli): void {
  const command = cli
    .command(parent, 'add-target <file> [name]', 'publish a file as a target')
    .addOption(new Option('--usage <usage>', 'what it is for (default: by its name)').choices(USAGES))
    .option('--uri <url>', `the service that uses it (${enumerate(SERVICE_USAGES)})`)
    .option('--valid-from <time>', 'not used for anything signed before this time')
    .option('--valid-until <time>', 'not used for anything signed after this time')
    .option('--role <name>', 'list it in this delegated role')
    .option('--replace', 'replace the target of this name');
  editOptions(command);
  cli.action<Options, [string, string | undefined]>(command, async (run, file, given) => {
    const { editRepository } = await import('../../../repository/session.ts');
    const { addTarget, describeFacts } = await import('../../../repository/edit/targets.ts');
    const { resembledName } = await import('../../../repository/edit/target.ts');
    const path = await repositoryOf(run);
    const name = given ?? basename(file);
    const bytes = collectTarget(resolve(run.io.cwd, file));
    const { replace, role } = run.options;
    const facts = targetFacts(run.options);
    const result = await editRepository(path, sessionOptions(run), ({ draft }) =>
      addTarget(draft, {
        name,
        bytes,
        facts,
        ...(replace === undefined ? {} : { replace }),
        ...(role === undefined ? {} : { role }),
      }),
    );
    if (run.options.usage === undefined) warnOfName(run, name, result.value.facts.usage, resembledName(name));
    const { role: listed, replacedKey } = result.value;
    if (replacedKey !== undefined) {
      run.note(
        `warning: the ${replacedKey} key that was ${printable(name)} counts as revoked from now on: clients refuse what it signed`,
      );
      run.note(
        '  if that is not meant: publish both, each under a name of its own, and retire the old one with `stella repo retire-target NAME --valid-until TIME`',
      );
    }
    if (listed !== 'targets' && result.value.facts.usage !== 'other')
      run.note(
        `warning: the usage ${result.value.facts.usage} of ${name} does not count for clients: it is listed by the delegated role ${listed}; it does where their trust_roles names ${listed}`,
      );
    const what = describeFacts(result.value.facts);
    return editOutcome(
      result,
      `Target ${name}: ${bytes.length} bytes, ${what}, in role ${result.value.role}`,
      {
        target: name,
        length: bytes.length,
        role: result.value.role,
        usage: result.value.facts.usage,
      },
    );
  });
}
