import { isCanonicalBase64, parseUtf8 } from '../../base/bytes.ts';
import type { ErrorCode } from '../../base/codes.ts';
import { StellaError } from '../../base/errors.ts';
import { ATTESTATION_LIMITS } from './limits.ts';

/**
 * JSON text → value, refusing what two parsers could read differently or choke on: duplicate field names, nesting
 * deeper than the limit, anything after the document.
 * @param what how to call the document in messages
 * @throws StellaError `code`
 */
export function parseStrictJson(bytes: Uint8Array, what: string, code: ErrorCode): unknown {
  return parseStrictText(parseUtf8(bytes, code), what, code);
}

/** {@link parseStrictJson} of text. */
export function parseStrictText(text: string, what: string, code: ErrorCode): unknown {
  const members = countMembers(text, what, code);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new StellaError(code, `${what} is not JSON`, { cause });
  }
  // JSON.parse keeps the last of two fields of one name: then the text has more fields than the value.
  if (fieldsOf(value) !== members) throw new StellaError(code, `${what} has a field name twice`);
  return value;
}

/** The number of `name: value` pairs in the text, which need not be well-formed; checks the nesting on the way. */
function countMembers(text: string, what: string, code: ErrorCode): number {
  let members = 0;
  let depth = 0;
  for (let i = 0; i < text.length; i += 1) {
    switch (text.charCodeAt(i)) {
      case 0x22: // "
        i = endOfString(text, i);
        break;
      case 0x3a: // :
        members += 1;
        break;
      case 0x5b: // [
      case 0x7b: // {
        depth += 1;
        if (depth > ATTESTATION_LIMITS.jsonDepth)
          throw new StellaError(code, `${what} is nested deeper than ${ATTESTATION_LIMITS.jsonDepth} levels`);
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth -= 1;
    }
  }
  return members;
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

function fieldsOf(value: unknown): number {
  if (value === null || typeof value !== 'object') return 0;
  let count = 0;
  if (Array.isArray(value)) {
    for (const item of value) count += fieldsOf(item);
    return count;
  }
  for (const key of Object.keys(value)) count += 1 + fieldsOf((value as Record<string, unknown>)[key]);
  return count;
}

/** Like {@link isCanonicalBase64}, in the URL alphabet (RFC 4648 §5). */
function isCanonicalUrlForm(text: string, bytes: Uint8Array): boolean {
  if (/[+/]/.test(text)) return false;
  return isCanonicalBase64(text.replaceAll('-', '+').replaceAll('_', '/'), bytes);
}

export type JsonObject = Readonly<Record<string, unknown>>;

/** Reads the fields of untrusted JSON objects; every refusal names the field's path. */
export class FieldReader {
  readonly code: ErrorCode;

  constructor(code: ErrorCode) {
    this.code = code;
  }

  refuse(path: string, problem: string): never {
    throw new StellaError(this.code, `${path} ${problem}`);
  }

  /** A JSON object with no fields but the allowed ones, which protobuf's JSON form may also name as its .proto file does (`media_type`). */
  object(value: unknown, path: string, allowed?: ReadonlySet<string>): JsonObject {
    if (value === null || typeof value !== 'object' || Array.isArray(value))
      return this.refuse(path, 'is not an object');
    if (allowed) {
      for (const key of Object.keys(value)) if (!allowed.has(key)) return this.#renamed(value, path, allowed);
    }
    return value as JsonObject;
  }

  #renamed(value: object, path: string, allowed: ReadonlySet<string>): JsonObject {
    const fields = new Map<string, unknown>();
    for (const [key, item] of Object.entries(value)) {
      const name = key.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
      if (!allowed.has(name)) this.refuse(path, `has an unknown field ${JSON.stringify(key.slice(0, 60))}`);
      if (fields.has(name)) this.refuse(path, `has the field ${name} twice`);
      fields.set(name, item);
    }
    return Object.fromEntries(fields);
  }

  array(value: unknown, path: string, most: number): readonly unknown[] {
    if (!Array.isArray(value)) return this.refuse(path, 'is not an array');
    if (value.length > most) return this.refuse(path, `has more than ${most} elements`);
    return value;
  }

  string(value: unknown, path: string, most = 4096): string {
    if (typeof value !== 'string') return this.refuse(path, 'is not a string');
    if (value.length > most) return this.refuse(path, `is longer than ${most} characters`);
    return value;
  }

  /** Base64 of 1 to `most` bytes, in the standard or the URL alphabet, as protobuf's JSON form and DSSE allow. */
  bytes(value: unknown, path: string, most: number): Buffer {
    const text = this.string(value, path, Math.ceil(most / 3) * 4);
    const bytes = Buffer.from(text, 'base64');
    if (bytes.length === 0) return this.refuse(path, 'is empty');
    if (!isCanonicalBase64(text, bytes) && !isCanonicalUrlForm(text, bytes))
      return this.refuse(path, 'is not canonical base64');
    return bytes;
  }

  /** A non-negative int64 as protobuf's JSON form has it: decimal text, or a number where it is exact. */
  index(value: unknown, path: string): bigint {
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return BigInt(value);
    if (typeof value === 'string' && /^(?:0|[1-9]\d{0,18})$/.test(value)) {
      const index = BigInt(value);
      if (index < 1n << 63n) return index;
    }
    return this.refuse(path, 'is not a non-negative integer');
  }
}

/** Whether an optional field is there; protobuf's JSON form writes `null` for absent ones too. */
export function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null;
}
