import type { Command } from 'commander';
import type { Cli } from '../../frame/cli.ts';
import { openTrustSetting } from '../../frame/trust-setting.ts';
import { formatTable, printable } from '../../terminal/output.ts';

/** `stella audit show`: what happened to this trust store. */
export function registerAuditShow(audit: Command, cli: Cli): void {
  const command = cli
    .command(audit, 'show', 'show what happened to the trust store, and what was refused')
    .option('--last <n>', 'only the last N lines');
  cli.action<{ readonly last?: string }, []>(command, async (run) => {
    const { loadAudit } = await import('../../../store/audit.ts');
    const { parseCount } = await import('../../terminal/count.ts');
    const { store } = openTrustSetting(run, {}, { remember: false });
    const all = loadAudit(store.directory);
    const lines = run.options.last === undefined ? all : all.slice(-parseCount(run.options.last, '--last'));
    const rows = lines.map(({ time, event, previous: _, ...facts }) => [
      time,
      event,
      printable(factsText(facts)),
    ]);
    return {
      json: { store: store.directory, lines },
      text: rows.length === 0 ? 'the audit log is empty' : formatTable(rows),
    };
  });
}

/** The facts of a line in one line: the message of a refusal, otherwise what names what was done. */
function factsText(facts: Readonly<Record<string, unknown>>): string {
  const { code, message, command } = facts;
  if (code !== undefined) return `${textOf(command)}: ${textOf(message)} [${textOf(code)}]`;
  return Object.entries(facts)
    .filter(([, value]) => typeof value !== 'object')
    .map(([name, value]) => `${name} ${textOf(value)}`)
    .join(', ');
}

const textOf = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
