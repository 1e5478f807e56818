import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { StellaError } from './errors.ts';
import { makeDirectory, writeError } from './files.ts';

const SQLITE_BUSY = 5;

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
    database = new DatabaseSync(path, { timeout: 0 });
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
