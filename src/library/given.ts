import { StellaError } from '../base/errors.ts';

/** What a program hands over, by what it must be. */
const KINDS = {
  // A time that is no number compares as neither before nor after anything: nothing would ever be too old.
  instant: [
    'milliseconds since 1970, e.g. instant(Date.now())',
    (value: unknown) => Number.isSafeInteger(value),
  ],
  duration: [
    'a number of milliseconds, e.g. parseDuration("7d")',
    (value: unknown) => Number.isFinite(value),
  ],
  count: ['a whole number', (value: unknown) => Number.isSafeInteger(value) && Number(value) >= 0],
  text: ['a text', (value: unknown) => typeof value === 'string' && value !== ''],
  object: ['an object', (value: unknown) => typeof value === 'object' && value !== null],
  function: ['a function', (value: unknown) => typeof value === 'function'],
} as const satisfies Record<string, readonly [string, (value: unknown) => boolean]>;

type Kind = keyof typeof KINDS;

/**
 * Refuses what the types forbid and a program without types can still do: options that are missing, or are something else.
 * @param called name of the function
 * @param needs what each option must be; one whose name ends with `?` may be left out
 * @throws StellaError USAGE naming the option
 */
export function checkGiven(called: string, options: unknown, needs: Readonly<Record<string, Kind>>): void {
  const required = Object.keys(needs).filter((name) => !name.endsWith('?'));
  if (typeof options !== 'object' || options === null)
    throw new StellaError(
      'USAGE',
      `${called} takes an object with options, and was given ${nameOf(options)}`,
      {
        hint: `give ${called} at least { ${required.join(', ')} }; docs/api-report.md lists all options`,
      },
    );
  const given = new Map<string, unknown>(Object.entries(options));
  for (const [name, kind] of Object.entries(needs)) {
    const option = name.replace(/\?$/, '');
    const value = given.get(option);
    if (name !== option && value === undefined) continue;
    const [what, fits] = KINDS[kind];
    if (!fits(value))
      throw new StellaError('USAGE', `${called}: ${option} must be ${what}, and is ${nameOf(value)}`, {
        hint: `give ${option} in the options of ${called}; docs/api-report.md lists all options`,
      });
  }
}

/** The same for an argument before the options. @throws StellaError USAGE */
export function checkPath(called: string, name: string, value: unknown): void {
  checkGiven(called, { [name]: value }, { [name]: 'text' });
}

/** What kind of thing it is; the value itself may be secret. */
function nameOf(value: unknown): string {
  if (value === undefined || value === null || value === '') return value === '' ? 'empty' : String(value);
  if (typeof value === 'number') return String(value);
  return Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
