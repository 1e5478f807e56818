import { StellaError } from '../base/errors.ts';
import { parseStrictJson } from '../base/json.ts';
import { checkSchema } from '../base/schema.ts';
import type { StoreState } from '../base/schema-types.ts';

const FORMATS: readonly string[] = ['stella-store/v1', 'stella-store/v2'] satisfies StoreState['format'][];

/** The state of a generation. @throws StellaError STORE_CORRUPT, STORE_TOO_NEW */
export function parseState(bytes: Uint8Array, path: string): StoreState {
  const value = parseStrictJson(bytes, path, { code: 'STORE_CORRUPT' });
  const format = value !== null && typeof value === 'object' && 'format' in value ? String(value.format) : '';
  if (!FORMATS.includes(format) && /^stella-store\/v\d+$/.test(format)) {
    throw new StellaError(
      'STORE_TOO_NEW',
      `${path} is of format ${format}; this stella reads ${FORMATS.join(' and ')}`,
    );
  }
  return checkSchema('state', value, path, 'STORE_CORRUPT');
}
