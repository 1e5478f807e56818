import type { Command } from 'commander';
import type { Cli } from '../../frame/cli.ts';
import { editOptions, editOutcome, keyOptions, repositoryOf, sessionOptions } from './shared-command.ts';
import type { KeyFlags } from './shared-keys.ts';

interface Options extends KeyFlags {
  readonly key?: string;
  readonly withoutOldKeys?: boolean;
}

export function registerRepoRotateKey(parent: Command, cli: Cli): void {
  const command = cli
    .command(parent, 'rotate-key <role>', 'put a new key in the place of an old one')
    .option('--key <name>', 'the key to replace, by name or id (needed when the role has several)')
    .option(
      '--without-old-keys',
      'the old key is lost; clients syncing at this very moment are refused once',
    );
  editOptions(keyOptions(command));
  cli.action<Options, [string]>(command, async (run, role) => {
    const { editRepository } = await import('../../../repository/session.ts');
    const { rotateKey } = await import('../../../repository/role-keys.ts');
    const { keySource } = await import('./shared-keys.ts');
    const { key, withoutOldKeys } = run.options;
    const path = await repositoryOf(run);
    const source = await keySource(run, path);
    const result = await editRepository(
      path,
      { ...sessionOptions(run), oldKeys: withoutOldKeys ? 'lost' : 'sign' },
      (editing) => rotateKey(editing, role, key, source),
    );
    const { added, removed } = result.value;
    return editOutcome(result, `Role ${role}: key ${added.name} in the place of ${removed}`, {
      role,
      added: added.name,
      removed,
    });
  });
}
