import { excerpt } from './bytes.ts';
import { StellaError } from './errors.ts';

const UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/**
 * `4GiB`, `700MB`, `1.5 GiB` or a plain number of bytes → bytes. KiB, MiB, … are powers of 1024; KB, MB, … of 1000.
 * @throws StellaError USAGE
 */
export function parseByteSize(text: string): number {
  const match = /^(\d{1,15}(?:\.\d{1,3})?) ?([KMGT]?i?B)?$/.exec(text);
  const unit = UNITS[match?.[2] ?? 'B'];
  const bytes = match && unit !== undefined ? Math.floor(Number(match[1]) * unit) : Number.NaN;
  if (!Number.isSafeInteger(bytes) || bytes < 1)
    throw new StellaError('USAGE', `not a size: ${excerpt(text)}`, { hint: 'write it like 4GiB or 700MB' });
  return bytes;
}
