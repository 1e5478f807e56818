import {
  type Dirent,
  globSync,
  opendirSync,
  readlinkSync,
  realpathSync,
  type Stats,
  statSync,
} from 'node:fs';
import { join, resolve, sep } from 'node:path';
import { compareBytewise } from '../../base/bytes.ts';
import { StellaError } from '../../base/errors.ts';
import { readError } from '../../base/files.ts';
import type { SkipReason } from './recognize.ts';

/** A document with attestations, as it was named or found. */
export interface InputFile {
  readonly path: string;
  /** How to call it: as it was named, with what was found below it. */
  readonly name: string;
  /** Found in a directory, where other files may lie too. */
  readonly found: boolean;
  /** Bytes; 0 for what has no size of its own. */
  readonly size: number;
}

/** Something that was found and contributes nothing. */
export interface SkippedInput {
  readonly name: string;
  readonly skipped: SkipReason;
}

/** Something that was named or found and cannot be read. */
export interface UnreadableInput {
  readonly name: string;
  readonly error: StellaError;
}

export type FoundInput = InputFile | SkippedInput | UnreadableInput;

export const isInputFile = (input: FoundInput): input is InputFile => 'path' in input;

/**
 * What paths, directories (with everything below them, in bytewise order) and glob patterns name. `-` stays as it is. What
 * is not there or cannot be read is an answer, too, so that the others are still judged.
 */
export function* expandPaths(paths: readonly string[], cwd: string): Generator<FoundInput> {
  for (const name of paths) {
    if (name === '-') {
      yield { path: name, name: 'stdin', found: false, size: 0 };
      continue;
    }
    const path = resolve(cwd, name);
    const stat = statOf(path);
    if (stat instanceof StellaError) yield { name, error: stat };
    else if (stat || !/[*?[{]/.test(name)) yield* namedInput(path, name, stat);
    else yield* matches(name, cwd);
  }
}

/**
 * The files that {@link expandPaths} names, for what carries them all or nothing.
 * @throws StellaError FILE_NOT_FOUND, FILE_UNREADABLE
 */
export function requireInputs(paths: readonly string[], cwd: string): (InputFile | SkippedInput)[] {
  return [...expandPaths(paths, cwd)].map((input) => {
    if ('error' in input) throw input.error;
    return input;
  });
}

function statOf(path: string): Stats | StellaError | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (cause) {
    return readError(path, cause);
  }
}

function* matches(pattern: string, cwd: string): Generator<FoundInput> {
  const names = globSync(pattern, { cwd }).sort(compareBytewise);
  if (names.length === 0)
    yield { name: pattern, error: new StellaError('FILE_NOT_FOUND', `nothing matches ${pattern}`) };
  for (const name of names) {
    const path = resolve(cwd, name);
    const stat = statOf(path);
    if (stat instanceof StellaError) yield { name, error: stat };
    else if (!stat) yield { name, skipped: 'a link to nothing' };
    else if (stat.isFile() || stat.isDirectory()) yield* namedInput(path, name, stat);
    else yield { name, skipped: 'no regular file' };
  }
}

function* namedInput(path: string, name: string, stat: Stats | undefined): Generator<FoundInput> {
  if (!stat) yield { name, error: new StellaError('FILE_NOT_FOUND', `no such file: ${name}`) };
  else if (stat.isDirectory()) yield* inDirectory(path, name);
  else yield { path, name, found: false, size: stat.size };
}

function* inDirectory(directory: string, name: string): Generator<FoundInput> {
  let root: string;
  try {
    root = realpathSync(directory);
  } catch (cause) {
    yield { name, error: readError(directory, cause) };
    return;
  }
  yield* filesBelow(directory, name, root);
}

function* filesBelow(directory: string, shown: string, root: string): Generator<FoundInput> {
  const entries: Dirent[] = [];
  try {
    const handle = opendirSync(directory);
    try {
      for (let entry = handle.readSync(); entry; entry = handle.readSync()) entries.push(entry);
    } finally {
      handle.closeSync();
    }
  } catch (cause) {
    yield { name: shown, error: readError(directory, cause) };
    return;
  }
  entries.sort((a, b) => compareBytewise(a.name, b.name));
  for (const entry of entries) {
    const [path, name] = [join(directory, entry.name), join(shown, entry.name)];
    if (entry.isDirectory()) yield* filesBelow(path, name, root);
    else if (entry.isSymbolicLink()) yield* linked(path, name, root);
    else if (entry.isFile()) {
      const stat = statOf(path);
      if (stat instanceof StellaError) yield { name, error: stat };
      // A file that is gone by now was not there.
      else if (stat) yield { path, name, found: true, size: stat.size };
    } else yield { name, skipped: 'no regular file' };
  }
}

/** A link to a file inside of the directory stands for it; what a link to a directory leads to is found where it lies. */
function* linked(path: string, name: string, root: string): Generator<FoundInput> {
  let target: string;
  let stat: Stats;
  try {
    target = realpathSync(path);
    stat = statSync(target);
  } catch {
    yield { name, skipped: leadsOutside(path, root) ? 'a link that leads outside' : 'a link to nothing' };
    return;
  }
  if (target !== root && !target.startsWith(root.endsWith(sep) ? root : root + sep))
    yield { name, skipped: 'a link that leads outside' };
  else if (stat.isFile()) yield { path: target, name, found: true, size: stat.size };
  else if (!stat.isDirectory()) yield { name, skipped: 'no regular file' };
}

function leadsOutside(path: string, root: string): boolean {
  try {
    const target = resolve(realpathSync(join(path, '..')), readlinkSync(path));
    return !target.startsWith(root + sep);
  } catch {
    return false;
  }
}
