import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { checkEntryPath, foldPath } from '../archive/entry-path.ts';
import { excerpt } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import { metadataFileName } from './metadata-file.ts';
import type { TufTarget } from './types.ts';

/** Hash algorithms that a target may be identified by, the one that file names are prefixed with first. */
export const TARGET_HASHES = ['sha256', 'sha512', 'sha384'] as const;

/** Whether a relative path means the same file on every system, as a URL and in an archive. */
export function isPlainPath(path: string): boolean {
  try {
    checkEntryPath(path);
    return true;
  } catch {
    return false;
  }
}

/**
 * The path of a metadata file below the repository's root, as published: where a static server finds it for the URL that
 * clients ask for, so that a role called `a/b` is in a directory. A role whose name cannot be a path is percent-encoded.
 */
export function metadataPath(role: string, version: number | undefined): string {
  // Percent signs are encoded, so that no two roles have one path.
  const plain = !role.includes('%') && isPlainPath(role);
  return metadataFileName(plain ? role : encodeURIComponent(role), version);
}

/** Where a repository lies in a bundle: its paths must be such as can be there, too. */
const IN_BUNDLE = 'tuf/';

/**
 * The files of one repository, none of which may stand in the place of another: on any file system, so that names that
 * differ in case only are the same, and in a bundle.
 */
export class TakenPaths {
  readonly #files = new Set<string>();
  readonly #directories = new Set<string>();

  /** @returns false for a path that cannot be a file, that is taken, or that is a directory of another */
  take(path: string): boolean {
    if (!isPlainPath(`${IN_BUNDLE}${path}`)) return false;
    const folded = foldPath(path);
    const segments = folded.split('/');
    const directories = segments.slice(1).map((_, i) => segments.slice(0, i + 1).join('/'));
    if (
      this.#files.has(folded) ||
      this.#directories.has(folded) ||
      directories.some((directory) => this.#files.has(directory))
    )
      return false;
    this.#files.add(folded);
    for (const directory of directories) this.#directories.add(directory);
    return true;
  }
}

/**
 * The path of a target below `targets/`, as published: with its hash before its base name in a repository with
 * consistent snapshots (§3.1.2).
 * @throws StellaError TARGET_INVALID for a name that cannot be a path, or without a hash to name or check it by
 */
export function targetPath(target: TufTarget, consistentSnapshot: boolean): string {
  if (!isPlainPath(target.name))
    throw new StellaError(
      'TARGET_INVALID',
      `target ${excerpt(target.name)} has a name that cannot be a path`,
    );
  return publishedTargetName(target, consistentSnapshot);
}

/** {@link targetPath} of any name, for URLs. @throws StellaError TARGET_INVALID */
export function publishedTargetName(target: TufTarget, consistentSnapshot: boolean): string {
  const algorithm = TARGET_HASHES.find((name) => Object.hasOwn(target.hashes, name));
  const hash = algorithm === undefined ? undefined : target.hashes[algorithm];
  if (hash === undefined || !/^[0-9a-f]+$/.test(hash))
    throw new StellaError('TARGET_INVALID', `target ${excerpt(target.name)} has no SHA-256 or SHA-512`);
  if (!consistentSnapshot) return target.name;
  const slash = target.name.lastIndexOf('/') + 1;
  return `${target.name.slice(0, slash)}${hash}.${target.name.slice(slash)}`;
}

/** Whether {@link targetPath} has a path for it. */
export function isPublishable(target: TufTarget): boolean {
  return (
    isPlainPath(target.name) &&
    TARGET_HASHES.some(
      (name) => Object.hasOwn(target.hashes, name) && /^[0-9a-f]+$/.test(target.hashes[name]!),
    )
  );
}

/** A path as part of a URL. Only what would end the path, be taken for an escape, or be left out, is encoded. */
export function urlPath(path: string): string {
  return path.replace(/[%?#\\\s\p{Cc}]/gu, encodeURIComponent);
}

/** The numbers N of the N.root.json files in a directory, ascending. */
export function rootVersionsIn(directory: string): number[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .map((name) => /^([1-9]\d{0,8})\.root\.json$/.exec(name)?.[1])
    .filter((version) => version !== undefined)
    .map(Number)
    .sort((a, b) => a - b);
}

export function rootPath(directory: string, version: number): string {
  return join(directory, metadataFileName('root', version));
}
