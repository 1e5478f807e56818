import { excerpt, parseUtf8 } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';

/** What a pax extended header (POSIX.1-2001) says that matters here. */
export interface PaxRecords {
  readonly path?: string;
  readonly size?: number;
}

/** Records that other tars add and that change nothing about what an entry is. */
const HARMLESS = /^(?:[amc]time|uid|gid|uname|gname|LIBARCHIVE\.creationtime|SCHILY\.(?:dev|ino|nlink))$/;

/** The record that gives an entry its path, as the writer has it: `LENGTH path=PATH\n`, the length counting itself. */
export function formatPaxPath(path: string): Uint8Array {
  const rest = Buffer.from(` path=${path}\n`);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

/**
 * The content of an extended header. Only records known to be harmless are let through; the same key twice is refused.
 * @throws StellaError ARCHIVE_INVALID (malformed), ENTRY_TYPE (links, sparse files, extended attributes, …)
 */
export function parsePax(bytes: Uint8Array): PaxRecords {
  const records = new Map<string, string>();
  for (let at = 0; at < bytes.length; ) {
    const prefix = /^([1-9][0-9]{0,5}) /.exec(
      Buffer.from(bytes.subarray(at, at + 7)).toString('latin1'),
    )?.[1];
    const length = Number(prefix ?? 0);
    const record = bytes.subarray(at + (prefix ?? '').length + 1, at + length - 1);
    if (prefix === undefined || at + length > bytes.length || bytes[at + length - 1] !== 0x0a)
      throw new StellaError('ARCHIVE_INVALID', 'a pax header has a malformed record');
    const text = parseUtf8(record, 'ARCHIVE_INVALID');
    const [, key, value] = /^([^=]+)=([\s\S]*)$/.exec(text) ?? [];
    if (key === undefined || value === undefined || records.has(key))
      throw new StellaError(
        'ARCHIVE_INVALID',
        `a pax header has a malformed or repeated record: ${excerpt(text)}`,
      );
    records.set(key, value);
    at += length;
  }
  for (const key of records.keys()) {
    if (key !== 'path' && key !== 'size' && !HARMLESS.test(key))
      throw new StellaError('ENTRY_TYPE', `a pax header has a record that is not allowed: ${excerpt(key)}`);
  }
  const path = records.get('path');
  const size = records.get('size');
  if (size !== undefined && !/^(?:0|[1-9][0-9]{0,14})$/.test(size))
    throw new StellaError('ARCHIVE_INVALID', `a pax header has an impossible size: ${excerpt(size)}`);
  return { ...(path === undefined ? {} : { path }), ...(size === undefined ? {} : { size: Number(size) }) };
}
