import { FRAME_LENGTH } from './limits.ts';
import { formatPaxPath } from './pax.ts';
import { BLOCK } from './tar-header.ts';

/** Where things are in the tar stream of an archive follows from paths and sizes alone. */
export interface TarEntry {
  readonly path: string;
  /** Bytes of content. */
  readonly size: number;
}

/** Two zero blocks end a tar stream. */
export const TAR_END_BYTES = 2 * BLOCK;
const MOST_NAME = 100;
const MOST_PREFIX = 155;

/** Whether ustar cannot hold a path: not ASCII, or no slash where name (100 bytes) and prefix (155) could part. */
export function needsPax(path: string): boolean {
  if (!/^\p{ASCII}*$/u.test(path)) return true;
  let split = 0;
  // The prefix takes as few segments as leave a name that fits.
  while (path.length - split > MOST_NAME) {
    const slash = path.indexOf('/', split);
    if (slash < 0) return true;
    split = slash + 1;
  }
  return split - 1 > MOST_PREFIX;
}

/** Bytes of an entry's header, with its extended header if it needs one. */
export function headerBytes(path: string): number {
  return needsPax(path) ? 2 * BLOCK + padded(formatPaxPath(path).length) : BLOCK;
}

/** A length rounded up to whole blocks. */
export function padded(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK;
}

export function entryBytes(entry: TarEntry): number {
  return headerBytes(entry.path) + padded(entry.size);
}

/**
 * Lengths of the frames that hold `length` bytes of a section's tar stream: all full, the last one what is left.
 */
export function frameLengths(length: number): number[] {
  const lengths: number[] = [];
  for (let left = length; left > 0; left -= FRAME_LENGTH) lengths.push(Math.min(left, FRAME_LENGTH));
  return lengths;
}
