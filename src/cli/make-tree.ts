import { Command, Help } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { addProgramHelp } from './frame/add-help.ts';
import type { Cli } from './frame/cli.ts';
import { COMMON_OPTIONS } from './frame/common-flags.ts';
import { wrapLines } from './terminal/paint.ts';

const DEFAULT_COLUMNS = 80;
/** Columns below which a description is too narrow to be read. */
const MIN_DESCRIPTION = 36;
const BELOW = ' '.repeat(8);

export type Register = (program: Command, cli: Cli) => void;

/**
 * A command tree with its help.
 * @param register adds the commands: all of them, or those of the group that is asked for
 */
export function makeTree(cli: Cli, register: Register): Command {
  const program = new Command('stella')
    .description(packageJson.description)
    .option('-V, --version', 'print the version; with --json or --verbose also what it was built from')
    .showSuggestionAfterError(true);
  register(program, cli);
  addProgramHelp(program);
  connect(program, cli);
  return program;
}

/** Commander must neither exit nor print errors by itself, in any command of the tree. */
function connect(command: Command, cli: Cli): void {
  const { io } = cli;
  const columns = () => io.columns ?? DEFAULT_COLUMNS;
  command.configureHelp({
    groupItems: groupItems as Help['groupItems'],
    formatItem: formatItem,
    minWidthToWrap: 1,
  });
  command.exitOverride().configureOutput({
    writeOut: (text) => io.stdout(io.stdoutTerminal ? wrapLines(text, columns()) : text),
    // Help that was asked for by naming a group only; errors are printed by `run`.
    writeErr: (text) => io.stderr(io.terminal ? wrapLines(text, columns()) : text),
    outputError: () => {},
    getOutHelpWidth: columns,
    getErrHelpWidth: columns,
    getOutHasColors: () => false,
    getErrHasColors: () => false,
  });
  for (const child of command.commands) connect(child, cli);
}

/** Where a description has no room to the right of what it describes it stands below. */
function formatItem(this: Help, ...args: Parameters<Help['formatItem']>): ReturnType<Help['formatItem']> {
  const [term, termWidth, description, helper] = args;
  const width = this.helpWidth ?? DEFAULT_COLUMNS;
  if (description === '' || width - termWidth - 4 >= MIN_DESCRIPTION)
    return Help.prototype.formatItem.apply<Help, typeof args, string>(this, args);
  return `  ${term}\n${helper.boxWrap(description, width - BELOW.length).replace(/^/gm, BELOW)}`;
}

/** What a command has of its own comes before what every command has. */
function groupItems(this: Help, ...args: Parameters<Help['groupItems']>): ReturnType<Help['groupItems']> {
  const groups = Help.prototype.groupItems.apply<Help, typeof args, ReturnType<Help['groupItems']>>(
    this,
    args,
  );
  const common = groups.get(COMMON_OPTIONS);
  groups.delete(COMMON_OPTIONS);
  if (common) groups.set(COMMON_OPTIONS, common);
  return groups;
}
