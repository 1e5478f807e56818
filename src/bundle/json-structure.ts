import { StellaError } from '../base/errors.ts';

const MOST_DEPTH = 8;
/** An entry takes 28 bytes for each of its values at least; JSON of nothing but brackets takes 50 times its size parsed. */
const LEAST_BYTES_PER_VALUE = 24;
const FREE_VALUES = 200_000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;

/**
 * Looks at untrusted JSON before it is parsed: how deep it goes, and how many values it would make. A small file must
 * not become a large heap.
 * @throws StellaError MANIFEST_INVALID
 */
export function checkJsonStructure(bytes: Uint8Array): void {
  let depth = 0;
  let values = 0;
  for (let i = 0; i < bytes.length; i += 1) {
    const byte = bytes[i];
    if (byte === QUOTE) {
      for (i += 1; i < bytes.length && bytes[i] !== QUOTE; i += 1) if (bytes[i] === BACKSLASH) i += 1;
    } else if (byte === COMMA) values += 1;
    else if (byte === 0x7b || byte === 0x5b) {
      depth += 1;
      values += 1;
      if (depth > MOST_DEPTH) throw new StellaError('MANIFEST_INVALID', 'manifest.json is nested too deeply');
    } else if (byte === 0x7d || byte === 0x5d) depth -= 1;
  }
  if (values > FREE_VALUES + bytes.length / LEAST_BYTES_PER_VALUE)
    throw new StellaError('MANIFEST_INVALID', 'manifest.json has too many values for its size');
}
