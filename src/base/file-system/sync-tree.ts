import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, fsyncSync, opendirSync, openSync, statSync } from 'node:fs';
import { platform } from 'node:os';
import { join } from 'node:path';
import { syncDirectory } from './modes.ts';

/** From this many files on, one flush of the whole file system is cheaper than a flush of each file. */
const MANY_FILES = 256;
const SYNC_COMMANDS = ['/usr/bin/sync', '/bin/sync'];

/**
 * Makes a whole tree durable: every file's content and every directory's names.
 *
 * A great tree on Linux is flushed by coreutils' `sync -f` (syncfs(2), which Node does not offer): 100,000 files take
 * about a second that way, and twenty by fsync(2). Anything else is synced file by file, leaves first.
 */
export function syncTree(root: string): void {
  const paths: string[] = [];
  for (const path of pathsBelow(root)) {
    paths.push(path);
    if (paths.length === MANY_FILES && platform() === 'linux' && syncFileSystem(root)) return;
  }
  for (const path of paths) {
    if (statSync(path).isDirectory()) syncDirectory(path);
    else syncFile(path);
  }
}

function syncFile(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Files and directories of a tree, itself last, each after what is below it. Links and devices are left out. */
function* pathsBelow(root: string): Generator<string> {
  const directory = opendirSync(root);
  try {
    for (let entry = directory.readSync(); entry; entry = directory.readSync()) {
      const path = join(root, entry.name);
      if (entry.isDirectory()) yield* pathsBelow(path);
      else if (entry.isFile()) yield path;
    }
  } finally {
    directory.closeSync();
  }
  // Directories cannot be opened on Windows; NTFS journals renames.
  if (platform() !== 'win32') yield root;
}

function syncFileSystem(path: string): boolean {
  const command = SYNC_COMMANDS.find((candidate) => existsSync(candidate));
  return command !== undefined && spawnSync(command, ['-f', path], { stdio: 'ignore' }).status === 0;
}
