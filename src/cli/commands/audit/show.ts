import type { Command } from 'commander';
import type { Cli } from '../../frame/cli.ts';
import { openTrustSetting } from '../../frame/trust-setting.ts';
import { formatNumber, formatTable, printable } from '../../terminal/output.ts';

/** `stella audit show`: what happened to this trust store. */
export function registerAuditShow(audit: Command, cli: Cli): void {
  const command = cli
    .command(audit, 'show', 'show what happened to the trust store, and what was refused')
    .option('--last <n>', 'only the last N lines');
  cli.action<{ readonly last?: string }, []>(command, async (run) => {
    const { loadAudit } = await import('../../../store/audit.ts');
    const { parseCount } = await import('../../terminal/count.ts');
    const { store } = openTrustSetting(run, {}, { remember: false });
    const last = run.options.last === undefined ? MAX_LINES : parseCount(run.options.last, '--last');
    const lines = loadAudit(store.directory, last);
    if (run.options.last === undefined && lines.length === MAX_LINES)
      run.note(`only the last ${formatNumber(MAX_LINES)} lines are shown: give --last for more`);
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

/** Shown unless told otherwise: some two years of an import an hour. */
const MAX_LINES = 20_000;

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
