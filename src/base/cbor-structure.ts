import { formatHex } from './bytes.ts';
import { StellaError } from './errors.ts';

const MOST_DEPTH = 8;

const invalid = (why: string): StellaError => new StellaError('COSE_INVALID', `the CBOR ${why}`);

/**
 * Checks untrusted CBOR before it is decoded: one data item and nothing after it, definite lengths and shortest forms only
 * (RFC 8949 §4.2.1, except for the order of map keys), no floats, no key twice in a map, text in UTF-8, little nesting.
 * No length is believed that the bytes do not have.
 * @throws StellaError COSE_INVALID
 */
export function checkCborStructure(bytes: Uint8Array): void {
  const end = checkItem(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, 0);
  if (end !== bytes.length) throw invalid('is followed by other data');
}

function checkItem(bytes: Buffer, start: number, depth: number): number {
  if (depth > MOST_DEPTH) throw invalid('is nested too deeply');
  if (start >= bytes.length) throw invalid('ends too early');
  const major = bytes[start]! >> 5;
  const { value, at } = argument(bytes, start);
  switch (major) {
    case 0:
    case 1:
      return at;
    case 2:
    case 3: {
      if (value > bytes.length - at) throw invalid('ends too early');
      if (major === 3 && !isUtf8(bytes.subarray(at, at + value))) throw invalid('has text that is not UTF-8');
      return at + value;
    }
    case 4:
    case 5: {
      // Every item takes at least one byte.
      if (value > bytes.length - at) throw invalid('ends too early');
      return major === 4 ? checkArray(bytes, at, value, depth) : checkMap(bytes, at, value, depth);
    }
    case 6:
      return checkItem(bytes, at, depth + 1);
    default:
      if (value < 20 || value > 23) throw invalid('has a float or an unknown simple value');
      return at;
  }
}

function checkArray(bytes: Buffer, start: number, count: number, depth: number): number {
  let at = start;
  for (let i = 0; i < count; i += 1) at = checkItem(bytes, at, depth + 1);
  return at;
}

function checkMap(bytes: Buffer, start: number, count: number, depth: number): number {
  const keys = new Set<string>();
  let at = start;
  for (let i = 0; i < count; i += 1) {
    const end = checkItem(bytes, at, depth + 1);
    keys.add(formatHex(bytes.subarray(at, end)));
    if (keys.size === i) throw invalid('has the same key twice in a map');
    at = checkItem(bytes, end, depth + 1);
  }
  return at;
}

function argument(bytes: Buffer, start: number): { value: number; at: number } {
  const info = bytes[start]! & 0x1f;
  if (info < 24) return { value: info, at: start + 1 };
  if (info > 27) throw invalid('has an item of indefinite length or a reserved form');
  const length = 1 << (info - 24);
  const at = start + 1;
  if (at + length > bytes.length) throw invalid('ends too early');
  const value = length === 8 ? Number(bytes.readBigUInt64BE(at)) : bytes.readUIntBE(at, length);
  // The least value that each form may hold, as the shorter one could not.
  const least = [24, 0x100, 0x1_0000, 0x1_0000_0000][info - 24]!;
  if (value < least || bytes[start]! >> 5 === 7)
    throw invalid('has a value that is not in its shortest form');
  if (!Number.isSafeInteger(value)) throw invalid('has a number that is too large');
  return { value, at: at + length };
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}
