import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Cli } from '../../frame/cli.ts';
import {
  describeVersions,
  passphraseOption,
  repoOption,
  repositoryOf,
  retiredLines,
  type SigningFlags,
  sessionOptions,
} from './shared-command.ts';

interface Options extends SigningFlags {
  readonly withoutOldKeys?: boolean;
}

export function registerRepoPublish(parent: Command, cli: Cli): void {
  const command = cli
    .command(parent, 'publish [dir...]', 'publish the staged change, with the signatures of copies of it')
    .option('--without-old-keys', 'old keys are lost; clients syncing at this very moment are refused once');
  passphraseOption(repoOption(command));
  cli.action<Options, [string[]]>(command, async (run, copies) => {
    const { publishStaged } = await import('../../../repository/ceremony.ts');
    const path = await repositoryOf(run);
    const { publication, summary, retired } = await publishStaged(
      path,
      copies.map((copy) => resolve(run.io.cwd, copy)),
      { ...sessionOptions(run), oldKeys: run.options.withoutOldKeys ? 'lost' : 'sign' },
    );
    const { versions, written } = publication;
    return {
      json: { published: versions, written, summary, retired_keys: retired },
      text: [...summary, `Published ${describeVersions(versions)}`, ...retiredLines(retired)].join('\n'),
    };
  });
}
