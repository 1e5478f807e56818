import { excerpt, parseUtf8 } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import { table } from '../base/table.ts';

/** Tar is made of blocks of so many bytes. */
export const BLOCK = 512;

export interface TarHeader {
  /** `pax`: an extended header for the entry that follows; `long-name`: GNU's way to give that entry its path. */
  readonly type: 'file' | 'directory' | 'pax' | 'long-name';
  readonly name: string;
  /** Bytes of content that follow the block. */
  readonly size: number;
  /** Modification time in seconds since the epoch, if the block is as format v1 has it in every other field. */
  readonly canonicalMtime: number | undefined;
}

const TYPES = table<TarHeader['type']>({
  '0': 'file',
  '5': 'directory',
  x: 'pax',
  L: 'long-name',
});
/** The rest of what tar can carry, by what to call it in a refusal. */
const FORBIDDEN = table<string>({
  '1': 'a hard link',
  '2': 'a symbolic link',
  '3': 'a character device',
  '4': 'a block device',
  '6': 'a FIFO',
  '7': 'a contiguous file',
  g: 'a pax global header',
  S: 'a GNU sparse file',
  K: 'a GNU long link name',
  M: 'a piece of a multi-volume archive',
  D: 'a GNU directory dump',
  V: 'a volume label',
});

const USTAR = 'ustar\x0000';
const GNU = 'ustar  \x00';
const OWNER = '000000 \x00';
const FILE_MODE = '000644 \x00';

const invalid = (why: string): StellaError => new StellaError('ARCHIVE_INVALID', `tar header ${why}`);

/** Whether all bytes are zero. */
export function isZero(bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i += 1) if (bytes[i] !== 0) return false;
  return true;
}

/**
 * One header block that is not all zeros (POSIX.1-1988 ustar, or GNU).
 * @throws StellaError ARCHIVE_INVALID, ENTRY_TYPE (anything but files, directories and headers of longer names),
 * ENTRY_PATH (a name that is not NUL-padded UTF-8)
 */
export function parseTarHeader(bytes: Uint8Array): TarHeader {
  const block = Buffer.from(bytes.buffer, bytes.byteOffset, BLOCK);
  if (parseOctal(block, 148, 8) !== checksum(block)) throw invalid('has a wrong checksum');
  const magic = block.toString('latin1', 257, 265);
  if (magic !== USTAR && magic !== GNU) throw invalid('is neither ustar nor GNU');
  const flag = String.fromCharCode(block[156]!);
  const type = TYPES[flag];
  const name = nameOf(block, magic === USTAR);
  if (!type) {
    const what = FORBIDDEN[flag] ?? `of unknown type ${excerpt(flag)}`;
    throw new StellaError('ENTRY_TYPE', `the archive has an entry that is ${what}: ${excerpt(name)}`);
  }
  if (!isZero(block.subarray(157, 257)))
    throw new StellaError('ENTRY_TYPE', `an entry has a link target: ${excerpt(name)}`);
  return { type, name, size: sizeOf(block), canonicalMtime: canonicalMtime(block, magic) };
}

function checksum(block: Buffer): number {
  let sum = 8 * 0x20;
  for (let i = 0; i < 148; i += 1) sum += block[i]!;
  for (let i = 156; i < BLOCK; i += 1) sum += block[i]!;
  return sum;
}

function nameOf(block: Buffer, hasPrefix: boolean): string {
  const name = textOf(block, 0, 100);
  if (hasPrefix) {
    const prefix = textOf(block, 345, 155);
    return prefix === '' ? name : `${prefix}/${name}`;
  }
  // GNU keeps times and a sparse map there, for incremental dumps and sparse files only.
  if (!isZero(block.subarray(345)))
    throw new StellaError('ENTRY_TYPE', `an entry has GNU extensions: ${excerpt(name)}`);
  return name;
}

function textOf(block: Buffer, at: number, length: number): string {
  const field = block.subarray(at, at + length);
  const end = field.indexOf(0);
  const text = end < 0 ? field : field.subarray(0, end);
  if (end >= 0 && !isZero(field.subarray(end)))
    throw new StellaError('ENTRY_PATH', `an entry path has a NUL: ${excerpt(field.toString('latin1'))}`);
  return parseUtf8(text, 'ENTRY_PATH');
}

/** Octal digits, padded with spaces or NULs as the various tars do. */
function parseOctal(block: Buffer, at: number, length: number): number {
  const text = block.toString('latin1', at, at + length);
  const digits = /^ *([0-7]+)[ \0]*$/.exec(text)?.[1];
  if (digits === undefined) throw invalid('has a number that is not octal');
  return Number.parseInt(digits, 8);
}

function sizeOf(block: Buffer): number {
  // From 8 GiB on, GNU and tar-stream write the size as a big-endian number marked by its first bit.
  if (block[124] === 0x80) {
    const size = block.readBigUInt64BE(128);
    if (!isZero(block.subarray(125, 128)) || size > BigInt(Number.MAX_SAFE_INTEGER))
      throw invalid('has an impossible size');
    return Number(size);
  }
  return parseOctal(block, 124, 12);
}

function canonicalMtime(block: Buffer, magic: string): number | undefined {
  const mtime = /^([0-7]{11}) $/.exec(block.toString('latin1', 136, 148))?.[1];
  const canonical =
    magic === USTAR &&
    block.toString('latin1', 100, 108) === FILE_MODE &&
    block.toString('latin1', 108, 116) === OWNER &&
    block.toString('latin1', 116, 124) === OWNER &&
    (block[124] === 0x80 || /^[0-7]{11} $/.test(block.toString('latin1', 124, 136))) &&
    /^[0-7]{6} \0$/.test(block.toString('latin1', 148, 156)) &&
    isZero(block.subarray(265, 329)) &&
    block.toString('latin1', 329, 337) === OWNER &&
    block.toString('latin1', 337, 345) === OWNER &&
    isZero(block.subarray(500));
  return canonical && mtime !== undefined ? Number.parseInt(mtime, 8) : undefined;
}
