import type { Command } from 'commander';
import type { Cli } from '../../frame/cli.ts';
import { openTrustSetting } from '../../frame/trust-setting.ts';
import { formatCount, printable } from '../../terminal/output.ts';

/** `stella trust prune`: give back the space of what nothing refers to any more. */
export function registerTrustPrune(trust: Command, cli: Cli): void {
  const command = cli.command(
    trust,
    'prune',
    'remove logs, tiles and attestations that no kept generation needs',
  );
  cli.action<object, []>(command, async (run) => {
    const { pruneStore } = await import('../../../store/prune.ts');
    const { supersededTiles } = await import('../../../logs/superseded.ts');
    const { store } = openTrustSetting(run, {}, { remember: false });
    const { removed } = await pruneStore(store, run.now, supersededTiles);
    for (const path of removed) run.trace(`removed ${printable(path)}`);
    return {
      json: { store: store.directory, removed },
      text:
        removed.length === 0
          ? 'nothing to remove'
          : `removed ${formatCount(removed.length, 'file or directory', 'files and directories')}`,
    };
  });
}
