import { contentStart, endOfValue, startsAsJson } from './recognize.ts';

/**
 * JSON objects and arrays one behind another, with nothing or white space between them → each by itself.
 * @param most so many at the most
 * @returns `undefined` for anything else, also for a single one
 */
export function splitConcatenated(document: Uint8Array, most: number): Uint8Array[] | undefined {
  const parts: Uint8Array[] = [];
  let rest = document;
  while (startsAsJson(rest)) {
    const start = contentStart(rest);
    const end = endOfValue(rest, start);
    if (end === undefined || parts.length === most) return undefined;
    parts.push(rest.subarray(start, end));
    rest = rest.subarray(end);
  }
  return parts.length > 1 && contentStart(rest) >= rest.length ? parts : undefined;
}
