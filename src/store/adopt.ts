import { existsSync, readdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { readBounded, readBoundedIfPresent, syncDirectory, syncTree } from '../base/files.ts';

/** Entry bundles are the largest: 256 entries of at most 64 KiB. */
const MAX_SHARED_FILE_BYTES = 32 * 1024 * 1024;

/**
 * Moves the files below `from` to the same places below `to`. The trees hold immutable files: one that is there
 * already stays if its content is the same, and is damaged if it is not, since the staged one has been verified.
 */
export function adoptTree(from: string, to: string): void {
  syncTree(from);
  adopt(from, to);
  syncDirectory(dirname(to));
}

function adopt(from: string, to: string): void {
  if (!existsSync(to)) {
    renameSync(from, to);
    return;
  }
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) adopt(source, target);
    else if (!isSameFile(source, target)) renameSync(source, target);
  }
  syncDirectory(to);
}

function isSameFile(a: string, b: string): boolean {
  const held = readBoundedIfPresent(b, MAX_SHARED_FILE_BYTES);
  return held?.equals(readBounded(a, MAX_SHARED_FILE_BYTES)) ?? false;
}
