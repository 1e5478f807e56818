import { equalBytes, excerpt, parseUtf8 } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import { checkEntryPath } from './entry-path.ts';
import { MAX_ARCHIVE_ENTRY_BYTES, MAX_PATH_BYTES, MAX_PAX_BYTES, MAX_TAR_PADDING } from './limits.ts';
import { formatPaxPath, type PaxRecords, parsePax } from './pax.ts';
import { BLOCK, isZero, parseTarHeader, type TarHeader } from './tar-header.ts';

/** Told what comes out of a tar stream. May throw to refuse it. */
export interface TarSink {
  /** A regular file begins. Nothing of it has been believed yet but that its path is an allowed one. */
  entry(path: string, size: number): void;
  /** Some of its content, valid until the call returns. */
  data(bytes: Uint8Array): void;
  /** Its content was as long as its header says. */
  entryEnd(): void;
  /** A directory, as other tars write them; `.` is left out. */
  directory(path: string): void;
}

/** The name that tar-stream gives to both blocks of an entry with an extended header. */
const PAX_NAME = 'PaxHeader';
const MOST_USTAR_SIZE = 0o77777777777;
const isAscii = (text: string): boolean => /^\p{ASCII}*$/u.test(text);

/**
 * A strict tar reader, fed with pieces of any length. It holds no content and trusts no number before it is checked.
 *
 * Every header is judged; whether it is also exactly as format v1 writes it is remembered in {@link deviation}, so that
 * an archive repacked by another tar can be told from one that was altered.
 */
export class TarReader {
  readonly #sink: TarSink;
  /** The block or extended header being gathered. */
  #gathered: Buffer[] = [];
  #missing = BLOCK;
  #state: 'header' | 'extension' | 'data' | 'padding' | 'end' = 'header';
  #left = 0;
  #padding = 0;
  #extension: TarHeader | undefined;
  #pax: PaxRecords | undefined;
  #longName: string | undefined;
  #zeros = 0;
  #mtime: number | undefined;
  #deviation: string | undefined;

  constructor(sink: TarSink) {
    this.#sink = sink;
  }

  /** What first differed from the one form that format v1 has, if anything did. */
  get deviation(): string | undefined {
    return this.#deviation;
  }

  /** The modification time of the entries in seconds, the same in all of them unless there is a {@link deviation}. */
  get mtime(): number | undefined {
    return this.#mtime;
  }

  /** Whether it stands between two entries. */
  get atEntry(): boolean {
    return this.#state === 'header' && this.#missing === BLOCK && !this.#extension && !this.#pax;
  }

  /** @throws StellaError ARCHIVE_INVALID, ARCHIVE_LIMIT, ENTRY_PATH, ENTRY_TYPE, and whatever the sink throws */
  push(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      if (this.#state === 'data') {
        const piece = bytes.subarray(at, at + this.#left);
        this.#sink.data(piece);
        this.#left -= piece.length;
        at += piece.length;
        if (this.#left === 0) this.#dataEnded();
      } else if (this.#state === 'padding') {
        const piece = bytes.subarray(at, at + this.#padding);
        if (!isZero(piece))
          throw new StellaError('ARCHIVE_INVALID', 'the padding after an entry is not zero');
        this.#padding -= piece.length;
        at += piece.length;
        if (this.#padding === 0) this.#expectHeader();
      } else if (this.#state === 'end') {
        const piece = bytes.subarray(at);
        this.#zeros += piece.length;
        if (!isZero(piece))
          throw new StellaError('ARCHIVE_TRAILING_DATA', 'there is data after the end of the tar stream');
        if (this.#zeros > MAX_TAR_PADDING)
          throw new StellaError('ARCHIVE_LIMIT', 'the tar stream does not stop after its end');
        this.#deviate('it is padded at its end');
        at += piece.length;
      } else {
        const piece = bytes.subarray(at, at + this.#missing);
        at += piece.length;
        this.#missing -= piece.length;
        // Copied, because a piece is only valid now.
        if (this.#missing > 0) this.#gathered.push(Buffer.from(piece));
        else this.#block(this.#gathered.length === 0 ? piece : Buffer.concat([...this.#gathered, piece]));
      }
    }
  }

  /** @throws StellaError ARCHIVE_TRUNCATED where the stream has not come to its end */
  finish(): void {
    if (this.#state !== 'end')
      throw new StellaError('ARCHIVE_TRUNCATED', 'the tar stream ends before its end-of-archive blocks');
  }

  #deviate(how: string): void {
    this.#deviation ??= how;
  }

  #expectHeader(): void {
    this.#state = 'header';
    this.#gathered = [];
    this.#missing = BLOCK;
  }

  #block(bytes: Uint8Array): void {
    if (this.#state === 'extension') this.#takeExtension(bytes);
    else if (isZero(bytes)) this.#zeroBlock();
    else this.#header(bytes);
  }

  #zeroBlock(): void {
    if (this.#pax || this.#longName !== undefined)
      throw new StellaError('ARCHIVE_INVALID', 'an extended header is followed by no entry');
    this.#zeros += BLOCK;
    this.#expectHeader();
    if (this.#zeros === 2 * BLOCK) this.#state = 'end';
  }

  #header(bytes: Uint8Array): void {
    if (this.#zeros > 0) throw new StellaError('ARCHIVE_INVALID', 'the tar stream has a zero block inside');
    const header = parseTarHeader(bytes);
    if (header.canonicalMtime === undefined)
      this.#deviate(`the header of ${excerpt(header.name)} has other fields`);
    else this.#mtime ??= header.canonicalMtime;
    if (header.canonicalMtime !== this.#mtime) this.#deviate(`${excerpt(header.name)} has another time`);
    if (header.type === 'pax' || header.type === 'long-name') this.#beginExtension(header);
    else this.#begin(header);
  }

  #beginExtension(header: TarHeader): void {
    if (this.#pax || this.#longName !== undefined)
      throw new StellaError('ARCHIVE_INVALID', 'an extended header follows another');
    if (header.size === 0 || header.size > MAX_PAX_BYTES)
      throw new StellaError('ARCHIVE_LIMIT', `an extended header has ${header.size} bytes`);
    if (header.type === 'long-name' && header.size > MAX_PATH_BYTES + 1)
      throw new StellaError('ENTRY_PATH', `an entry path is longer than ${MAX_PATH_BYTES} bytes`);
    this.#extension = header;
    this.#state = 'extension';
    this.#gathered = [];
    this.#missing = Math.ceil(header.size / BLOCK) * BLOCK;
  }

  #takeExtension(bytes: Uint8Array): void {
    const { size, type, name } = this.#extension!;
    const content = Buffer.from(bytes.subarray(0, size));
    if (!isZero(bytes.subarray(size)))
      throw new StellaError('ARCHIVE_INVALID', 'the padding after an extended header is not zero');
    if (type === 'pax') {
      this.#pax = parsePax(content);
      if (name !== PAX_NAME || !equalBytes(content, formatPaxPath(this.#pax.path ?? '')))
        this.#deviate('an extended header has another form');
    } else {
      if (content.at(-1) !== 0 || content.indexOf(0) !== content.length - 1)
        throw new StellaError('ENTRY_PATH', 'a GNU long name does not end with its only NUL');
      this.#longName = parseUtf8(content.subarray(0, -1), 'ENTRY_PATH');
      this.#deviate('there is a GNU long name');
    }
    this.#extension = undefined;
    this.#expectHeader();
  }

  #begin(header: TarHeader): void {
    const path = this.#pathOf(header);
    const size = this.#sizeOf(header);
    this.#pax = undefined;
    this.#longName = undefined;
    const isDirectory = header.type === 'directory';
    const plain = path.replace(/^(?:\.\/)+/, '');
    const clean = isDirectory ? plain.replace(/\/$/, '') : plain;
    if (clean !== path) this.#deviate(`${excerpt(path)} has another form`);
    if (isDirectory) {
      if (size !== 0) throw new StellaError('ENTRY_TYPE', `a directory has content: ${excerpt(path)}`);
      this.#deviate('there are directories');
      this.#expectHeader();
      if (clean === '' || clean === '.') return;
      checkEntryPath(clean);
      this.#sink.directory(clean);
      return;
    }
    checkEntryPath(clean);
    if (size > MAX_ARCHIVE_ENTRY_BYTES)
      throw new StellaError('ARCHIVE_LIMIT', `an entry claims ${size} bytes: ${excerpt(clean)}`);
    this.#left = size;
    this.#padding = (BLOCK - (size % BLOCK)) % BLOCK;
    this.#sink.entry(clean, size);
    this.#state = 'data';
    if (size === 0) this.#dataEnded();
  }

  /** A path from an extended header counts only where the block itself could not hold it: two names are one too many. */
  #pathOf(header: TarHeader): string {
    const path = this.#pax?.path ?? this.#longName;
    if (path === undefined) return header.name;
    if (this.#pax?.path !== undefined && this.#longName !== undefined && this.#longName !== path)
      throw new StellaError('ENTRY_PATH', `an entry has two paths: ${excerpt(path)}`);
    if (path !== header.name && isAscii(path) && path.length <= 100)
      throw new StellaError(
        'ENTRY_PATH',
        `an entry has two paths: ${excerpt(header.name)} and ${excerpt(path)}`,
      );
    return path;
  }

  #sizeOf(header: TarHeader): number {
    const size = this.#pax?.size;
    if (size === undefined || size === header.size) return header.size;
    if (size <= MOST_USTAR_SIZE)
      throw new StellaError('ARCHIVE_INVALID', `an entry has two sizes: ${excerpt(header.name)}`);
    return size;
  }

  #dataEnded(): void {
    this.#sink.entryEnd();
    if (this.#padding > 0) this.#state = 'padding';
    else this.#expectHeader();
  }
}
