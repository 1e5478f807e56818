import {
  closeSync,
  constants,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  rmdirSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { StellaError, systemCode } from '../base/errors.ts';
import { copyFile } from '../base/file-system/copy.ts';
import { makeDirectory, writeError } from '../base/files.ts';

/**
 * Writes entries below one directory and nowhere else: paths come from a checked manifest, every directory on the way is
 * a real one, and every file is new. Knows what it has made, so that it can take it back.
 */
export class Extraction {
  readonly #root: string;
  readonly #files: string[] = [];
  readonly #directories = new Set<string>();
  readonly #made: string[] = [];
  #fd: number | undefined;
  #path = '';

  /** @throws StellaError WRITE_FAILED */
  constructor(root: string) {
    this.#root = normalize(root);
    try {
      if (makeDirectory(root) !== undefined) this.#made.push(root);
    } catch (cause) {
      throw writeError(root, cause);
    }
    this.#directories.add(dirname(join(root, 'x')));
  }

  /** @throws StellaError FILE_EXISTS, WRITE_FAILED */
  begin(path: string): void {
    const target = this.#prepare(path);
    try {
      // Exclusive: what is there already, a symbolic link above all, is never written to or through.
      this.#fd = openSync(target, 'wx', 0o644);
      this.#files.push(target);
      this.#path = target;
    } catch (cause) {
      throw placeError(target, cause);
    }
  }

  #prepare(path: string): string {
    const target = join(this.#root, path);
    try {
      this.#makeDirectory(dirname(target));
    } catch (cause) {
      throw writeError(target, cause);
    }
    return target;
  }

  write(bytes: Uint8Array): void {
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(this.#fd!, bytes, done);
    } catch (cause) {
      throw writeError(this.#path, cause);
    }
  }

  end(): void {
    const fd = this.#fd;
    this.#fd = undefined;
    if (fd !== undefined) closeSync(fd);
  }

  /**
   * Gives a file that lies elsewhere a place here: the same file where the file system allows it, else a copy.
   * @throws StellaError FILE_EXISTS, WRITE_FAILED
   */
  adopt(path: string, file: string): void {
    const target = this.#prepare(path);
    try {
      try {
        linkSync(file, target);
      } catch (cause) {
        if (systemCode(cause) === 'EEXIST') throw cause;
        copyFile(file, target, constants.COPYFILE_EXCL);
      }
      this.#files.push(target);
    } catch (cause) {
      throw placeError(target, cause);
    }
  }

  /** Removes every file and directory that it has made. */
  undo(): void {
    this.end();
    for (const file of this.#files) unlinkSync(file);
    for (const directory of this.#made.reverse()) {
      try {
        rmdirSync(directory);
      } catch (cause) {
        // Somebody else has put something there: theirs to keep.
        if (systemCode(cause) !== 'ENOTEMPTY' && systemCode(cause) !== 'EEXIST') throw cause;
      }
    }
  }

  #makeDirectory(path: string): void {
    if (this.#directories.has(path)) return;
    this.#makeDirectory(dirname(path));
    try {
      mkdirSync(path);
      this.#made.push(path);
    } catch (cause) {
      if (systemCode(cause) !== 'EEXIST') throw cause;
      if (!lstatSync(path).isDirectory())
        throw new StellaError('FILE_EXISTS', `${path} exists already and is not a directory`, { cause });
    }
    this.#directories.add(path);
  }
}

function placeError(path: string, cause: unknown): StellaError {
  return systemCode(cause) === 'EEXIST'
    ? new StellaError('FILE_EXISTS', `${path} exists already`, { cause })
    : writeError(path, cause);
}
