import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { formatInstant } from '../../../base/clock.ts';
import { readBounded } from '../../../base/files.ts';
import type { Cli } from '../../frame/cli.ts';
import { formatTable } from '../../terminal/output.ts';
import { instantFlag, type RepoFlags, repoOption, repositoryOf } from './shared-command.ts';

interface Options extends RepoFlags {
  readonly root?: string;
  readonly asOf?: string;
}

export function registerRepoVerify(parent: Command, cli: Cli): void {
  const command = cli
    .command(parent, 'verify [dir]', 'check everything that a repository publishes, whoever made it')
    .option('--root <file>', 'begin with this root instead of the first that is published')
    .option('--as-of <time>', 'judge expiry as of this time instead of now');
  repoOption(command);
  cli.action<Options, [string | undefined]>(command, async (run, dir) => {
    const { verifyRepository } = await import('../../../repository/verify.ts');
    const { options, io } = run;
    const given = dir === undefined ? await repositoryOf(run) : resolve(io.cwd, dir);
    const directory = existsSync(join(given, 'repo.yaml')) ? join(given, 'public') : given;
    const now = options.asOf === undefined ? run.now : instantFlag('--as-of', options.asOf);
    const trustedRoot =
      options.root === undefined ? undefined : readBounded(resolve(io.cwd, options.root), 1024 * 1024);
    const { roles, targets, rootVersions } = verifyRepository(directory, now, trustedRoot);
    const json = roles.map((role) => ({ ...role, expires: formatInstant(role.expires) }));
    const roots = `${rootVersions[0]}–${rootVersions.at(-1)}`;
    return {
      json: { directory, as_of: formatInstant(now), root_versions: rootVersions, roles: json, targets },
      text: [
        formatTable([
          ['role', 'version', 'expires'],
          ...json.map(({ role, version, expires }) => [role, String(version), expires]),
        ]),
        `Verified roots ${roots}, ${roles.length} roles and ${targets} targets as of ${formatInstant(now)}`,
      ].join('\n'),
    };
  });
}
