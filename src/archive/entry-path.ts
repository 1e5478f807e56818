import { compareBytewise, excerpt } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import { MAX_PATH_BYTES, MAX_SEGMENT_BYTES } from './limits.ts';

const refuse = (path: string, why: string): StellaError =>
  new StellaError('ENTRY_PATH', `entry path ${why}: ${excerpt(path)}`);

/** Device names that Windows gives to every directory, with any extension. */
const DEVICE = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|$)/i;
/** Control, formatting (bidirectional overrides, zero width), line and paragraph separators, lone surrogates. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u;
const PLAIN = /^[A-Za-z0-9_/.=@+,%~-]*$/;

/**
 * Checks the path of one archive entry: relative, `/` between segments, and of the same meaning on every file system –
 * no dot segments, drive letters, backslashes, colons, control characters, names that Windows changes or reserves, and
 * in Unicode normalization form C only.
 * @throws StellaError ENTRY_PATH
 */
export function checkEntryPath(path: string): void {
  if (path === '') throw refuse(path, 'is empty');
  if (!PLAIN.test(path)) {
    if (UNPRINTABLE.test(path)) throw refuse(path, 'has unprintable characters');
    if (path.includes('\\')) throw refuse(path, 'has a backslash');
    if (path.includes(':')) throw refuse(path, 'has a colon (drive letter or stream)');
    if (path.normalize('NFC') !== path) throw refuse(path, 'is not in normalization form C');
  }
  if (path.startsWith('/')) throw refuse(path, 'is absolute');
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) throw refuse(path, `is longer than ${MAX_PATH_BYTES} bytes`);
  for (const segment of path.split('/')) {
    if (segment === '') throw refuse(path, 'has an empty segment');
    if (segment === '.' || segment === '..') throw refuse(path, 'has a dot segment');
    if (segment.endsWith('.') || segment.endsWith(' ') || segment.startsWith(' '))
      throw refuse(path, 'has a segment that begins or ends with a space or ends with a dot');
    if (DEVICE.test(segment)) throw refuse(path, 'has a segment that is a device name on Windows');
    if (Buffer.byteLength(segment) > MAX_SEGMENT_BYTES)
      throw refuse(path, `has a segment longer than ${MAX_SEGMENT_BYTES} bytes`);
  }
}

/** What a file system without upper and lower case makes of a name. */
export const foldPath = (path: string): string =>
  PLAIN.test(path) ? path.toLowerCase() : path.toUpperCase().toLowerCase().normalize('NFC');

/**
 * Checks all paths of one archive together: each allowed, strictly ascending bytewise (so none twice), none a directory
 * of another, and none that differs from another, or a directory from another, in case only.
 * @throws StellaError ENTRY_PATH, ENTRY_DUPLICATE
 */
export function checkEntryPaths(paths: Iterable<string>): void {
  const files = new Set<string>();
  const directories = new Map<string, string>();
  let previous: string | undefined;
  let previousDirectory: string | undefined;
  for (const path of paths) {
    checkEntryPath(path);
    if (previous !== undefined) {
      const order = compareBytewise(previous, path);
      if (order === 0) throw new StellaError('ENTRY_DUPLICATE', `entry listed twice: ${excerpt(path)}`);
      if (order > 0) throw refuse(path, 'is out of order');
    }
    const folded = foldPath(path);
    if (files.has(folded)) throw refuse(path, 'differs from another in case only');
    if (directories.has(folded)) throw refuse(path, 'is a directory of another');
    files.add(folded);
    const directory = path.slice(0, Math.max(path.lastIndexOf('/'), 0));
    if (directory !== previousDirectory) addDirectories(directory, files, directories);
    previous = path;
    previousDirectory = directory;
  }
}

function addDirectories(path: string, files: ReadonlySet<string>, directories: Map<string, string>): void {
  for (let end = path.length; end > 0; end = path.lastIndexOf('/', end - 1)) {
    const directory = path.slice(0, end);
    const folded = foldPath(directory);
    const known = directories.get(folded);
    if (known === directory) return;
    if (known !== undefined) throw refuse(directory, 'differs from another in case only');
    if (files.has(folded)) throw refuse(directory, 'is a directory of another');
    directories.set(folded, directory);
  }
}
