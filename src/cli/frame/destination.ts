import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { StellaError } from '../../base/errors.ts';
import { descriptorOf, outputPlace, streamFile, writeOutputFile } from '../../base/output/output-file.ts';
import type { Run } from './cli.ts';

/** The flag of commands that make a file. */
export interface ForceFlag {
  readonly force?: boolean;
}

/** @param options what names the files, e.g. `--out` */
export function forceOption(command: Command, options: string): Command {
  return command.option('--force', `replace the file of ${options} where there is one already`);
}

/** Where an output goes: a file to make, or something that takes bytes as they come. */
export interface Destination {
  /** For a file its path, else what was typed. */
  readonly path: string;
  readonly replace: boolean;
  /** Hands a finished file over; absent where the file is to be made at `path`. */
  readonly deliver?: (file: string) => Promise<void>;
  write(bytes: Uint8Array): Promise<void>;
}

/**
 * Judges a destination before the work begins: a path, or `-` for standard output, which then carries nothing else.
 * @param kind bytes are not written to a terminal, text is
 * @param replace whether a regular file is replaced, where no `--force` decides that
 * @throws StellaError FILE_EXISTS, WRITE_FAILED, USAGE
 */
export function destinationOf(
  run: Run<ForceFlag>,
  name: string,
  kind: 'bytes' | 'text',
  replace = run.options.force ?? false,
): Destination {
  const path = resolve(run.io.cwd, name);
  if (name === '-' || descriptorOf(path) === 1) return standardOutput(run, name, kind);
  const isStream = outputPlace(path, { replace }).kind === 'stream';
  return {
    path,
    replace,
    ...(isStream ? { deliver: (file) => streamFile(file, path) } : {}),
    write: (bytes) => writeOutputFile(path, bytes, { replace }),
  };
}

/**
 * The same for an output that need not be asked for.
 * @param flag e.g. `--html`
 * @throws StellaError as {@link destinationOf}; USAGE for `--force` where there is nothing to replace
 */
export function optionalDestination(
  run: Run<ForceFlag>,
  flag: string,
  name: string | undefined,
): Destination | undefined {
  if (name !== undefined) return destinationOf(run, name, 'text');
  if (run.options.force)
    throw new StellaError(
      'USAGE',
      `--force says that the file of ${flag} is replaced, and ${flag} is not given`,
    );
  return undefined;
}

function standardOutput(run: Run<ForceFlag>, name: string, kind: 'bytes' | 'text'): Destination {
  if (kind === 'bytes' && run.io.stdoutTerminal)
    throw new StellaError('USAGE', 'standard output is a terminal', {
      hint: 'pass it on, e.g. to `stella trust import -`, or name a file',
    });
  const write = run.takeStdout();
  return {
    path: name,
    replace: false,
    deliver: async (file) => {
      for await (const chunk of createReadStream(file, { highWaterMark: 1024 * 1024 }))
        await write(chunk as Buffer);
    },
    write,
  };
}
