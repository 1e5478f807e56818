import {
  closeSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { platform } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { ErrorCode } from './codes.ts';
import { isStellaError, StellaError, systemCode } from './errors.ts';

/** Wraps a failed system call on `path` for reading into FILE_NOT_FOUND or FILE_UNREADABLE. */
export function readError(path: string, cause: unknown): StellaError {
  if (isStellaError(cause)) return cause;
  const missing = systemCode(cause) === 'ENOENT' || systemCode(cause) === 'ENOTDIR';
  return missing
    ? new StellaError('FILE_NOT_FOUND', `no such file: ${path}`, { cause })
    : new StellaError('FILE_UNREADABLE', `cannot read ${path} (${systemCode(cause) ?? String(cause)})`, {
        cause,
      });
}

/** Wraps a failed system call on `path` for writing into `code` (WRITE_FAILED unless told otherwise). */
export function writeError(path: string, cause: unknown, code: ErrorCode = 'WRITE_FAILED'): StellaError {
  if (isStellaError(cause)) return cause;
  return new StellaError(code, `cannot write ${path} (${systemCode(cause) ?? String(cause)})`, { cause });
}

/**
 * Reads a whole file of at most `most` bytes.
 * @throws StellaError FILE_NOT_FOUND, FILE_UNREADABLE, FILE_TOO_LARGE
 */
export function readBounded(path: string, most: number): Buffer {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (cause) {
    throw readError(path, cause);
  }
  try {
    const stat = fstatSync(fd);
    if (stat.isDirectory()) throw new StellaError('FILE_UNREADABLE', `${path} is a directory`);
    // Pipes and /proc files have no size of their own: read what comes, up to the bound.
    const chunks: Buffer[] = [];
    let total = 0;
    for (;;) {
      const chunk = Buffer.allocUnsafe(Math.min(most + 1, Math.max(stat.size - total, 0) + 4096));
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

/** Makes a directory's entries (new names, renames) durable. */
export function syncDirectory(path: string): void {
  if (platform() === 'win32') return; // directories cannot be opened there; NTFS journals renames
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

export interface WriteOptions {
  /** Permission bits of the new file; 0o644 unless told otherwise. */
  readonly mode?: number;
  /** Whether the content is on the disk on return (default), or will be by a later {@link syncTree}. */
  readonly sync?: boolean;
}

/**
 * Writes a file that must not exist yet, making its directories.
 * @throws StellaError FILE_EXISTS, WRITE_FAILED
 */
export function writeNewFile(path: string, bytes: Uint8Array, options: WriteOptions = {}): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    const fd = openSync(path, 'wx', options.mode ?? 0o644);
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
      if (options.sync ?? true) fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    if (systemCode(cause) === 'EEXIST')
      throw new StellaError('FILE_EXISTS', `${path} exists already`, { cause });
    throw writeError(path, cause);
  }
}

/**
 * Replaces or makes a file so that a crash at any instant leaves the old content or the new one: written beside it,
 * synced, renamed over it, directory synced.
 * @throws StellaError WRITE_FAILED
 */
export function replaceFile(path: string, bytes: Uint8Array, options: WriteOptions = {}): void {
  withStaging(dirname(path), `.${basename(path)}.`, (staging) => {
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

/** Makes a whole tree durable: every file's content, then every directory, leaves first. */
export function syncTree(root: string): void {
  for (const entry of readdirSync(root, { withFileTypes: true })) {
    const path = join(root, entry.name);
    if (entry.isDirectory()) syncTree(path);
    else if (entry.isFile()) {
      const fd = openSync(path, 'r');
      try {
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
    }
  }
  syncDirectory(root);
}

/** Every staging directory's name begins so; what a killed process left behind is found and removed by it. */
export const STAGING_PREFIX = '.staging-';

function makeStaging(parent: string, prefix: string): string {
  try {
    mkdirSync(parent, { recursive: true });
    return mkdtempSync(join(parent, prefix));
  } catch (cause) {
    throw writeError(parent, cause);
  }
}

/** Runs `use` with a fresh directory inside `parent` and removes it afterwards, whatever happened. */
export function withStaging<T>(parent: string, prefix: string, use: (staging: string) => T): T {
  const staging = makeStaging(parent, prefix);
  try {
    return use(staging);
  } finally {
    rmSync(staging, { recursive: true, force: true });
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
    return await use(staging);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

/** Removes staging directories that a killed process left in `parent`. Call it with the directory's lock held. */
export function removeLeftovers(parent: string): void {
  for (const name of readdirSync(parent)) {
    if (name.startsWith(STAGING_PREFIX)) rmSync(join(parent, name), { recursive: true, force: true });
  }
}
