import { Option } from 'commander';
import { StellaError } from '../../base/errors.ts';

export const COMMON_OPTIONS = 'Common options:';

const COMMON_FLAGS: readonly (readonly [flags: string, description: string])[] = [
  ['--config <file>', 'configuration file'],
  ['--json', 'print one JSON document on stdout'],
  ['-q, --quiet', 'print nothing but errors'],
  ['-v, --verbose', 'say more on stderr'],
  ['--no-color', 'no colour'],
  ['--log-file <file>', 'append what happens to a file, as JSON lines'],
];

/** The flags that every command has. */
export function commonOptions(): Option[] {
  return COMMON_FLAGS.map(([flags, description]) => new Option(flags, description).helpGroup(COMMON_OPTIONS));
}

const LONG = new Map(
  COMMON_FLAGS.map(([flags]) => [/--[a-z-]+/.exec(flags)![0], flags.includes('<')] as const),
);
const SHORT = COMMON_FLAGS.flatMap(([flags]) => /^-(\w),/.exec(flags)?.[1] ?? []).join('');
const SHORT_WORD = new RegExp(`^-[${SHORT}]+$`);

/**
 * How many words the common flag at `at` takes, with its value; 0 where no common flag is.
 * @throws StellaError USAGE where its value is missing
 */
export function commonFlagAt(words: readonly string[], at: number): 0 | 1 | 2 {
  const word = words[at]!;
  if (SHORT_WORD.test(word)) return 1;
  const [name] = word.split('=', 1) as [string];
  const takesValue = LONG.get(name);
  if (takesValue === undefined) return 0;
  if (!takesValue || name !== word) return 1;
  if (at + 1 === words.length) throw new StellaError('USAGE', `${name} takes a value`);
  return 2;
}
