/**
 * cli/frame/: what every command shares: flags that all have, how an action runs, how results and refusals are
 * printed, how help is put together. It knows no single command and never decides an exit status: that follows from
 * the code of the error. The present time is read once per run here and handed on.
 * Start here, then command-help.ts for what help consists of.
 */

import { resolve } from 'node:path';
import type { Command } from 'commander';
import { escapeUnseen } from '../../base/bytes.ts';
import type { Clock, Instant } from '../../base/clock.ts';
import { EXIT, type ExitStatus } from '../../base/codes.ts';
import { StellaError } from '../../base/errors.ts';
import { onNotice } from '../../base/file-system/notices.ts';
import { maskUrls } from '../../base/safety/masked-url.ts';
import type { UsedConfiguration } from '../../config/used-configuration.ts';
import { errorJson, errorText } from '../terminal/output.ts';
import { layOut, wrapLines } from '../terminal/paint.ts';
import { Progress, type Unit } from '../terminal/progress.ts';
import { type Facts, openRunLog, type RunLog } from '../terminal/run-log.ts';
import { withoutCircularHints } from './circular-hints.ts';
import { commonOptions } from './common-flags.ts';
import { type JsonResults, jsonResultsOf } from './json-forms.ts';
import { checkTakenValues } from './repeated.ts';

/** Everything a command may touch of the process it runs in. Tests bring their own. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly clock: Clock;
  readonly stdin: NodeJS.ReadableStream;
  readonly stdout: (text: string) => void;
  /** Bytes for standard output; settles when they are taken, and fails when they cannot be. */
  readonly stdoutBytes?: (bytes: Uint8Array) => Promise<void>;
  readonly stderr: (text: string) => void;
  /** Whether stderr is a terminal that can show progress and colour. */
  readonly terminal: boolean;
  /** Whether stdout is a terminal that can show colour. */
  readonly stdoutTerminal?: boolean;
  /** The width of the terminal; absent where there is none. */
  readonly columns?: number;
  /** Asks a question on the terminal; absent where nobody can answer. */
  readonly ask?: ((question: string) => Promise<string>) | undefined;
  /** The same for passphrases: what is typed is not shown. */
  readonly askSecret?: ((question: string) => Promise<string>) | undefined;
  /** From now on an interrupt calls `stop` instead of ending the process; for commands that run until they are stopped. */
  readonly onStop?: (stop: () => void) => void;
}

/** The flags that every command has. */
export interface CommonOptions {
  readonly config?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly verbose?: boolean;
  readonly color?: boolean;
  readonly logFile?: string;
}

/** What a command came to. */
export interface Outcome {
  /** The one document that `--json` prints; of a command that answers with {@link Run.result}, what comes after that. */
  readonly json?: object;
  /** For people; printed to stdout unless `--quiet`. Ends without a line feed. */
  readonly text: string;
  /** Whether the text is for another program: then it is printed as it is, even on a terminal. */
  readonly verbatim?: boolean;
  readonly exit?: ExitStatus;
}

/** One run of one command. */
export interface Run<Options> {
  readonly io: Io;
  /** The present, read once per run, so that one run has one time. */
  readonly now: Instant;
  readonly options: Options & CommonOptions;
  /** A line for people on stderr, e.g. a warning; silent with `--quiet`. */
  readonly note: (line: string) => void;
  /** A line on stderr with `--verbose` only. */
  readonly trace: (line: string) => void;
  /** Reports a failure that does not end the run. */
  fail(error: StellaError): void;
  /** One of many answers, for `--json` (see `addJsonForms`); without it nothing is printed. */
  result(answer: object): void;
  /**
   * Reports how much of `what` is done; call it as often as you like. `unit` is bytes unless told otherwise; `total` is
   * undefined where it is not known how much there is.
   */
  readonly progress: (what: string, done: number, total: number | undefined, unit?: Unit) => void;
  /** Tells by which configuration trust is judged; every result that is an object names it as `configuration`. */
  judgedBy(configuration: UsedConfiguration): void;
  /**
   * From now on standard output carries what is written with the answer, and nothing else: the result of the run goes to
   * stderr.
   */
  takeStdout(): (bytes: Uint8Array) => Promise<void>;
  /** Adds facts to the log of this run (`--log-file`), e.g. the store's generation. */
  record(facts: Facts): void;
  /** Writes a line of its own into the log of this run. */
  log(level: 'info' | 'warn', event: string, facts: Facts): void;
}

export type Action<Options, Arguments extends unknown[]> = (
  run: Run<Options>,
  ...args: Arguments
) => Promise<Outcome>;

const DEFAULT_COLUMNS = 80;

/** Holds what the command tree needs while commander walks it: where to print, and what came out. */
export class Cli {
  readonly io: Io;
  /** The words of the command line, without those of interpreter and script. */
  readonly args: readonly string[];
  exit: ExitStatus = EXIT.done;
  /** Whether the command that ran was asked for JSON; errors are then printed as JSON too. */
  json = false;
  verbose = false;
  color: boolean;
  /** Whether colour is wanted where no terminal is, as in the logs of a pipeline. */
  readonly #isColorForced: boolean;
  #progress: Progress | undefined;
  #log: RunLog | undefined;
  #began = 0;
  #configuration: UsedConfiguration | undefined;
  #isStdoutTaken = false;
  #endNotices: () => void = () => {};
  #results: JsonResults | undefined;
  #command: Command | undefined;

  constructor(io: Io, args: readonly string[] = []) {
    this.io = withoutUnseen(io);
    this.args = args;
    const forced = io.env['FORCE_COLOR'] ?? '';
    this.#isColorForced = forced !== '' && forced !== '0' && forced !== 'false';
    // https://no-color.org: present and not empty, whatever its value; it counts more than FORCE_COLOR.
    this.color = (io.env['NO_COLOR'] ?? '') === '' && forced !== '0' && forced !== 'false';
  }

  /** A group such as `stella trust`. */
  group(parent: Command, name: string, summary: string): Command {
    return parent.command(name).summary(summary).description(summary);
  }

  /** A command that does something, with the common flags. `usage` is a name followed by its arguments, e.g. `import <file>`. */
  command(parent: Command, usage: string, summary: string): Command {
    const command = parent.command(usage).summary(summary).description(summary).allowExcessArguments(false);
    for (const option of commonOptions()) command.addOption(option);
    return command;
  }

  /** Binds the code of a command. Its arguments come in the order in which the usage names them. */
  action<Options extends object, Arguments extends unknown[]>(
    command: Command,
    act: Action<Options, Arguments>,
  ): Command {
    return command.action(async () => {
      this.#command = command;
      checkTakenValues(command);
      const options = command.opts<Options & CommonOptions>();
      this.json = options.json ?? false;
      this.verbose = options.verbose ?? false;
      if (options.color === false) this.color = false;
      if (options.logFile !== undefined) {
        this.#began = performance.now();
        this.#log = await openRunLog(
          options.logFile === '-' ? '/dev/stderr' : resolve(this.io.cwd, options.logFile),
          commandPath(command),
          this.io.clock,
        );
        this.#log.info('begin');
      }
      this.#results = jsonResultsOf(command, (text) => this.#result(text));
      const outcome = await act(this.#run(options), ...(command.processedArgs as Arguments));
      this.#endProgress();
      this.#print(outcome, options);
      this.exit = outcome.exit ?? EXIT.done;
      this.#log?.know(generationOf(outcome));
    });
  }

  /** Prints and logs the error that ended the run. */
  fail(refusal: StellaError): void {
    const error = this.#useful(refusal);
    this.#endProgress();
    if (this.json) this.#printRefusal(this.#withConfiguration(errorJson(error)));
    this.#stderr(errorText(error, this.verbose));
    this.#log?.error(error);
    this.exit = error.exit;
  }

  /** Ends the run: its log, if there is one, and what it is told on the way. */
  close(): void {
    this.#endNotices();
    if (!this.#log) return;
    this.#log.info('end', { exit: this.exit, duration_ms: Math.round(performance.now() - this.#began) });
    this.#log.close();
    const problem = this.#log.problem();
    if (problem) this.#stderr(`warning: the log file is not complete: ${problem.message}\n`);
  }

  #run<Options>(options: Options & CommonOptions): Run<Options> {
    const { io } = this;
    const log = this.#log;
    const progress = new Progress({
      draw: io.terminal && !options.quiet ? (text) => io.stderr(text) : undefined,
      columns: io.columns ?? DEFAULT_COLUMNS,
      clock: () => performance.now(),
      onPhase:
        log &&
        (({ what, done, total, duration }) =>
          log.info('phase', { what, done, total, duration_ms: Math.round(duration) })),
    });
    this.#progress = progress;
    const note = (text: string) => {
      const line = maskUrls(text);
      log?.warn(line);
      if (options.quiet) return;
      progress.clear();
      this.#stderr(`${line}\n`);
    };
    this.#endNotices = onNotice(note);
    return {
      io,
      options,
      now: io.clock(),
      note,
      trace: (text) => {
        const line = maskUrls(text);
        log?.info(line);
        if (options.verbose) this.#stderr(`${line}\n`);
      },
      fail: (refusal) => {
        const error = this.#useful(refusal);
        log?.error(error);
        progress.clear();
        this.#stderr(errorText(error, options.verbose ?? false));
      },
      progress: (what, done, total, unit = 'bytes') => progress.report(what, done, total, unit),
      judgedBy: (configuration) => {
        this.#configuration = configuration;
        log?.know({ configuration: configuration.file });
      },
      takeStdout: () => {
        this.#isStdoutTaken = true;
        const { stdoutBytes } = io;
        if (!stdoutBytes) throw new StellaError('USAGE', 'standard output takes text only');
        return stdoutBytes;
      },
      record: (facts) => log?.know(facts),
      log: (level, event, facts) => log?.[level](event, facts),
      result: (answer) => this.#results?.add(answer),
    };
  }

  #useful(error: StellaError): StellaError {
    return this.#command ? withoutCircularHints(error, this.#command, commandPath(this.#command)) : error;
  }

  #endProgress(): void {
    this.#progress?.close();
    this.#progress = undefined;
  }

  #stderr(text: string): void {
    const { terminal } = this.io;
    this.io.stderr(
      layOut(text, {
        columns: terminal ? (this.io.columns ?? DEFAULT_COLUMNS) : undefined,
        color: this.color && (terminal || this.#isColorForced),
      }),
    );
  }

  /** Prints what no command has to be run for. */
  answer(outcome: Outcome, options: CommonOptions): void {
    this.#print(outcome, options);
  }

  /** On one line: also where the lines before it are answers. */
  #printRefusal(json: object): void {
    if (this.#results?.isOpen) this.#results.end(json);
    else this.#result(`${JSON.stringify(json)}\n`);
  }

  #print(outcome: Outcome, options: CommonOptions): void {
    if (this.#results) this.#results.end(outcome.json ?? {});
    else if (options.json)
      this.#result(`${JSON.stringify(this.#withConfiguration(outcome.json), null, 2)}\n`);
    else if (!options.quiet && outcome.text !== '') this.#result(`${this.#forStdout(outcome)}\n`);
  }

  #result(text: string): void {
    if (this.#isStdoutTaken) this.io.stderr(text);
    else this.io.stdout(text);
  }

  #withConfiguration<T>(json: T): T {
    if (this.#configuration === undefined || typeof json !== 'object') return json;
    return { ...json, configuration: this.#configuration };
  }

  #forStdout(outcome: Outcome): string {
    const { columns, stdoutTerminal } = this.io;
    if (outcome.verbatim) return outcome.text;
    const isShown = stdoutTerminal === true && !this.#isStdoutTaken;
    return layOut(maskUrls(outcome.text), {
      columns: isShown ? (columns ?? DEFAULT_COLUMNS) : undefined,
      color: this.color && (isShown || (this.#isColorForced && !this.#isStdoutTaken)),
    });
  }
}

/** Names from outside are printed in many places: what is not seen passes in none, neither in text nor in JSON. */
function withoutUnseen(io: Io): Io {
  const shown = (text: string) => wrapLines(escapeUnseen(text), io.columns ?? DEFAULT_COLUMNS);
  return Object.create(io, {
    stdout: { value: (text: string) => io.stdout(escapeUnseen(text)) },
    stderr: { value: (text: string) => io.stderr(escapeUnseen(text)) },
    // Whether anyone can be asked is found out when it matters.
    ask: { get: () => io.ask && ((question: string) => io.ask!(shown(question))) },
    askSecret: { get: () => io.askSecret && ((question: string) => io.askSecret!(shown(question))) },
  }) as Io;
}

/** `trust snapshot export`: a command's name with those of its groups. */
export function commandPath(command: Command): string {
  const names: string[] = [];
  for (let at = command; at.parent; at = at.parent) names.unshift(at.name());
  return names.join(' ');
}

function generationOf({ json }: Outcome): Facts {
  return json !== undefined && 'generation' in json && typeof json.generation === 'number'
    ? { generation: json.generation }
    : {};
}
