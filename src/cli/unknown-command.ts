import type { Command } from 'commander';
import { StellaError } from '../base/errors.ts';
import { nearest } from '../base/nearest.ts';
import { commandPath } from './frame/cli.ts';
import { enumerate } from './frame/command-help.ts';

/** Slips that a person makes: one in three letters, up to three. */
const TOLERANCE = (a: string, b: string) => Math.min(3, Math.floor(Math.max(a.length, b.length) / 3));

/**
 * What to say of a word that names no command where it stands.
 * @param tree all commands
 * @param group where the word stands
 * @param words what was typed from the word on
 */
export function unknownCommand(tree: Command, group: Command, words: readonly string[]): StellaError {
  const path = commandPath(group);
  const where = `stella ${path === '' ? '' : `${path} `}`;
  const meant = meantBy(tree, path, words).map((command) => `\`stella ${commandPath(command)}\``);
  return new StellaError('USAGE', `unknown command: ${where}${words[0]}`, {
    hint: [
      ...(meant.length > 0 ? [`did you mean ${enumerate(meant, 'or')}?`] : []),
      `see \`${where}--help\``,
    ],
  });
}

/** Commands of that very name elsewhere, the shortest first; else the one with the nearest name, here if there is one. */
function meantBy(tree: Command, path: string, words: readonly string[]): Command[] {
  const all = [...commandsBelow(tree)];
  const named = all.filter((command) => command.name() === words[0]);
  if (named.length > 0)
    return named
      .map((command) => follow(command, words.slice(1)))
      .toSorted((a, b) => commandPath(a).split(' ').length - commandPath(b).split(' ').length);
  const here = all.filter(({ parent }) => parent !== null && commandPath(parent) === path);
  for (const candidates of [here, all]) {
    const name = nearest(
      words[0]!,
      candidates.map((command) => command.name()),
      TOLERANCE,
    );
    if (name !== undefined) return candidates.filter((command) => command.name() === name);
  }
  return [];
}

/** As far as the words go on naming what is below. */
function follow(command: Command, [word, ...more]: readonly string[]): Command {
  const child = command.commands.find((one) => one.name() === word);
  return child ? follow(child, more) : command;
}

function* commandsBelow(command: Command): Generator<Command> {
  for (const child of command.createHelp().visibleCommands(command)) {
    if (child.name() === 'help') continue;
    yield child;
    yield* commandsBelow(child);
  }
}
