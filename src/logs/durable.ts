import { mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncDirectory, writeError } from '../base/files.ts';
import { forEachBounded } from './bounded.ts';

export interface FileToWrite {
  /** Relative to the directory, with slashes. */
  readonly path: string;
  readonly bytes: Uint8Array;
}

/** Several at once, so that the disk can flush them together. */
const WRITES_IN_FLIGHT = 8;

/**
 * Writes files below `directory`, replacing what is there, and returns when their contents and names are on the disk.
 * @throws StellaError WRITE_FAILED
 */
export async function writeDurably(directory: string, files: readonly FileToWrite[]): Promise<void> {
  const folders = new Set<string>();
  for (const { path } of files)
    for (let folder = dirname(path); ; folder = dirname(folder)) {
      if (folders.has(folder)) break;
      folders.add(folder);
      if (folder === '.') break;
    }
  await forEachBounded(files, WRITES_IN_FLIGHT, undefined, async ({ path, bytes }) => {
    const target = join(directory, path);
    try {
      await mkdir(dirname(target), { recursive: true });
      const file = await open(target, 'w', 0o644);
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
    } catch (cause) {
      throw writeError(target, cause);
    }
  });
  // A name is durable when its directory is, up to the one that was there before.
  for (const folder of folders) syncDirectory(join(directory, folder));
}
