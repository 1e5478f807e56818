import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeSync,
} from 'node:fs';
import { platform } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { formatSha256, type Sha256Hex, sha256Stream } from './bytes.ts';
import type { ErrorCode } from './codes.ts';
import { isStellaError, StellaError, systemCode } from './errors.ts';
import { missingMedium } from './file-system/medium.ts';
import { syncDirectory } from './file-system/modes.ts';
import { notice } from './file-system/notices.ts';
import { systemProblem } from './file-system/system-error.ts';
import { ifInterrupted } from './interrupt.ts';
import { isOwnFile } from './safety/ownership.ts';

export { syncDirectory } from './file-system/modes.ts';
export { syncTree } from './file-system/sync-tree.ts';

/** Every staging directory's name begins so; what a killed process left behind is found and removed by it. */
export const STAGING_PREFIX = '.staging-';

/** Wraps a failed system call on `path` for reading into FILE_NOT_FOUND or FILE_UNREADABLE. */
export function readError(path: string, cause: unknown): StellaError {
  if (isStellaError(cause)) return cause;
  const missing = systemCode(cause) === 'ENOENT' || systemCode(cause) === 'ENOTDIR';
  if (missing) return new StellaError('FILE_NOT_FOUND', `no such file: ${path}`, { cause });
  const { text, hint } = describeSystemError(cause, 'read');
  return new StellaError('FILE_UNREADABLE', `cannot read ${path}${text}`, { ...hint, cause });
}

function describeSystemError(cause: unknown, act: 'read' | 'write') {
  const code = systemCode(cause);
  const problem = code === undefined ? undefined : systemProblem(code, act);
  return {
    text: `${problem ? `: ${problem.meaning}` : ''} (${code ?? String(cause)})`,
    hint: problem?.hint === undefined ? {} : { hint: problem.hint },
  };
}

/** Wraps a failed system call on `path` for writing into `code` (WRITE_FAILED unless told otherwise). */
export function writeError(path: string, cause: unknown, code: ErrorCode = 'WRITE_FAILED'): StellaError {
  if (isStellaError(cause)) return cause;
  const { text, hint } = describeSystemError(cause, 'write');
  return new StellaError(code, `cannot write ${path}${text}`, {
    ...hint,
    cause,
    file: path,
    details: { path },
  });
}

/**
 * Reads a whole file of at most `most` bytes.
 * @throws StellaError FILE_NOT_FOUND, FILE_UNREADABLE, FILE_TOO_LARGE
 */
export function readBounded(path: string, most: number): Buffer {
  return readFrom(path, constants.O_RDONLY, most, (stat) => {
    if (stat.isDirectory()) throw new StellaError('FILE_UNREADABLE', `${path} is a directory`);
  });
}

/**
 * Opens a file that only stella writes, e.g. of its trust store, for reading: a link, a pipe, a device, or a file of
 * another user than root, this one and the directory's owner was put there by another program. Nothing is waited for and
 * nothing of such a file is read.
 * @returns `undefined` where there is no such file
 * @throws StellaError FILE_UNREADABLE
 */
export function openOwnIfPresent(path: string): number | undefined {
  // On Windows two of them are undefined, which counts as nothing here.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const refuse = (why: string, cause?: unknown) =>
    new StellaError('FILE_UNREADABLE', `${path} ${why}: stella did not write it`, {
      ...(cause === undefined ? {} : { cause }),
      hint: [
        'find out who put it there',
        'if it lay in the trust store, make that again with `stella trust init --replace`, or move its directory away and run `stella trust import FILE` as for the first time',
      ],
    });
  let fd: number;
  try {
    fd = openSync(path, flags);
  } catch (cause) {
    const code = systemCode(cause);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    if (code === 'ELOOP') throw refuse('is a symbolic link', cause);
    if (code === 'ENXIO' || code === 'EOPNOTSUPP') throw refuse('is not a regular file', cause);
    throw readError(path, cause);
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw refuse('is not a regular file');
    if (!isOwnFile(stat, dirname(path))) throw refuse(`belongs to another user (uid ${stat.uid})`);
    return fd;
  } catch (cause) {
    closeSync(fd);
    throw readError(path, cause);
  }
}

/**
 * Reads a whole file of at most `most` bytes that only stella writes.
 * @returns `undefined` where there is no such file
 * @throws StellaError FILE_UNREADABLE, FILE_TOO_LARGE
 */
export function readOwnIfPresent(path: string, most: number): Buffer | undefined {
  const fd = openOwnIfPresent(path);
  return fd === undefined ? undefined : readAll(fd, path, most);
}

function readFrom(path: string, flags: number, most: number, check: (stat: Stats) => void): Buffer {
  let fd: number;
  try {
    fd = openSync(path, flags);
  } catch (cause) {
    throw readError(path, cause);
  }
  try {
    check(fstatSync(fd));
  } catch (cause) {
    closeSync(fd);
    throw readError(path, cause);
  }
  return readAll(fd, path, most);
}

/** Everything of an open file, which is closed. */
function readAll(fd: number, path: string, most: number): Buffer {
  try {
    const { size } = fstatSync(fd);
    // Pipes and /proc files have no size of their own: read what comes, up to the bound.
    const chunks: Buffer[] = [];
    let total = 0;
    for (;;) {
      const chunk = Buffer.allocUnsafe(Math.min(most + 1, Math.max(size - total, 0) + 4096));
      const count = readSync(fd, chunk, 0, chunk.length, null);
      if (count === 0) break;
      total += count;
      if (total > most) throw new StellaError('FILE_TOO_LARGE', `${path} is larger than ${most} bytes`);
      chunks.push(chunk.subarray(0, count));
    }
    return Buffer.concat(chunks, total);
  } catch (cause) {
    throw readError(path, cause);
  } finally {
    closeSync(fd);
  }
}

/**
 * At most the first `count` bytes of a file.
 * @throws StellaError FILE_NOT_FOUND, FILE_UNREADABLE
 */
export function readStart(path: string, count: number): Buffer {
  try {
    const fd = openSync(path, 'r');
    try {
      const bytes = Buffer.alloc(count);
      return bytes.subarray(0, readSync(fd, bytes, 0, count, 0));
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    throw readError(path, cause);
  }
}

/**
 * SHA-256 of a file of any size, read once from beginning to end.
 * @throws StellaError FILE_NOT_FOUND, FILE_UNREADABLE
 */
export function fileSha256(path: string): Sha256Hex {
  const hash = sha256Stream();
  const chunk = Buffer.allocUnsafe(4 * 1024 * 1024);
  try {
    const fd = openSync(path, 'r');
    try {
      for (let count = readSync(fd, chunk); count > 0; count = readSync(fd, chunk))
        hash.update(chunk.subarray(0, count));
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    throw readError(path, cause);
  }
  return formatSha256(hash.digest());
}

/** Like {@link readBounded}, but `undefined` where there is no such file. */
export function readBoundedIfPresent(path: string, most: number): Buffer | undefined {
  try {
    return readBounded(path, most);
  } catch (error) {
    if (isStellaError(error, 'FILE_NOT_FOUND')) return undefined;
    throw error;
  }
}

export function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/**
 * Makes a directory and those above it, where they are not there yet. Node's own `recursive` never ends below /proc, where
 * a parent is there and yet nothing can be made in it.
 * @returns the first that had to be made, if any
 * @throws StellaError WRITE_FAILED
 */
export function makeDirectory(path: string, mode = 0o777): string | undefined {
  let made: string | undefined;
  try {
    if (isDirectory(path)) return undefined;
    if (dirname(path) !== path) made = makeDirectory(dirname(path), mode);
    mkdirSync(path, mode);
    return made ?? path;
  } catch (cause) {
    if (systemCode(cause) !== 'EEXIST') throw writeError(path, cause);
    // Somebody else may have made it meanwhile.
    if (isDirectory(path)) return made;
    throw new StellaError('WRITE_FAILED', `${path} is in the way: a directory is needed there`, {
      cause,
      file: path,
      details: { path },
    });
  }
}

/**
 * For what people name, before it is made: a directory that is missing where media are mounted is refused, since it would lie
 * on the system's own disk, unnoticed. Where the directory is there or in use and nothing is mounted, that is said.
 * @throws StellaError WRITE_FAILED
 */
export function checkMedium(directory: string): void {
  let found: ReturnType<typeof missingMedium>;
  try {
    found = missingMedium(directory);
  } catch (cause) {
    throw writeError(directory, cause);
  }
  if (!found) return;
  const { missing, existing } = found;
  if (missing === undefined) {
    notice(
      `warning: no medium is mounted at ${existing}: what is written there stays on the disk of this machine`,
    );
    return;
  }
  throw new StellaError('WRITE_FAILED', `there is no directory ${missing}, and no medium is mounted there`, {
    hint: [
      'mount the medium, then run the command again',
      `if it is to lie on the disk of this machine: mkdir -p ${missing}`,
    ],
    file: missing,
    details: { path: missing },
  });
}

export interface WriteOptions {
  /** Permission bits of the new file; 0o644 unless told otherwise. */
  readonly mode?: number;
  /** Whether no other user may be able to read it: refused, before anything is written, where the file system has no modes. */
  readonly secret?: boolean;
  /** Whether the content is on the disk on return (default), or will be by a later {@link syncTree}. */
  readonly sync?: boolean;
}

/**
 * Writes a file that must not exist yet, making its directories.
 * @throws StellaError FILE_EXISTS, WRITE_FAILED, KEY_PERMISSIONS (secret, on a file system without modes)
 */
export function writeNewFile(path: string, bytes: Uint8Array, options: WriteOptions = {}): void {
  makeDirectory(dirname(path));
  let isMine = false;
  try {
    const fd = openSync(path, 'wx', options.secret ? 0o600 : (options.mode ?? 0o644));
    isMine = true;
    try {
      if (options.secret) checkUnread(path, fstatSync(fd));
      for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
      if (options.sync ?? true) fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    // Half of a file, e.g. on a full disk, helps nobody and would be in the way of the next run.
    if (isMine) rmSync(path, { force: true });
    if (systemCode(cause) === 'EEXIST')
      throw new StellaError('FILE_EXISTS', `${path} exists already`, { cause });
    throw writeError(path, cause);
  }
}

function checkUnread(path: string, { mode }: Stats): void {
  if (platform() === 'win32' || (mode & 0o077) === 0) return;
  throw new StellaError(
    'KEY_PERMISSIONS',
    `${path} would be readable by other users: the file system gives every file the mode ${(mode & 0o777).toString(8).padStart(4, '0')}`,
    { hint: KEY_NEEDS_MODES },
  );
}

/** What helps where a private key is to lie on FAT, exFAT or a network share. */
export const KEY_NEEDS_MODES: readonly string[] = [
  'keep private keys on a file system with permissions, e.g. in the home directory',
  'or mount this one so that only this user can read it: FAT and exFAT with `umask=077,uid=USER`, CIFS with `file_mode=0600,dir_mode=0700,uid=USER`',
];

/**
 * Replaces or makes a file so that a crash at any instant leaves the old content or the new one: written beside it,
 * synced, renamed over it, directory synced.
 * @throws StellaError WRITE_FAILED
 */
export function replaceFile(path: string, bytes: Uint8Array, options: WriteOptions = {}): void {
  withStaging(dirname(path), `${STAGING_PREFIX}${basename(path)}-`, (staging) => {
    const temporary = join(staging, 'new');
    writeNewFile(temporary, bytes, options);
    try {
      renameSync(temporary, path);
      syncDirectory(dirname(path));
    } catch (cause) {
      throw writeError(path, cause);
    }
  });
}

interface Staging {
  readonly path: string;
  remove(): void;
}

function makeStaging(parent: string, prefix: string): Staging {
  try {
    makeDirectory(parent);
    const path = mkdtempSync(join(parent, prefix));
    // Writes on other threads may still add a file while an interrupted process cleans up.
    const remove = () => rmSync(path, { recursive: true, force: true, maxRetries: 3 });
    const ended = ifInterrupted(remove);
    return {
      path,
      remove() {
        ended();
        remove();
      },
    };
  } catch (cause) {
    throw writeError(parent, cause);
  }
}

/** Runs `use` with a fresh directory inside `parent` and removes it afterwards, whatever happened. */
export function withStaging<T>(parent: string, prefix: string, use: (staging: string) => T): T {
  const staging = makeStaging(parent, prefix);
  try {
    return use(staging.path);
  } finally {
    staging.remove();
  }
}

/** {@link withStaging} for asynchronous use. */
export async function withStagingAsync<T>(
  parent: string,
  prefix: string,
  use: (staging: string) => Promise<T>,
): Promise<T> {
  const staging = makeStaging(parent, prefix);
  try {
    return await use(staging.path);
  } finally {
    staging.remove();
  }
}

/** Removes staging directories that a killed process left in `parent`. Call it with the directory's lock held. */
export function removeLeftovers(parent: string): void {
  for (const name of readdirSync(parent)) {
    if (name.startsWith(STAGING_PREFIX)) rmSync(join(parent, name), { recursive: true, force: true });
  }
}
