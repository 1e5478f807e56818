import { Command, CommanderError } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { EXIT, type ExitStatus } from '../base/codes.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { Cli, type Io } from './cli.ts';
import { register } from './commands/index.ts';
import { errorJson, errorText } from './output.ts';

/**
 * The whole command line, with nothing of the process it runs in: tests call it with their own {@link Io}.
 * @param args without the names of interpreter and script
 */
export async function run(args: readonly string[], io: Io): Promise<ExitStatus> {
  const cli = new Cli(io);
  // Commander stops at a bad flag before a command can say that JSON was asked for.
  cli.json = args.includes('--json');
  const program = new Command('stella')
    .description(packageJson.description)
    .version(packageJson.version, '-V, --version')
    .showSuggestionAfterError(true);
  register(program, cli);
  silence(program, io);
  try {
    await program.parseAsync(args, { from: 'user' });
    return cli.exit;
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return EXIT.done;
    const error = toStellaError(thrown);
    if (cli.json) io.stdout(`${JSON.stringify(errorJson(error), null, 2)}\n`);
    io.stderr(errorText(error, cli.verbose));
    return error.exit;
  }
}

/** Commander must neither exit nor print errors by itself, in any command of the tree. */
function silence(command: Command, io: Io): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => io.stdout(text),
    // Help that was asked for by naming a group only; errors are printed by `run`.
    writeErr: (text) => io.stderr(text),
    outputError: () => {},
  });
  for (const child of command.commands) silence(child, io);
}

function toStellaError(thrown: unknown): StellaError {
  if (isStellaError(thrown)) return thrown;
  if (thrown instanceof CommanderError) {
    const message =
      thrown.code === 'commander.help'
        ? 'a command is needed'
        : thrown.message.replace(/^error: /, '').replace(/\n/g, ' ');
    return new StellaError('USAGE', message, { cause: thrown });
  }
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new StellaError('INTERNAL', message, { cause: thrown });
}
