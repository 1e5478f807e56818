import { endOfString } from '../../base/json.ts';
import type { JsonObject } from '../../base/json-fields.ts';

/**
 * What a document is, told by its first bytes and its structure: never by its name, and never by what stands somewhere in
 * it. A directory may hold anything, and a schema, an archive or a program that speaks of attestations is none.
 */

/** Why something in a directory contributes nothing. */
export type SkipReason =
  | 'empty'
  | 'not JSON'
  | 'no attestation'
  | 'an empty list'
  | 'too large for one document'
  | 'no regular file'
  | 'a link to nothing'
  | 'a link that leads outside';

const [OPEN_OBJECT, CLOSE_OBJECT, OPEN_LIST, CLOSE_LIST] = [0x7b, 0x7d, 0x5b, 0x5d];
const [QUOTE, BACKSLASH] = [0x22, 0x5c];

const isSpace = (byte: number | undefined) =>
  byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

/** The place of the first byte that is neither white space nor a byte order mark; the length where there is none. */
export function contentStart(bytes: Uint8Array): number {
  let at = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  while (isSpace(bytes[at])) at += 1;
  return at;
}

/** Whether there is nothing but white space. */
export function isBlank(bytes: Uint8Array): boolean {
  return contentStart(bytes) >= bytes.length;
}

/** Whether a document begins as a JSON object or array does. */
export function startsAsJson(bytes: Uint8Array): boolean {
  const first = bytes[contentStart(bytes)];
  return first === OPEN_OBJECT || first === OPEN_LIST;
}

/** Whether a document begins as a list of attestations does, which may have very many. */
export function startsAsList(bytes: Uint8Array): boolean {
  const start = contentStart(bytes);
  if (bytes[start] === OPEN_LIST) return true;
  const name = Buffer.from(bytes.subarray(start, start + 64)).toString('latin1');
  return name.includes('"attestations"');
}

/** Whether a line is one JSON object by its brackets, so that the line after it begins another document. */
export function isObjectLine(line: Uint8Array): boolean {
  const start = contentStart(line);
  if (line[start] !== OPEN_OBJECT) return false;
  const end = endOfValue(line, start);
  return end !== undefined && isBlank(line.subarray(end));
}

/** Where the JSON object or array that begins at `start` ends, told by its brackets. */
export function endOfValue(bytes: Uint8Array, start: number): number | undefined {
  let depth = 0;
  for (let at = start; at < bytes.length; at += 1) {
    switch (bytes[at]!) {
      case QUOTE:
        at = endOfStringIn(bytes, at);
        break;
      case OPEN_OBJECT:
      case OPEN_LIST:
        depth += 1;
        break;
      case CLOSE_OBJECT:
      case CLOSE_LIST:
        depth -= 1;
        if (depth === 0) return at + 1;
    }
  }
  return undefined;
}

function endOfStringIn(bytes: Uint8Array, start: number): number {
  for (let end = bytes.indexOf(QUOTE, start + 1); end !== -1; end = bytes.indexOf(QUOTE, end + 1)) {
    let escapes = end - 1;
    while (bytes[escapes] === BACKSLASH) escapes -= 1;
    if ((end - escapes) % 2 === 1) return end;
  }
  return bytes.length;
}

/** What members an object must have to be meant as an attestation. */
interface Marks {
  /** One of these is enough: Sigstore bundles in both spellings, cosign's older bundle. */
  alone: boolean;
  payloadType: boolean;
  payloadOrSignatures: boolean;
}

/**
 * Sigstore bundles in both spellings (and PEP 740), cosign's older bundle, `cosign download signature`, and what GitHub's
 * API gives in place of an attestation.
 */
const MARKS_ALONE: ReadonlySet<string> = new Set([
  'verificationMaterial',
  'verification_material',
  'base64Signature',
  'Base64Signature',
  'bundle_url',
]);

const noMarks = (): Marks => ({ alone: false, payloadType: false, payloadOrSignatures: false });
const isMarked = ({ alone, payloadType, payloadOrSignatures }: Marks) =>
  alone || (payloadType && payloadOrSignatures);

function mark(marks: Marks, name: string): void {
  if (MARKS_ALONE.has(name)) marks.alone = true;
  else if (name === 'payloadType') marks.payloadType = true;
  else if (name === 'payload' || name === 'signatures') marks.payloadOrSignatures = true;
}

export const isSigstoreMediaType = (value: unknown) =>
  typeof value === 'string' && value.includes('sigstore.bundle');

/** Brackets deeper than this hold nothing that is asked for: `[{"attestations":[{"attestation":{"bundle":{`. */
const DEEPEST_PLACE = 6;
/** Members whose value may hold an attestation, or lead to one. */
const WRAPPERS: ReadonlySet<string> = new Set([
  'attestations',
  'attestation',
  'attestation_bundles',
  'bundle',
  'envelope',
  'provenance',
  'provenance_summary',
]);

/**
 * Whether a JSON value is meant as an attestation, or as a list with at least one: by the members of the object itself, or
 * of what lists wrap.
 */
export function isMeantAsAttestation(value: unknown): boolean {
  return isMeantWithin(value, DEEPEST_PLACE);
}

function isMeantWithin(value: unknown, depth: number): boolean {
  if (depth === 0 || value === null || typeof value !== 'object') return false;
  if (Array.isArray(value)) return value.some((each) => isMeantWithin(each, depth - 1));
  if (hasMarks(value)) return true;
  return Object.entries(value).some(([name, each]) => WRAPPERS.has(name) && isMeantWithin(each, depth - 1));
}

function hasMarks(value: unknown): boolean {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return false;
  const marks = noMarks();
  for (const name of Object.keys(value)) mark(marks, name);
  return isMarked(marks) || isSigstoreMediaType((value as JsonObject)['mediaType']);
}

/**
 * {@link isMeantAsAttestation} of a text that may be cut off or damaged, in one pass. Only brackets, strings and colons are
 * looked at.
 */
export function isTextMeantAsAttestation(text: string): boolean {
  // For each open bracket that is not too deep: the marks of an object in a place for attestations.
  const open: { readonly marks: Marks | undefined; readonly isList: boolean }[] = [];
  let depth = 0;
  let name = '';
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case QUOTE: {
        const end = endOfString(text, at);
        const parent = depth === open.length ? open.at(-1) : undefined;
        if (parent?.marks && !parent.isList) {
          if (isNameAt(text, end + 1)) {
            name = text.slice(at + 1, Math.min(end, at + 40));
            mark(parent.marks, name);
          } else if (name === 'mediaType' && isSigstoreMediaType(text.slice(at, Math.min(end, at + 100))))
            parent.marks.alone = true;
          if (isMarked(parent.marks)) return true;
        }
        at = end;
        break;
      }
      case OPEN_OBJECT:
      case OPEN_LIST: {
        if (depth === open.length && depth < DEEPEST_PLACE) {
          const parent = open.at(-1);
          const isPlace =
            !parent ||
            (parent.isList ? parent.marks !== undefined : Boolean(parent.marks) && WRAPPERS.has(name));
          open.push({
            marks: isPlace ? noMarks() : undefined,
            isList: text.charCodeAt(at) === OPEN_LIST,
          });
        }
        depth += 1;
        break;
      }
      case CLOSE_OBJECT:
      case CLOSE_LIST:
        if (depth === open.length) open.pop();
        depth = Math.max(0, depth - 1);
    }
  }
  return false;
}

function isNameAt(text: string, from: number): boolean {
  let at = from;
  while (isSpace(text.charCodeAt(at))) at += 1;
  return text.charCodeAt(at) === 0x3a;
}
