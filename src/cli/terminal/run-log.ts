import { randomUUID } from 'node:crypto';
import { constants, lstatSync, openSync } from 'node:fs';
import { escapeUnits, escapeUnseen } from '../../base/bytes.ts';
import { formatInstant, type Instant } from '../../base/clock.ts';
import type { StellaError } from '../../base/errors.ts';
import { writeError } from '../../base/files.ts';
import { descriptorOf, outputPlace } from '../../base/output/output-file.ts';

/** Control characters that JSON allows in a text. */
const CONTROLS = /[\u007f-\u009f]/g;

export type Facts = Readonly<Record<string, unknown>>;

/** JSON lines about one run, in the file of `--log-file`. Never holds keys, passphrases or arguments. */
export interface RunLog {
  /** Adds facts that every later line carries. */
  know(facts: Facts): void;
  info(event: string, facts?: Facts): void;
  warn(event: string, facts?: Facts): void;
  error(error: StellaError): void;
  /** What went wrong while writing, if anything did: a log that cannot be written stops no command. */
  problem(): Error | undefined;
  close(): void;
}

/** How often a tenth of a second is waited for the reader of a FIFO that is full, in one run. */
const MAX_WAITS = 20;

/** A FIFO waits for no reader when it is opened, and for a slow one not for ever: nothing could be interrupted then. */
function openFifo(path: string): number | undefined {
  if (!lstatSync(path, { throwIfNoEntry: false })?.isFIFO()) return undefined;
  return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
}

/**
 * Opens the file for appending. Each line has `time`, `level`, `run` (a random id), `command`, `msg`.
 * @param now tells the time of each line
 * @throws StellaError WRITE_FAILED
 */
export async function openRunLog(path: string, command: string, now: () => Instant): Promise<RunLog> {
  const { default: pino } = await import('pino');
  let problem: Error | undefined;
  let known: Facts = {};
  let destination: ReturnType<typeof pino.destination>;
  // It is appended to, never replaced; a link that leads to no regular file is refused as for every output.
  try {
    const dest = descriptorOf(path) ?? openFifo(path) ?? outputPlace(path, { replace: true }).path;
    let patience = MAX_WAITS;
    const retryEAGAIN = () => {
      patience -= 1;
      return patience > 0;
    };
    destination = pino.destination({ dest, append: true, sync: true, mode: 0o640, retryEAGAIN });
  } catch (cause) {
    throw writeError(path, cause);
  }
  destination.on('error', (error: Error) => {
    problem ??= error;
  });
  const logger = pino(
    {
      base: { run: randomUUID(), command },
      timestamp: () => `,"time":"${formatInstant(now())}"`,
      formatters: { level: (level) => ({ level }) },
    },
    // pino escapes what JSON must; what cannot be seen, or steers a terminal, is escaped here, and means the same in JSON.
    { write: (line: string) => void destination.write(escapeUnseen(line).replace(CONTROLS, escapeUnits)) },
  );
  return {
    know(facts) {
      known = { ...known, ...facts };
    },
    info: (event, facts = {}) => logger.info({ ...known, ...facts }, event),
    warn: (event, facts = {}) => logger.warn({ ...known, ...facts }, event),
    error: (error) => logger.error({ ...known, code: error.code, hints: error.hints }, error.message),
    problem: () => problem,
    close: () => destination.end(),
  };
}
