import type { Command } from 'commander';
import { EXIT, type ExitStatus } from '../../base/codes.ts';
import { commandPath } from '../cli.ts';
import { ATTEST } from './attest.ts';
import { AUDIT } from './audit.ts';
import { type CommandHelp, EXIT_MEANINGS, type HelpTable } from './command-help.ts';
import { CONFIG } from './config.ts';
import { LOG } from './log.ts';
import { OWN } from './own.ts';
import { REPO } from './repo.ts';
import { TRUST } from './trust.ts';

export const HELP: HelpTable = { ...TRUST, ...ATTEST, ...REPO, ...LOG, ...CONFIG, ...AUDIT, ...OWN };

/** The exit statuses of a command in order. */
export function exitStatuses(help: CommandHelp): ExitStatus[] {
  return [EXIT.done, EXIT.unexpected, EXIT.input, ...help.exits].sort();
}

const GROUP_TEXT =
  '\nExit status: 0 done, 1 unexpected failure, 2 verification failed, 3 network needed, 4 usage or input, 5 stale or expired.';

/** Gives every command of the tree its purpose, examples, exit statuses and related commands. */
export function addHelp(program: Command): void {
  program.addHelpText('after', `${GROUP_TEXT}\nEvery command has --help with examples.`);
  for (const command of program.commands) addHelpBelow(command);
}

function addHelpBelow(command: Command): void {
  const help = HELP[commandPath(command)];
  if (help) command.description(help.purpose).addHelpText('after', () => helpText(help));
  for (const child of command.commands) addHelpBelow(child);
}

function helpText(help: CommandHelp): string {
  const lines = ['', 'Examples:'];
  for (const [command, what] of help.examples) lines.push(`  # ${what}`, `  ${command}`);
  lines.push('', 'Exit status:');
  for (const status of exitStatuses(help)) lines.push(`  ${status}  ${EXIT_MEANINGS[status]}`);
  lines.push('', `Related: ${help.related.map((path) => `stella ${path}`).join(', ')}`);
  return lines.join('\n');
}
