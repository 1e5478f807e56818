import type { Command } from 'commander';
import { EXIT, type ExitStatus } from '../../base/codes.ts';
import { commandPath } from './cli.ts';
import { type CommandHelp, EXIT_IN_BRIEF, EXIT_MEANINGS, type HelpTable } from './command-help.ts';

/** The exit statuses of a command in order. */
export function exitStatuses(help: CommandHelp): ExitStatus[] {
  return [EXIT.done, EXIT.unexpected, EXIT.input, ...help.exits].sort((a, b) => a - b);
}

const GROUP_TEXT = `\nExit status: ${Object.entries(EXIT_IN_BRIEF)
  .map(([status, meaning]) => `${status} ${meaning}`)
  .join(', ')}.`;

/** What the help of `stella` itself ends with. */
export function addProgramHelp(program: Command): void {
  program.addHelpText('after', `${GROUP_TEXT}\nEvery command has --help with examples.`);
}

/** Gives every command below `parent` that the table has its purpose, examples, exit statuses and related commands. */
export function addHelp(parent: Command, table: HelpTable): void {
  for (const command of parent.commands) {
    const path = commandPath(command);
    const help = Object.hasOwn(table, path) ? table[path] : undefined;
    if (help) command.description(help.purpose).addHelpText('after', () => helpText(help));
    addHelp(command, table);
  }
}

function helpText(help: CommandHelp): string {
  const lines = ['', 'Examples:'];
  for (const [command, what] of help.examples) lines.push(`  # ${what}`, `  ${command}`);
  lines.push('', 'Exit status:');
  for (const status of exitStatuses(help)) lines.push(`  ${status}  ${EXIT_MEANINGS[status]}`);
  lines.push('', `Related: ${help.related.map((path) => `stella ${path}`).join(', ')}`);
  return lines.join('\n');
}
