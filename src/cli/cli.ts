import { type Command, Option } from 'commander';
import type { Clock, Instant } from '../base/clock.ts';
import { EXIT, type ExitStatus } from '../base/codes.ts';

/** Everything a command may touch of the process it runs in. Tests bring their own. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly clock: Clock;
  readonly stdin: NodeJS.ReadableStream;
  stdout(text: string): void;
  stderr(text: string): void;
  /** Whether stderr is a terminal that can show progress and colour. */
  readonly terminal: boolean;
  /** Asks a question on the terminal; absent where nobody can answer. */
  readonly ask?: (question: string) => Promise<string>;
  /** The same for passphrases: what is typed is not shown. */
  readonly askSecret?: (question: string) => Promise<string>;
}

/** The flags that every command has. */
export interface CommonOptions {
  readonly config?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly color?: boolean;
}

/** What a command came to. */
export interface Outcome {
  /** The one document that `--json` prints (or, with `jsonLines`, one line each). */
  readonly json?: unknown;
  readonly jsonLines?: Iterable<unknown>;
  /** For people; printed to stdout unless `--quiet`. Ends without a line feed. */
  readonly text: string;
  readonly exit?: ExitStatus;
}

/** One run of one command. */
export interface Run<Options> {
  readonly io: Io;
  /** The present, read once per run, so that one run has one time. */
  readonly now: Instant;
  readonly options: Options & CommonOptions;
  /** A line for people on stderr, e.g. a warning; silent with `--quiet`. */
  note(line: string): void;
  /** A line on stderr with `--verbose` only. */
  trace(line: string): void;
}

export type Action<Options, Arguments extends unknown[]> = (
  run: Run<Options>,
  ...args: Arguments
) => Promise<Outcome>;

/** Holds what the command tree needs while commander walks it: where to print, and what came out. */
export class Cli {
  readonly io: Io;
  exit: ExitStatus = EXIT.done;
  /** Whether the command that ran was asked for JSON; errors are then printed as JSON too. */
  json = false;
  verbose = false;

  constructor(io: Io) {
    this.io = io;
  }

  /** A group such as `stella trust`. */
  group(parent: Command, name: string, summary: string): Command {
    return parent.command(name).summary(summary).description(summary);
  }

  /** A command that does something, with the common flags. `usage` is a name followed by its arguments, e.g. `import <file>`. */
  command(parent: Command, usage: string, summary: string): Command {
    return parent
      .command(usage)
      .summary(summary)
      .description(summary)
      .allowExcessArguments(false)
      .addOption(new Option('--config <file>', 'configuration file').helpGroup('Common options:'))
      .addOption(new Option('--json', 'print one JSON document on stdout').helpGroup('Common options:'))
      .addOption(new Option('-q, --quiet', 'print nothing but errors').helpGroup('Common options:'))
      .addOption(new Option('-v, --verbose', 'say more on stderr').helpGroup('Common options:'))
      .addOption(new Option('--no-color', 'no colour').helpGroup('Common options:'));
  }

  /** Binds the code of a command. Its arguments come in the order in which the usage names them. */
  action<Options extends object, Arguments extends unknown[]>(
    command: Command,
    act: Action<Options, Arguments>,
  ): Command {
    return command.action(async () => {
      const options = command.opts<Options & CommonOptions>();
      this.json = options.json ?? false;
      this.verbose = options.verbose ?? false;
      const outcome = await act(
        {
          io: this.io,
          now: this.io.clock(),
          options,
          note: (line) => {
            if (!options.quiet) this.io.stderr(`${line}\n`);
          },
          trace: (line) => {
            if (options.verbose) this.io.stderr(`${line}\n`);
          },
        },
        ...(command.processedArgs as Arguments),
      );
      this.#print(outcome, options);
      this.exit = outcome.exit ?? EXIT.done;
    });
  }

  #print(outcome: Outcome, options: CommonOptions): void {
    if (options.json && outcome.jsonLines) {
      for (const line of outcome.jsonLines) this.io.stdout(`${JSON.stringify(line)}\n`);
    } else if (options.json) this.io.stdout(`${JSON.stringify(outcome.json, null, 2)}\n`);
    else if (!options.quiet && outcome.text !== '') this.io.stdout(`${outcome.text}\n`);
  }
}
