import {
  closeSync,
  constants,
  copyFileSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { isNotSupported } from './modes.ts';

/**
 * Copies a file, its modes where there are any: `copyfile` fails as a whole where they cannot be set.
 * @param flags as of `copyFileSync`
 */
export function copyFile(from: string, to: string, flags = 0): void {
  try {
    copyFileSync(from, to, flags);
  } catch (cause) {
    // What is there already, or is in the way, is none of this; the content alone says whether it can be written.
    if (!isNotSupported(cause)) throw cause;
    copyContent(from, to, (flags & constants.COPYFILE_EXCL) !== 0);
  }
}

function copyContent(from: string, to: string, isNew: boolean): void {
  const source = openSync(from, 'r');
  try {
    const target = openSync(to, isNew ? 'wx' : 'w', 0o644);
    let isWhole = false;
    try {
      const chunk = Buffer.allocUnsafe(1024 * 1024);
      for (let count = readSync(source, chunk); count > 0; count = readSync(source, chunk))
        for (let done = 0; done < count; ) done += writeSync(target, chunk, done, count - done);
      isWhole = true;
    } finally {
      closeSync(target);
      if (!isWhole) rmSync(to, { force: true });
    }
  } finally {
    closeSync(source);
  }
}

/**
 * Copies the regular files of a tree, and nothing else of it.
 * @returns the paths of the copied files relative to `from`, with slashes
 */
export function copyTree(from: string, to: string): string[] {
  const files = readdirSync(from, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(from.length + 1));
  for (const file of files) {
    mkdirSync(dirname(join(to, file)), { recursive: true });
    copyFile(join(from, file), join(to, file));
  }
  return files.map((file) => file.replaceAll('\\', '/'));
}
