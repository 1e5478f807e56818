import { StellaError } from '../../base/errors.ts';
import { table } from '../../base/table.ts';

/** A whole number above zero from a flag. @throws StellaError USAGE */
export function parseCount(text: string, flag: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text))
    throw new StellaError('USAGE', `${flag} takes a whole number above zero`, { hint: `e.g. ${flag} 10` });
  return Number(text);
}

/** `--depth`: a whole number, 0 for none. @throws StellaError USAGE */
export function parseDepth(text: string): bigint {
  if (!/^\d{1,18}$/.test(text))
    throw new StellaError('USAGE', '--depth takes a whole number', { hint: 'e.g. --depth 10000' });
  return BigInt(text);
}

const BYTES = table<number>({
  '': 1,
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  K: 2 ** 10,
  M: 2 ** 20,
  G: 2 ** 30,
  T: 2 ** 40,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
  TIB: 2 ** 40,
});

/** `4GiB`, `700MB`, `4096`: bytes; K, M, G and T alone are powers of 1024. @throws StellaError USAGE */
export function parseByteSize(text: string, flag: string): number {
  const [, number, unit] = /^(\d{1,12})([a-z]{0,3})$/i.exec(text) ?? [];
  const factor = unit === undefined ? undefined : BYTES[unit.toUpperCase()];
  const bytes = Number(number) * (factor ?? Number.NaN);
  if (!Number.isSafeInteger(bytes) || bytes < 1)
    throw new StellaError('USAGE', `${flag} takes a size`, { hint: `e.g. ${flag} 2GiB` });
  return bytes;
}
