import type { Command } from 'commander';
import { commonFlagAt } from './common-flags.ts';

/** What the words before a command's own arguments ask for. */
export interface Asked {
  /** The command, or the group where no command was named. */
  readonly command: Command;
  readonly help: boolean;
  /** The words in the order that commander reads: common flags after the command that they are for. */
  readonly args: readonly string[];
  /** The words from one on that names no command of `command`. */
  readonly unknown?: readonly string[];
}

const isHelp = (word: string) => word === '-h' || word === '--help';

/**
 * Reads the words up to the command that they name. Common flags may stand anywhere before it, and help may be asked for
 * by `help` in the place of any command.
 * @throws StellaError USAGE for a common flag without its value
 */
export function askedFor(program: Command, words: readonly string[]): Asked {
  let command = program;
  let help: 'word' | 'flag' | undefined;
  const path: string[] = [];
  const flags: string[] = [];
  let at = 0;
  const asked = (): Asked => ({
    command,
    help: help !== undefined,
    args: [...path, ...flags, ...words.slice(at)],
  });
  while (at < words.length && (command.commands.length > 0 || help === 'word')) {
    const word = words[at]!;
    const taken = commonFlagAt(words, at);
    if (taken > 0) flags.push(...words.slice(at, at + taken));
    else if (isHelp(word)) help ??= 'flag';
    else if (word === 'help' && help === undefined) help = 'word';
    else if (word.startsWith('-')) break;
    else {
      const child = command.commands.find((one) => one.name() === word);
      if (!child) return { ...asked(), unknown: words.slice(at) };
      command = child;
      path.push(word);
    }
    at += Math.max(taken, 1);
  }
  // A group takes no flags; what is missing there is a command.
  if (command.commands.length > 0 && at === words.length) flags.length = 0;
  return asked();
}

/** The word that names a command or group of the first level, and whether the version was asked for instead. */
export function firstWord(words: readonly string[]): {
  readonly word: string | undefined;
  readonly version: boolean;
} {
  let isOther = false;
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at]!;
    const taken = commonFlagAt(words, at);
    if (word === '-V' || word === '--version') return { word: undefined, version: true };
    if (taken > 0) at += taken - 1;
    else if (!word.startsWith('-') && word !== 'help') return { word, version: false };
    else if (!isHelp(word) && word !== 'help') isOther = true;
  }
  return { word: isOther ? '' : undefined, version: false };
}
