import { StellaError } from '../base/errors.ts';

/** A whole number above zero from a flag. @throws StellaError USAGE */
export function parseCount(text: string, flag: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text))
    throw new StellaError('USAGE', `${flag} takes a whole number above zero`, { hint: `e.g. ${flag} 10` });
  return Number(text);
}
