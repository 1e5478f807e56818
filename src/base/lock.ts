import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { StellaError } from './errors.ts';
import { makeDirectory, writeError } from './files.ts';

const SQLITE_BUSY = 5;

type Sqlite = typeof import('node:sqlite');

/** Loaded by the first lock only: what takes none, e.g. verifying, does without. */
function loadSqlite(): Sqlite {
  return unannounced(() => process.getBuiltinModule('node:sqlite'));
}

/**
 * Node 22 announces on stderr that SQLite is experimental, once, when it is loaded; whoever uses stella can do nothing about
 * it. That one announcement is held back, for as long as `load` takes: no other code runs meanwhile, and every other
 * warning goes where it always goes.
 * @param load must not wait
 */
export function unannounced<T>(load: () => T): T {
  const before = Object.getOwnPropertyDescriptor(process, 'emitWarning')!;
  const emit = process.emitWarning.bind(process) as (...args: unknown[]) => void;
  process.emitWarning = (warning: string | Error, ...rest: unknown[]) => {
    if (!/^SQLite is an experimental feature\b/.test(String(warning))) emit(warning, ...rest);
  };
  try {
    return load();
  } finally {
    Object.defineProperty(process, 'emitWarning', before);
  }
}

/**
 * Runs `use` while this process alone holds the lock of `directory`. The lock is SQLite's exclusive lock on an empty
 * file `lock`: held by the kernel, so it ends with the process however that ends, and no lock is ever left behind.
 * @throws StellaError LOCKED when another process holds it, WRITE_FAILED when the file cannot be made
 */
export async function withLock<T>(directory: string, use: () => Promise<T> | T): Promise<T> {
  const path = join(directory, 'lock');
  let database: DatabaseSync | undefined;
  try {
    makeDirectory(directory);
    database = new (loadSqlite().DatabaseSync)(path, { timeout: 0 });
    // Nothing is ever written, so that there is nothing to roll back; a journal would stay behind where a process is ended.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (cause) {
    database?.close();
    if (cause instanceof Error && 'errcode' in cause && cause.errcode === SQLITE_BUSY) {
      throw new StellaError('LOCKED', `another stella process is working in ${directory}`, { cause });
    }
    throw writeError(path, cause);
  }
  try {
    return await use();
  } finally {
    database.close();
  }
}
