import type { Command } from 'commander';
import type { Cli } from '../../frame/cli.ts';
import { type RepoFlags, repoOption, repositoryOf } from './shared-command.ts';

interface Options extends RepoFlags {
  readonly discard?: boolean;
}

export function registerRepoStage(parent: Command, cli: Cli): void {
  const command = cli
    .command(parent, 'stage [role...]', 'show the staged change; with roles, issue them anew as part of it')
    .option('--discard', 'drop the staged change');
  repoOption(command);
  cli.action<Options, [string[]]>(command, async (run, roles) => {
    const { editRepository, withRepository } = await import('../../../repository/session.ts');
    const { viewStaged, formatRoleProgress } = await import('../../../repository/ceremony.ts');
    const { discardStaged, loadStaged } = await import('../../../repository/publish/staged.ts');
    const { renewRole } = await import('../../../repository/edit/renew.ts');
    const path = await repositoryOf(run);
    if (run.options.discard) {
      await withRepository(path, run.now, async ({ staged }) => discardStaged(staged));
      return { json: { discarded: true }, text: 'Nothing is staged now' };
    }
    if (roles.length > 0)
      await editRepository(
        path,
        { now: run.now, stage: true, passphrase: async () => undefined },
        ({ draft }) => {
          for (const role of roles) renewRole(draft, role);
        },
      );
    const { staged, view } = await withRepository(path, run.now, async (directory) => ({
      staged: directory.staged,
      view: viewStaged(loadStaged(directory.staged, run.now)),
    }));
    return {
      json: { staged, ...view },
      text: [
        ...view.summary,
        ...view.progress.map(formatRoleProgress),
        `Staged in ${staged}. Next: stella repo sign, then stella repo publish`,
      ].join('\n'),
    };
  });
}
