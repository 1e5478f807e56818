/**
 * cli/: the command line: the only room that knows `process`, `console`, exit statuses and the present time. It reads
 * flags, calls the rooms below, and prints; rules about trust do not belong here. It never decides what is trusted,
 * and prints nothing from outside without making it harmless first. The rooms below: frame/ (how commands are made),
 * commands/<group>/, report/, terminal/, process/.
 * Start here, then frame/cli.ts for what a command is given and commands/index.ts for the tree.
 */

import { type Command, CommanderError } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { EXIT, type ExitStatus } from '../base/codes.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { askedFor, firstWord } from './frame/asked.ts';
import { Cli, type Io } from './frame/cli.ts';
import type { GROUPS } from './frame/groups.ts';
import { isJsonAsked } from './frame/json-forms.ts';
import { excessHints, missingHints } from './frame/repeated.ts';
import { makeTree, type Register } from './make-tree.ts';

/**
 * The whole command line, with nothing of the process it runs in: tests call it with their own {@link Io}.
 * @param args without the names of interpreter and script
 */
export async function run(args: readonly string[], io: Io): Promise<ExitStatus> {
  const cli = new Cli(io, args);
  // Commander stops at a bad flag before a command can say what was asked for.
  cli.json = isJsonAsked(args);
  if (args.includes('--no-color')) cli.color = false;
  let command: Command | undefined;
  try {
    const first = firstWord(args);
    if (first.version) {
      await answerVersion(cli, args);
      return cli.exit;
    }
    const program = await treeFor(first.word, cli);
    const asked = askedFor(program, args);
    command = asked.command;
    if (asked.unknown) await refuseUnknown(cli, asked.command, asked.unknown);
    if (asked.help) command.outputHelp();
    else await program.parseAsync(asked.args, { from: 'user' });
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return EXIT.done;
    cli.fail(toStellaError(thrown, command));
  }
  cli.close();
  return cli.exit;
}

async function answerVersion(cli: Cli, args: readonly string[]): Promise<void> {
  const isShort = !cli.json && !args.some((word) => word === '--verbose' || /^-q*v[qv]*$/.test(word));
  if (isShort) {
    cli.answer({ text: packageJson.version }, {});
    return;
  }
  const { versionFacts, versionText } = await import('./version.ts');
  const facts = versionFacts();
  cli.answer({ json: facts, text: versionText(facts) }, { json: cli.json });
}

/** @throws StellaError USAGE with what may have been meant */
async function refuseUnknown(cli: Cli, group: Command, words: readonly string[]): Promise<never> {
  const { commandTree } = await import('./tree.ts');
  const { unknownCommand } = await import('./unknown-command.ts');
  throw unknownCommand(commandTree(cli), group, words);
}

const REGISTER: Readonly<Record<keyof typeof GROUPS, () => Promise<Register>>> = {
  trust: async () => (await import('./commands/trust/index.ts')).registerTrust,
  attest: async () => (await import('./commands/attest/index.ts')).registerAttest,
  repo: async () => (await import('./commands/repo/index.ts')).registerRepo,
  key: async () => (await import('./commands/key/index.ts')).registerKey,
  log: async () => (await import('./commands/log/index.ts')).registerLog,
  config: async () => (await import('./commands/config/index.ts')).registerConfig,
  audit: async () => (await import('./commands/audit/index.ts')).registerAudit,
};

/**
 * The commands that the arguments can mean: loading all of them takes longer than verifying an attestation.
 * @param first names a command or a group; undefined where nothing but help is asked for
 */
async function treeFor(first: string | undefined, cli: Cli): Promise<Command> {
  if (first === undefined) return makeTree(cli, (await import('./top-level.ts')).registerTopLevel);
  if (Object.hasOwn(REGISTER, first)) return makeTree(cli, await REGISTER[first as keyof typeof GROUPS]());
  return (await import('./tree.ts')).commandTree(cli);
}

const HELP_HINT = 'see `stella --help`, or --help after the command';

/** @param command the command that was being read when it was thrown */
function toStellaError(thrown: unknown, command: Command | undefined): StellaError {
  if (isStellaError(thrown)) return thrown;
  if (thrown instanceof CommanderError) {
    const message =
      thrown.code === 'commander.help'
        ? 'a command is needed'
        : thrown.message.replace(/^error: /, '').replace(/\n/g, ' ');
    const [what, suggestion] = message.split(/ \(Did you mean (?=.*\?\)$)/);
    const hints = [
      ...(suggestion === undefined ? [] : [`did you mean ${suggestion.slice(0, -1)}`]),
      ...(command && thrown.code === 'commander.missingArgument' ? missingHints(command) : []),
      ...(command && thrown.code === 'commander.excessArguments' ? excessHints(command) : []),
    ];
    return new StellaError('USAGE', what!, { hint: [...hints, HELP_HINT], cause: thrown });
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new StellaError('INTERNAL', message, { cause: thrown });
}
