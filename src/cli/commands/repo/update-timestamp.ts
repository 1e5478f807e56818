import type { Command } from 'commander';
import { durationBetween, formatDuration, formatInstant, parseDuration } from '../../../base/clock.ts';
import { StellaError } from '../../../base/errors.ts';
import type { Cli } from '../../frame/cli.ts';
import {
  passphraseOption,
  repoOption,
  repositoryOf,
  type SigningFlags,
  sessionOptions,
} from './shared-command.ts';

interface Options extends SigningFlags {
  readonly force?: boolean;
  readonly expiresWithin: string;
}

export function registerRepoUpdateTimestamp(parent: Command, cli: Cli): void {
  const command = cli
    .command(parent, 'update-timestamp', 'sign a new timestamp; needs the timestamp key only, run it daily')
    .option('--force', 'also when the present timestamp is new')
    .option('--expires-within <duration>', 'fail when another role expires within this time', '7d');
  passphraseOption(repoOption(command));
  cli.action<Options, []>(command, async (run) => {
    const { withRepository, ringOf } = await import('../../../repository/session.ts');
    const { updateTimestamp, describeExpiries } = await import('../../../repository/publish/timestamp.ts');
    const warn = parseDuration(run.options.expiresWithin);
    const path = await repositoryOf(run);
    const session = sessionOptions(run);
    const update = await withRepository(path, run.now, (directory) =>
      updateTimestamp(directory, ringOf(directory, session), run.now, {
        force: run.options.force ?? false,
        warn,
      }),
    );
    const { version, expires, renewed, expiring } = update;
    const json = {
      version,
      expires: formatInstant(expires),
      renewed,
      expiring: expiring.map((role) => ({ ...role, expires: formatInstant(role.expires) })),
    };
    const text = renewed
      ? `Timestamp ${version}, valid until ${formatInstant(expires)}`
      : `Timestamp ${version} is valid for another ${formatDuration(durationBetween(run.now, expires))}: nothing to do`;
    if (expiring.length === 0) return { json, text };
    // The timestamp is done; the failure is for whoever watches the timer.
    run.note(text);
    throw new StellaError('REPO_EXPIRING', describeExpiries(expiring, run.now), {
      details: json,
      hint: 'renew them with `stella repo stage ROLE...`, `stella repo sign` and `stella repo publish`',
    });
  });
}
