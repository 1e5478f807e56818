import { parseUtf8 } from './bytes.ts';
import type { ErrorCode } from './codes.ts';
import { StellaError } from './errors.ts';
import { replaceEscapedNames, restoreNames } from './json-names.ts';

/**
 * The one reader of JSON from outside. Before `JSON.parse` makes anything of a text, its size, its nesting and the number
 * of its values are bounded; afterwards no object may have had a member name twice, which two parsers could read
 * differently. It never judges what the document says: that is for a schema (schema.ts), or for a {@link FieldReader}
 * (json-fields.ts). A member called `__proto__` is an ordinary own property of the result; look names from outside up in
 * a Map or a table without a prototype (table.ts).
 */

/** What a document may be, and how it is refused. */
export interface JsonRules {
  readonly code: ErrorCode;
  /** Bytes (of a text: UTF-16 code units); 64 MiB unless told otherwise. */
  readonly maxBytes?: number;
  /** Arrays and objects inside of each other; 128 unless told otherwise: deep SBOM predicates reach about 40. */
  readonly maxDepth?: number;
  /** Values that a document of any size may have, besides one for each 24 bytes; a million unless told otherwise. */
  readonly freeValues?: number;
  /** `last`: of two members of one name the last counts, as TUF clients in every language have it. */
  readonly duplicates?: 'refuse' | 'last';
  /** `skip`: for documents that people hand over, whose editors may have written one. */
  readonly byteOrderMark?: 'refuse' | 'skip';
}

const MAX_BYTES = 64 * 1024 * 1024;
const MAX_DEPTH = 128;
const FREE_VALUES = 1_000_000;
/** A small document must not become a large heap: JSON of nothing but brackets takes 50 times its size parsed. */
const MIN_BYTES_PER_VALUE = 24;
const BYTE_ORDER_MARK = 0xfeff;

/**
 * JSON (RFC 8259), as UTF-8 or as text → value.
 * @param what how to call the document in messages, e.g. `the log entry`
 * @throws StellaError `rules.code` for anything but one document of UTF-8 JSON within the rules
 */
export function parseStrictJson(document: Uint8Array | string, what: string, rules: JsonRules): unknown {
  const { maxBytes = MAX_BYTES } = rules;
  if (document.length > maxBytes)
    throw new StellaError(rules.code, `${what} is larger than ${maxBytes} bytes`);
  let text = typeof document === 'string' ? document : decodeJsonText(document, what, rules.code);
  if (text.charCodeAt(0) === BYTE_ORDER_MARK) {
    if (rules.byteOrderMark !== 'skip')
      throw new StellaError(rules.code, `${what} is not JSON: it begins with a byte order mark`);
    text = text.slice(1);
  }
  const { members, escapedNames } = checkStructure(text, what, rules);
  let value: unknown;
  try {
    value = escapedNames.length === 0 ? JSON.parse(text) : parseWithEscapedNames(text, escapedNames);
  } catch (cause) {
    throw new StellaError(rules.code, `${what} is not JSON`, { cause });
  }
  // JSON.parse keeps the last of two members of one name: then the text has more members than the value.
  if (rules.duplicates !== 'last' && membersOf(value) !== members)
    throw new StellaError(rules.code, `${what} has a field name twice`);
  return value;
}

function parseWithEscapedNames(text: string, places: readonly number[]): unknown {
  const replaced = replaceEscapedNames(text, places);
  const value: unknown = JSON.parse(replaced.text);
  return replaced.names.size === 0 ? value : restoreNames(value, replaced);
}

/**
 * JSON without escapes in its names that was judged before and is known by its digest, or that this program wrote itself.
 * @throws SyntaxError for anything else
 */
export function parseKnownJson(document: Uint8Array | string): unknown {
  return JSON.parse(typeof document === 'string' ? document : parseUtf8(document));
}

/**
 * What a document says at its top, for telling kinds of documents apart; nothing of it is to be relied on.
 * @returns `undefined` for anything but a JSON object
 */
export function peekJson(
  document: Uint8Array | string,
  byteOrderMark: JsonRules['byteOrderMark'] = 'refuse',
): Readonly<Record<string, unknown>> | undefined {
  try {
    const value = parseStrictJson(document, 'it', {
      code: 'PARSE_FAILED',
      maxDepth: 1000,
      duplicates: 'last',
      byteOrderMark,
    });
    return value !== null && typeof value === 'object' && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** UTF-8 → text, with its byte order mark. @throws StellaError `code` */
export function decodeJsonText(bytes: Uint8Array, what: string, code: ErrorCode): string {
  try {
    return parseUtf8(bytes);
  } catch (cause) {
    const isUtf16 = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
    throw new StellaError(code, `${what} is not valid UTF-8${isUtf16 ? ' but UTF-16' : ''}`, {
      cause,
      ...(isUtf16
        ? {
            hint: 'PowerShell writes UTF-16 by default; convert it: iconv -f UTF-16 -t UTF-8 FILE > CONVERTED',
          }
        : {}),
    });
  }
}

interface Structure {
  /** The number of `name: value` pairs. */
  readonly members: number;
  /** First and last position of each name that has an escape in it, with its quotes. */
  readonly escapedNames: readonly number[];
}

/** What can be told of a text before it is parsed, which need not be well-formed; bounds nesting and values on the way. */
function checkStructure(text: string, what: string, rules: JsonRules): Structure {
  const { maxDepth = MAX_DEPTH, freeValues = FREE_VALUES } = rules;
  const maxValues = Math.floor(freeValues + text.length / MIN_BYTES_PER_VALUE);
  const tooMany = () => new StellaError(rules.code, `${what} has too many values for its size`);
  const escapedNames: number[] = [];
  let [members, values, depth] = [0, 0, 0];
  // The last string, and the first backslash that is not before it; -1 where no more come.
  let [start, end, backslash] = [0, 0, text.indexOf('\\')];
  for (let i = 0; i < text.length; i += 1) {
    switch (text.charCodeAt(i)) {
      case 0x22: // "
        start = i;
        end = endOfString(text, i);
        i = end;
        break;
      case 0x3a: // :
        members += 1;
        if (members > maxValues) throw tooMany();
        if (backslash !== -1) {
          if (backslash < start) backslash = text.indexOf('\\', start);
          if (backslash !== -1 && backslash < end) escapedNames.push(start, end);
        }
        break;
      case 0x2c: // ,
        values += 1;
        break;
      case 0x5b: // [
      case 0x7b: // {
        values += 1;
        depth += 1;
        if (depth > maxDepth)
          throw new StellaError(rules.code, `${what} is nested deeper than ${maxDepth} levels`);
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth -= 1;
    }
  }
  if (values > maxValues) throw tooMany();
  return { members, escapedNames };
}

/** The position of the quote that ends the string begun at `start`, or of the end of the text. */
export function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let escapes = end - 1;
    while (text.charCodeAt(escapes) === 0x5c) escapes -= 1;
    if ((end - escapes) % 2 === 1) return end;
  }
  return text.length;
}

const isContainer = (value: unknown): value is object => typeof value === 'object' && value !== null;

/** The number of members of all objects in a value. */
function membersOf(value: unknown): number {
  if (!isContainer(value)) return 0;
  const items: readonly unknown[] = Array.isArray(value) ? value : Object.values(value);
  let count = items === value ? 0 : items.length;
  for (const item of items) if (isContainer(item)) count += membersOf(item);
  return count;
}
