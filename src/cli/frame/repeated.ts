import { type Command, Option } from 'commander';
import { StellaError } from '../../base/errors.ts';

class RepeatableOption extends Option {}

/**
 * An option that takes one value each time it is given. It never takes the word after its value: that one is an
 * argument of the command, and would be passed over in silence if an option took it.
 * @param parse checks or changes a value
 */
export function repeatable(
  flags: string,
  description: string,
  parse: (text: string) => string = (text) => text,
): Option {
  return new RepeatableOption(flags, `${description}; once for each`).argParser(
    (text: string, before?: string[]) => [...(before ?? []), parse(text)],
  );
}

/** The same, and an empty list where it is not given. */
export function repeated(flags: string, description: string): Option {
  return repeatable(flags, description).default([], 'none');
}

/** Options of the command that were given, each with the words that it took. */
function taken(command: Command): [Option, string[]][] {
  return command.options
    .filter((option) => option.required || option.optional)
    .filter((option) => command.getOptionValueSource(option.attributeName()) === 'cli')
    .map((option) => {
      const value: unknown = command.getOptionValue(option.attributeName());
      return [option, [value].flat().filter((one) => typeof one === 'string')];
    });
}

/**
 * Refuses an option whose value is another option: its own value was forgotten.
 * @throws StellaError USAGE
 */
export function checkTakenValues(command: Command): void {
  const names = new Set(command.options.flatMap(({ short, long }) => [short, long]));
  for (const [option, values] of taken(command)) {
    const eaten = values.find((value) => names.has(value));
    if (eaten === undefined) continue;
    throw new StellaError('USAGE', `${option.long} takes a value, and took the option ${eaten} for it`, {
      hint: `give ${option.flags}`,
    });
  }
}

/** Which options took the words that are missing as arguments. */
export function missingHints(command: Command): string[] {
  return taken(command).flatMap(([option, values]) =>
    values.map((value) => `${option.long} took ${JSON.stringify(value)} as its value`),
  );
}

/** Where words are left over, they may have been meant for an option that is to be repeated. */
export function excessHints(command: Command): string[] {
  const given = taken(command);
  const fingerprint = given.find(([option]) => option.flags.includes('<sha256:hex>'));
  const grouped =
    fingerprint && `a fingerprint in groups is one word: ${fingerprint[0].long} 'sha256:3f5d 06a8 …'`;
  const repeated = given
    .filter(([option]) => option instanceof RepeatableOption)
    .map(
      ([option]) => `${option.long} takes one value each time it is given: ${option.long} A ${option.long} B`,
    );
  return grouped === undefined ? repeated : [grouped, ...repeated];
}
