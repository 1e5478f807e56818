/**
 * base/output/: what leaves stella as a file: the one rule for what is written over what, and what must never get out.
 * Every command that writes where it is told to goes through here; state of stella's own (stores, repositories, logs) is
 * written by files.ts. It never writes over a link, never over a file that nobody said to replace, and knows no command.
 * Start here, then private-key.ts for what is refused as content.
 */

import {
  closeSync,
  constants,
  createReadStream,
  createWriteStream,
  existsSync,
  fstatSync,
  linkSync,
  lstatSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
} from 'node:fs';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { StellaError, systemCode } from '../errors.ts';
import { checkMedium, replaceFile, syncDirectory, writeError, writeNewFile } from '../files.ts';
import { ifInterrupted } from '../interrupt.ts';

/**
 * The one rule for what a command writes where it is told to, by `--out` and the like: a new file is made exclusively; a
 * regular file is replaced only where that is allowed, in one step; a symbolic link is followed to a regular file, and
 * never renamed over; a device or FIFO is written through.
 */
export interface OutputPlace {
  readonly kind: 'new' | 'regular' | 'stream';
  /** Where the bytes go: for a link, what it leads to. */
  readonly path: string;
}

export interface OutputOptions {
  /** Whether a regular file of that name is replaced. */
  readonly replace?: boolean;
  /** Permission bits of a new file; 0o644 unless told otherwise. */
  readonly mode?: number;
}

/** Open files of this process, by the names that systems have for them. */
const DESCRIPTOR = /^(?:\/dev\/fd|\/proc\/self\/fd)\/(\d{1,6})$/;
const STANDARD = new Map([
  ['/dev/stdout', 1],
  ['/dev/stderr', 2],
]);

/** The number of the open file that a path like `/dev/stdout` or `/dev/fd/3` names. */
export function descriptorOf(path: string): number | undefined {
  const number = DESCRIPTOR.exec(path)?.[1];
  return STANDARD.get(path) ?? (number === undefined ? undefined : Number(number));
}

/**
 * Judges where an output is to go, and changes nothing. Call it before the work, too, so that nothing is done in vain.
 * @throws StellaError FILE_EXISTS, WRITE_FAILED (a directory, a socket, a link to anything but a regular file, no medium)
 */
export function outputPlace(path: string, { replace = false }: OutputOptions = {}): OutputPlace {
  if (descriptorOf(path) !== undefined) return { kind: 'stream', path };
  try {
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (!found) {
      checkMedium(dirname(path));
      return { kind: 'new', path };
    }
    const place = found.isSymbolicLink() ? behindLink(path) : { kind: kindOf(path, found), path };
    if (place.kind === 'regular' && !replace)
      throw new StellaError('FILE_EXISTS', `${path} exists already`, {
        hint: 'give --force to replace it, or choose another name',
      });
    return place;
  } catch (cause) {
    throw writeError(path, cause);
  }
}

function kindOf(path: string, found: Stats): 'regular' | 'stream' {
  if (found.isFile()) return 'regular';
  if (found.isFIFO() || found.isCharacterDevice() || found.isBlockDevice()) return 'stream';
  throw new StellaError('WRITE_FAILED', `${path} is ${found.isDirectory() ? 'a directory' : 'no file'}`, {
    hint: 'name the file to make',
    file: path,
    details: { path },
  });
}

function behindLink(path: string): OutputPlace {
  if (!existsSync(path)) throw linkError(path, 'nothing');
  const target = realpathSync(path);
  if (!lstatSync(target).isFile()) throw linkError(path, target);
  return { kind: 'regular', path: target };
}

function linkError(path: string, target: string): StellaError {
  return new StellaError('WRITE_FAILED', `${path} is a symbolic link to ${target}, not to a regular file`, {
    hint: 'name the file itself, or remove the link',
    file: path,
    details: { path },
  });
}

/**
 * The same for what has to be a regular file.
 * @throws StellaError FILE_EXISTS, WRITE_FAILED
 */
export function filePlace(path: string, options: OutputOptions = {}): OutputPlace {
  const place = outputPlace(path, options);
  if (place.kind !== 'stream') return place;
  throw new StellaError('WRITE_FAILED', `${path} is no regular file`, { file: path, details: { path } });
}

/**
 * Gives a finished file its name and makes that durable. In one go, so that no interruption comes between this and what
 * the caller does next without waiting.
 * @param staged a file on the same file system, which is gone afterwards
 * @throws StellaError FILE_EXISTS, WRITE_FAILED
 */
export function publishOutput(staged: string, path: string, options: OutputOptions = {}): void {
  const place = filePlace(path, options);
  try {
    if (place.kind === 'new') claimName(staged, path);
    else renameSync(staged, place.path);
    syncDirectory(dirname(place.path));
  } catch (cause) {
    if (systemCode(cause) === 'EEXIST')
      throw new StellaError('FILE_EXISTS', `${path} exists already`, {
        cause,
        hint: 'give --force to replace it, or choose another name',
      });
    throw writeError(path, cause);
  }
}

/** A rename would replace what came there meanwhile; a link is refused then. */
function claimName(staged: string, path: string): void {
  try {
    linkSync(staged, path);
    rmSync(staged);
  } catch (cause) {
    if (systemCode(cause) === 'EEXIST') throw cause;
    // FAT and some network file systems have no links: an empty file of one's own keeps the place.
    closeSync(openSync(path, 'wx'));
    try {
      renameSync(staged, path);
    } catch (failed) {
      rmSync(path, { force: true });
      throw failed;
    }
  }
}

/**
 * Writes an output that is in memory.
 * @throws StellaError FILE_EXISTS, WRITE_FAILED
 */
export async function writeOutputFile(
  path: string,
  bytes: Uint8Array,
  options: OutputOptions = {},
): Promise<void> {
  const place = outputPlace(path, options);
  const mode = options.mode === undefined ? {} : { mode: options.mode };
  if (place.kind === 'stream') await streamOutput(path, Readable.from([bytes]));
  else if (place.kind === 'new') writeNewFile(path, bytes, mode);
  else replaceFile(place.path, bytes, mode);
}

/** Writes a finished file through to a device, a FIFO or an open file of this process. @throws StellaError WRITE_FAILED */
export async function streamFile(file: string, path: string): Promise<void> {
  await streamOutput(path, createReadStream(file, { highWaterMark: 1024 * 1024 }));
}

async function streamOutput(path: string, content: Readable): Promise<void> {
  const descriptor = descriptorOf(path);
  const ended = ifInterrupted(() => wakeWriter(path));
  try {
    const fd = descriptor ?? (await openStream(path));
    const output = createWriteStream(path, { fd, autoClose: descriptor === undefined });
    await pipeline(content, output);
  } catch (cause) {
    throw writeError(path, cause);
  } finally {
    ended();
  }
}

/** Not in this thread: opening a FIFO waits for its reader. */
async function openStream(path: string): Promise<number> {
  const { open } = await import('node:fs');
  const fd = await new Promise<number>((done, failed) => {
    open(path, constants.O_WRONLY | constants.O_NOFOLLOW, (error, opened) =>
      error ? failed(error) : done(opened),
    );
  });
  if (!fstatSync(fd).isFile()) return fd;
  closeSync(fd);
  throw new StellaError('WRITE_FAILED', `${path} has become another file`);
}

/** The thread that waits for a FIFO's reader goes on when there is one. */
function wakeWriter(path: string): void {
  if (!lstatSync(path, { throwIfNoEntry: false })?.isFIFO()) return;
  closeSync(openSync(path, constants.O_RDWR | constants.O_NONBLOCK));
}
