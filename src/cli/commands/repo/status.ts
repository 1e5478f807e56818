import type { Command } from 'commander';
import { durationBetween, formatDuration, formatInstant, type Instant } from '../../../base/clock.ts';
import type { Cli } from '../../frame/cli.ts';
import { formatTable } from '../../terminal/output.ts';
import { type RepoFlags, repoOption, repositoryOf } from './shared-command.ts';

export function registerRepoStatus(parent: Command, cli: Cli): void {
  const command = cli.command(parent, 'status', 'roles, keys, targets, and what is staged');
  repoOption(command);
  cli.action<RepoFlags, []>(command, async (run) => {
    const { repositoryStatus } = await import('../../../repository/status.ts');
    const path = await repositoryOf(run);
    const status = repositoryStatus(path, run.now);
    const left = (expires: Instant) =>
      expires <= run.now
        ? `expired ${formatDuration(durationBetween(expires, run.now))} ago`
        : `${formatDuration(durationBetween(run.now, expires))} left`;
    const roles = status.roles.map(({ role, version, expires, threshold, keys }) => [
      role,
      String(version),
      `${formatInstant(expires)} (${left(expires)})`,
      `${threshold} of ${keys.length}: ${keys.map(({ name, id }) => name ?? id.slice(0, 12)).join(', ')}`,
    ]);
    const targets = status.targets.map(({ name, length, role, facts }) => [
      name,
      `${length} bytes`,
      role,
      facts,
    ]);
    return {
      json: {
        ...status,
        roles: status.roles.map((role) => ({ ...role, expires: formatInstant(role.expires) })),
      },
      text: [
        `Repository ${path}`,
        ...(roles.length > 0
          ? [formatTable([['role', 'version', 'expires', 'signed by'], ...roles])]
          : ['Nothing is published yet']),
        ...(targets.length > 0 ? ['', formatTable([['target', 'size', 'role', 'custom'], ...targets])] : []),
        ...(status.staged ? ['', 'Staged:', ...status.staged.summary, ...status.staged.missing] : []),
      ].join('\n'),
    };
  });
}
