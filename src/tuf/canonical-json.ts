import { compareBytewise } from '../base/bytes.ts';

/**
 * Canonical JSON as TUF signatures are made over it (TUF specification §4.1, OLPC canonical JSON): no white space, keys in
 * the order of their code points, no escapes but those of quote and backslash, integers only.
 *
 * Keys are not in the order of UTF-16 units, as JavaScript sorts by itself: implementations in Python and Go sign what
 * they sort by code points, and the orders differ for names beyond the Basic Multilingual Plane.
 * @param value what `JSON.parse` gave
 * @throws TypeError for numbers that are not safe integers: two parsers could read them differently
 */
export function formatTufCanonicalJson(value: unknown): string {
  const pieces: string[] = [];
  put(value, pieces);
  return pieces.join('');
}

function put(value: unknown, pieces: string[]): void {
  if (typeof value === 'string') pieces.push(quoted(value));
  else if (typeof value === 'number') {
    if (!Number.isSafeInteger(value)) throw new TypeError(`the number ${value} has no canonical form`);
    pieces.push(String(value));
  } else if (typeof value === 'boolean' || value === null) pieces.push(String(value));
  else if (Array.isArray(value)) {
    pieces.push('[');
    value.forEach((item, i) => {
      if (i > 0) pieces.push(',');
      put(item, pieces);
    });
    pieces.push(']');
  } else if (typeof value === 'object') putObject(value as Readonly<Record<string, unknown>>, pieces);
  else throw new TypeError(`a value of type ${typeof value} has no canonical form`);
}

function putObject(fields: Readonly<Record<string, unknown>>, pieces: string[]): void {
  let separator = '{';
  for (const name of sortedNames(fields)) {
    pieces.push(separator, quoted(name), ':');
    put(fields[name], pieces);
    separator = ',';
  }
  pieces.push(separator === '{' ? '{}' : '}');
}

/** Where the two orders can differ at all; sorting by UTF-16 units is a good deal faster. */
const BEYOND_BASIC_PLANE = /[\ud800-\udfff]/;

function sortedNames(fields: Readonly<Record<string, unknown>>): string[] {
  const names = Object.keys(fields);
  return names.some((name) => BEYOND_BASIC_PLANE.test(name)) ? names.sort(compareBytewise) : names.sort();
}

function quoted(text: string): string {
  return `"${/["\\]/.test(text) ? text.replace(/["\\]/g, '\\$&') : text}"`;
}
