/**
 * base/safety/: two questions that come before everything else and import nothing: who besides this user can change a
 * file, and what of an address must not be shown. It answers, and never refuses: who asks knows what it means. It never
 * opens a file and never changes one.
 * Start here, then masked-url.ts.
 */

import { accessSync, constants, lstatSync, realpathSync, type Stats, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { getegid, geteuid, getgroups } from 'node:process';

const OTHERS_WRITE = 0o002;
const GROUP_WRITE = 0o020;
const STICKY = 0o1000;

/** Nothing can be written there by anybody, whatever the modes say, e.g. on a mounted ConfigMap. */
function isOnReadOnlyMount(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return false;
  } catch (cause) {
    return cause instanceof Error && 'code' in cause && cause.code === 'EROFS';
  }
}

/** A path and the directories above it, the path first. */
function pathAndParents(path: string): string[] {
  const parents = [path];
  for (let at = path; dirname(at) !== at; at = dirname(at)) parents.push(dirname(at));
  return parents;
}

function whoChanges(path: string, stat: Stats, self: number): string | undefined {
  if (stat.uid !== 0 && stat.uid !== self) return `${path} belongs to another user (uid ${stat.uid})`;
  if (stat.isSymbolicLink()) return undefined;
  // In a sticky directory only owners replace what is theirs, and each name below is looked at by itself.
  if (stat.isDirectory() && (stat.mode & STICKY) !== 0) return undefined;
  if ((stat.mode & (OTHERS_WRITE | GROUP_WRITE)) === 0 || isOnReadOnlyMount(path)) return undefined;
  return `${(stat.mode & OTHERS_WRITE) !== 0 ? 'other users' : 'its group'} can write ${path}`;
}

/**
 * Whether users other than this one and root could have written a file, or put another in its place: by the owners and
 * modes of the file, of every link to it and of every directory above. Windows has no such modes and gets no answer.
 * @returns who could, in words, or `undefined`
 */
export function whoElseCanReplace(path: string): string | undefined {
  const self = geteuid?.();
  if (self === undefined) return undefined;
  const named = resolve(path);
  const places = new Set([...pathAndParents(named), ...pathAndParents(realpathSync(named))]);
  for (const place of places) {
    const who = whoChanges(place, lstatSync(place), self);
    if (who !== undefined) return who;
  }
  return undefined;
}

/** Whether this process is in a group. */
export function isOwnGroup(gid: number): boolean {
  return [getegid?.(), ...(getgroups?.() ?? [])].includes(gid);
}

/** A group that this process is in is how several users keep one directory. */
function isShared({ mode, gid }: Stats): boolean {
  return (mode & GROUP_WRITE) !== 0 && isOwnGroup(gid);
}

/**
 * Whether users who are not meant to can write a directory: anybody, or a group that this process is not in. The owner
 * is not judged.
 * @returns who can, in words, or `undefined`; also where there is no such directory, and on Windows
 */
export function whoElseCanWrite(directory: string): string | undefined {
  const stat = statSync(directory, { throwIfNoEntry: false });
  if (geteuid === undefined || !stat) return undefined;
  const byOthers = (stat.mode & OTHERS_WRITE) !== 0;
  const byGroup = (stat.mode & GROUP_WRITE) !== 0 && !isShared(stat);
  if ((!byOthers && !byGroup) || isOnReadOnlyMount(directory)) return undefined;
  return `${byOthers ? 'other users' : `the group ${stat.gid}`} can write ${directory}`;
}

/** {@link whoElseCanWrite}, but for directories like `/tmp`, in which each replaces only what is their own. */
export function whoElseCanReplaceIn(directory: string): string | undefined {
  const stat = statSync(directory, { throwIfNoEntry: false });
  return stat && (stat.mode & STICKY) !== 0 ? undefined : whoElseCanWrite(directory);
}

/**
 * Whether a directory belongs to a user other than this one and root: its owner can put another file in the place of each
 * in it.
 * @returns whose it is, in words, or `undefined`; also where there is no such directory, and on Windows
 */
export function foreignOwnerOf(directory: string): string | undefined {
  const self = geteuid?.();
  const stat = statSync(directory, { throwIfNoEntry: false });
  if (self === undefined || !stat || stat.uid === 0 || stat.uid === self) return undefined;
  return `${directory} belongs to another user (uid ${stat.uid})`;
}

/** Whether a file belongs to root, to this user, to whom its directory belongs, or to one who shares that by its group. */
export function isOwnFile({ uid }: Pick<Stats, 'uid'>, directory: string): boolean {
  const self = geteuid?.();
  if (self === undefined || uid === 0 || uid === self) return true;
  const stat = statSync(directory);
  return uid === stat.uid || isShared(stat);
}
