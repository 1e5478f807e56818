import type { Command } from 'commander';
import type { Cli } from '../../frame/cli.ts';
import { openTrustSetting } from '../../frame/trust-setting.ts';
import { formatCount } from '../../terminal/output.ts';

/** `stella audit verify`: finds a line that was edited, removed or moved. */
export function registerAuditVerify(audit: Command, cli: Cli): void {
  const command = cli.command(
    audit,
    'verify',
    'check the chain of the audit log: no line was edited, removed or moved',
  );
  cli.action<object, []>(command, async (run) => {
    const { checkAudit } = await import('../../../store/audit.ts');
    const { store } = openTrustSetting(run, {}, { remember: false });
    const { lines: count, last, head } = checkAudit(store);
    return {
      json: { store: store.directory, lines: count, head },
      text: [
        `the audit log is whole: ${formatCount(count, 'line')}${last === undefined ? '' : `, the last of ${last}`}`,
        ...(head === undefined
          ? []
          : [`head sha256:${head} (note it elsewhere: it vouches for every line so far)`]),
      ].join('\n'),
    };
  });
}
