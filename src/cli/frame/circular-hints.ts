import type { Command } from 'commander';
import type { ErrorCode } from '../../base/codes.ts';
import type { StellaError } from '../../base/errors.ts';

const PLACEHOLDER = /^[A-Z]+$/;

/** What is left to say where the code's own hint names what was just done. */
const INSTEAD: ReadonlyMap<ErrorCode, string> = new Map([
  ['INTERNAL', 'report the output'],
  ['CONFIG_INVALID', 'correct the file; docs/configuration.md lists every key'],
  [
    'TUF_SIGNATURE',
    'what the repository serves is not signed by the keys that its root names: tell whoever runs it, over another channel',
  ],
]);

/**
 * The refusal without hints that go round in circles: the very command that was run, or a flag that was given to it.
 * @param path of the command that was run, e.g. `trust sync`
 */
export function withoutCircularHints(error: StellaError, command: Command, path: string): StellaError {
  const hints = error.hints.filter((hint) => !isCircular(hint, command, path));
  if (hints.length === error.hints.length) return error;
  const instead = INSTEAD.get(error.code);
  return error.with({ hint: hints.length === 0 && instead !== undefined ? [instead] : hints });
}

function isCircular(hint: string, command: Command, path: string): boolean {
  const [, flag] = /^run (?:the command )?again with (--[a-z-]+)/.exec(hint) ?? [];
  if (flag !== undefined) return isGiven(flag, command);
  // Only where that is all that it says: waiting, and whatever comes before or after, may change something.
  const [, line] = /^(?:[^;`]*: )?(?:run|check) `stella ([^`]*)`$/.exec(hint) ?? [];
  if (line === undefined || !`${line} `.startsWith(`${path} `)) return false;
  const more = line.slice(path.length).split(' ').filter(Boolean);
  return more.every((word) => (word.startsWith('--') ? isGiven(word, command) : PLACEHOLDER.test(word)));
}

function isGiven(flag: string, command: Command): boolean {
  const option = command.options.find(({ long }) => long === flag);
  return option !== undefined && command.getOptionValueSource(option.attributeName()) === 'cli';
}
