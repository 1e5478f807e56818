import { createHash, hash, timingSafeEqual } from 'node:crypto';
import type { Brand } from './brand.ts';
import type { ErrorCode } from './codes.ts';
import { StellaError } from './errors.ts';

/** SHA-256 of a value at hand. For streams and files use {@link sha256Stream}. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return hash('sha256', bytes, 'buffer');
}

/** A SHA-256 digest as 64 lowercase hexadecimal digits. */
export type Sha256Hex = Brand<string, 'Sha256Hex'>;

/** The SHA-256 of `bytes`. */
export function sha256Hex(bytes: Uint8Array): Sha256Hex {
  return formatSha256(sha256(bytes));
}

/** @param digest 32 bytes that SHA-256 gave, e.g. the root hash of a Merkle tree */
export const formatSha256 = (digest: Uint8Array): Sha256Hex => formatHex(digest) as Sha256Hex;

/** `undefined` for what is no SHA-256 in lowercase hexadecimal digits. */
export function parseSha256Hex(text: string): Sha256Hex | undefined {
  return /^[0-9a-f]{64}$/.test(text) ? (text as Sha256Hex) : undefined;
}

/**
 * A SHA-256 as people type or paste it: 64 hexadecimal digits in upper or lower case, with `sha256:` before them or not, in
 * groups with blanks, colons or dashes between them or not.
 * @throws StellaError USAGE
 */
export function parseFingerprint(text: string): Sha256Hex {
  const digits = text
    .trim()
    .replace(/^sha-?256(?:\s*[:=]\s*|\s+)/i, '')
    .replace(/[\s:\p{Pd}]+/gu, '')
    .toLowerCase();
  const digest = parseSha256Hex(digits);
  if (digest !== undefined) return digest;
  const found = /^[0-9a-f]*$/.test(digits) ? `; this has ${digits.length}` : '';
  throw new StellaError(
    'USAGE',
    `a fingerprint is sha256: and 64 hexadecimal digits${found}: ${JSON.stringify(excerpt(text, 100))}`,
    {
      hint: [
        'read it off `stella trust status` on the connected side, or off the sheet that came over another channel',
        ...(digits.length < 64 ? ['typed in groups it is one word: put it in quotes'] : []),
      ],
    },
  );
}

/** An incremental SHA-256 for streams: `update` any number of times, then `digest` once. */
export function sha256Stream(): { update(bytes: Uint8Array): void; digest(): Uint8Array } {
  const stream = createHash('sha256');
  return { update: (bytes) => void stream.update(bytes), digest: () => stream.digest() };
}

export function formatHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

/**
 * Lowercase hexadecimal → bytes; strict: no upper case, no prefix, no odd length.
 * @param length the exact number of bytes, if it is known
 * @throws StellaError `code` (PARSE_FAILED unless told otherwise)
 */
export function parseHex(text: string, length?: number, code: ErrorCode = 'PARSE_FAILED'): Uint8Array {
  if (!/^(?:[0-9a-f]{2})*$/.test(text) || (length !== undefined && text.length !== 2 * length)) {
    throw new StellaError(
      code,
      `not ${length === undefined ? '' : `${2 * length} digits of `}lowercase hexadecimal: ${excerpt(text)}`,
    );
  }
  return Buffer.from(text, 'hex');
}

export function formatBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

/**
 * Whether `text` is the one standard base64 text (RFC 4648 §4) of `bytes`, which Node decoded it to. Node passes over
 * what is no base64, which makes the result too short, and takes the URL alphabet too.
 */
export function isCanonicalBase64(text: string, bytes: Uint8Array): boolean {
  const { length } = text;
  if (length === 0) return bytes.length === 0;
  const padding = text.charCodeAt(length - 1) !== 0x3d ? 0 : text.charCodeAt(length - 2) !== 0x3d ? 1 : 2;
  if (length % 4 !== 0 || bytes.length !== (length / 4) * 3 - padding) return false;
  if (text.includes('-') || text.includes('_')) return false;
  if (padding === 0) return true;
  // The bits of the last character that no byte has must be zero: then it is the one that encoding gives.
  const tail = bytes.subarray(bytes.length - (3 - padding));
  return text.endsWith(formatBase64(tail));
}

/**
 * Standard base64 (RFC 4648 §4) → bytes; strict: padding required, no white space, no stray bits.
 * @throws StellaError `code` (PARSE_FAILED unless told otherwise)
 */
export function parseBase64(text: string, code: ErrorCode = 'PARSE_FAILED'): Uint8Array {
  const bytes = Buffer.from(text, 'base64');
  if (!isCanonicalBase64(text, bytes)) throw new StellaError(code, `not canonical base64: ${excerpt(text)}`);
  return bytes;
}

// Making one costs more than using it.
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * UTF-8 bytes → text; refuses invalid sequences instead of replacing them, and keeps a byte order mark.
 * @throws StellaError `code` (PARSE_FAILED unless told otherwise)
 */
export function parseUtf8(bytes: Uint8Array, code: ErrorCode = 'PARSE_FAILED'): string {
  try {
    return strictUtf8.decode(bytes);
  } catch (cause) {
    throw new StellaError(code, 'not valid UTF-8', { cause });
  }
}

const utf8 = new TextEncoder();

export function formatUtf8(text: string): Uint8Array {
  return utf8.encode(text);
}

/** Equality in constant time for equal lengths. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts);
}

/** Bytewise order, as `LC_ALL=C sort` has it; for path lists that must be the same everywhere. */
export function compareBytewise(a: string, b: string): number {
  // UTF-16 and UTF-8 sort alike but for surrogates.
  if (!SURROGATE.test(a) && !SURROGATE.test(b)) return a < b ? -1 : a > b ? 1 : 0;
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

const SURROGATE = /[\ud800-\udfff]/;

/**
 * What is not seen, or changes how other characters are shown: zero-width and bidirectional characters, tags, variation
 * selectors, fillers, separators of lines and paragraphs, halves of surrogates (Unicode: Cf, Cs, Zl, Zp and
 * Default_Ignorable_Code_Point).
 */
const UNSEEN = /[\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;
const NOT_ASCII = /[^\0-\x7f]/;

/** Whether the text has characters that are not seen, and that two texts that look alike may differ in. */
export function hasUnseen(text: string): boolean {
  return NOT_ASCII.test(text) && text.search(UNSEEN) >= 0;
}

/** Such characters as `\u` and four hexadecimal digits for each UTF-16 unit: in a JSON document the same document. */
export function escapeUnseen(text: string): string {
  return NOT_ASCII.test(text) ? text.replace(UNSEEN, escapeUnits) : text;
}

/** `\u` and four hexadecimal digits for each UTF-16 unit. */
export function escapeUnits(text: string): string {
  let escaped = '';
  for (let i = 0; i < text.length; i += 1)
    escaped += `\\u${text.charCodeAt(i).toString(16).padStart(4, '0')}`;
  return escaped;
}

/** At most 60 characters of hostile text, safe to print on a terminal. */
export function excerpt(text: string, most = 60): string {
  const short = text.length > most ? `${text.slice(0, most)}…` : text;
  return escapeUnseen(JSON.stringify(short)).replace(/[\u007f-\u009f]/g, escapeUnits);
}
