/**
 * cli/process/: the program as the operating system sees it: arguments, streams, signals, the end of the process.
 * Everything here is about running; what is run is in main.ts and commands/. It never parses a flag and never prints a
 * result. The executable for machines without Node finds its assets through embedded.ts.
 * Start here for the ordinary command, with sea.ts for the single executable.
 */

import { createInterface, type Interface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { isatty } from 'node:tty';
import { systemClock } from '../../base/clock.ts';
import { EXIT } from '../../base/codes.ts';
import { StellaError } from '../../base/errors.ts';
import { writeError } from '../../base/files.ts';
import { undoUnfinished } from '../../base/interrupt.ts';
import { run } from '../main.ts';
import { errorText } from '../terminal/output.ts';

/** Standard input is not touched before somebody needs it: making the stream takes a millisecond. */
const isInteractive = () => isatty(2) && isatty(0);

async function ask(question: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  passInterrupt(terminal);
  try {
    return await terminal.question(question);
  } finally {
    terminal.close();
  }
}

async function askSecret(question: string): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  passInterrupt(terminal);
  // Only now does the terminal show nothing of what is typed.
  process.stderr.write(question);
  try {
    return await terminal.question('');
  } finally {
    terminal.close();
    process.stderr.write('\n');
  }
}

/** Ctrl-C while a question waits: the same as at any other time. */
function passInterrupt(terminal: Interface): void {
  terminal.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
}

// A reader that went away (`stella … | head`) is no failure of ours; a full disk behind a redirection is.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return;
    if (stream === process.stdout)
      process.stderr.write(errorText(writeError('standard output', error), false));
    process.exit(EXIT.input);
  });
}

const dumb = process.env['TERM'] === 'dumb';
let stop: (() => void) | undefined;

const SIGNALS = [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const;

// What is committed was committed in one step; all the rest can be undone.
for (const [signal, status] of SIGNALS) {
  process.on(signal, () => {
    if (stop) {
      stop();
      return;
    }
    // Where exiting has to wait, e.g. for a blocked read, a second Ctrl-C ends the process the hard way.
    process.removeAllListeners(signal);
    undoUnfinished();
    const error = new StellaError('INTERRUPTED', 'interrupted');
    // A terminal shows ^C where the cursor was.
    process.stderr.write(`${process.stderr.isTTY && !dumb ? '\r' : ''}${errorText(error, false)}`);
    process.exit(status);
  });
}

const screen = isatty(1) ? process.stdout : isatty(2) ? process.stderr : undefined;

void run(process.argv.slice(2), {
  env: process.env,
  cwd: process.cwd(),
  clock: systemClock,
  get stdin() {
    return process.stdin;
  },
  stdout: (text) => void process.stdout.write(text),
  stdoutBytes: (bytes) =>
    new Promise((done, failed) => {
      process.stdout.write(bytes, (error) => {
        if (error) failed(writeError('standard output', error));
        else done();
      });
    }),
  stderr: (text) => void process.stderr.write(text),
  onStop: (stopRun) => {
    stop = stopRun;
  },
  terminal: isatty(2) && !dumb,
  stdoutTerminal: isatty(1) && !dumb,
  // A terminal that does not know its width says 0.
  ...(screen && screen.columns > 0 ? { columns: screen.columns } : {}),
  get ask() {
    return isInteractive() ? ask : undefined;
  },
  get askSecret() {
    return isInteractive() ? askSecret : undefined;
  },
}).then((status) => {
  process.exitCode = status;
  // What is done is done, and said: a signal that came too late only ends the printing.
  for (const [signal] of SIGNALS) process.removeAllListeners(signal);
});
