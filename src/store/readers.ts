import { statSync } from 'node:fs';
import { platform } from 'node:os';
import { dirname, join } from 'node:path';
import { modeOf } from '../base/file-system/modes.ts';
import type { Generation, TrustStore } from './store.ts';

/** Users who cannot read a generation, in words, and what keeps them from it. */
export interface ShutOut {
  readonly who: string;
  readonly path: string;
  /** Permission bits. */
  readonly mode: number;
}

const CLASSES = [
  { who: 'users of its group', read: 0o040, search: 0o010 },
  { who: 'other users', read: 0o004, search: 0o001 },
] as const;

/**
 * Who could read the store until now, or might be meant to, and cannot read its current generation: what a change under umask
 * 077 comes to. Of a store in which everything is this user's alone, it is told only where the store is not in a home directory.
 * @param isShared whether the store was put where it is for others, too
 * @returns `undefined` where nothing has to be said, and on Windows
 */
export function whoIsShutOut(
  store: TrustStore,
  generation: Generation,
  isShared: boolean,
): ShutOut | undefined {
  if (platform() === 'win32') return undefined;
  const { directory } = store;
  const own = modeOf(directory);
  const isForOthers = CLASSES.some(({ read, search }) => (own & (read | search)) === (read | search));
  if (!isForOthers) return isShared ? { who: 'other users', path: directory, mode: own } : undefined;
  const made = [
    join(directory, 'CURRENT'),
    generation.directory,
    dirname(generation.directory),
    generation.tufDirectory,
  ];
  for (const { who, read, search } of CLASSES) {
    if ((own & (read | search)) !== (read | search)) continue;
    const path = made.find((one) => {
      const wanted = statSync(one).isDirectory() ? read | search : read;
      return (modeOf(one) & wanted) !== wanted;
    });
    if (path !== undefined) return { who, path, mode: modeOf(path) };
  }
  return undefined;
}
