import { RootCommand } from '@bomb.sh/tab';
import type { Argument, Command, Option } from 'commander';
import { askedFor } from '../../frame/asked.ts';
import { commandPath } from '../../frame/cli.ts';
import { commonOptions } from '../../frame/common-flags.ts';
import { BASH_COMPLETION } from './bash-completion.ts';

export type Shell = 'bash' | 'zsh' | 'fish' | 'powershell';

/** The script that makes a shell ask `stella complete -- …` for what can come next. */
export function completionScript(shell: Shell): string {
  return shell === 'bash'
    ? BASH_COMPLETION
    : printed(() => new RootCommand().setup('stella', 'stella', shell));
}

const NO_FILES = ':4\n';
const FILES = ':0\n';

/**
 * What can come next, in the form that the script reads: a line each, with its description after a tab; at last a colon
 * and a number, of which 4 means "and no file names".
 * @param words what has been typed after `stella`; the last is the word to complete, maybe empty
 */
export function completions(program: Command, words: readonly string[]): string {
  const last = words.at(-1) ?? '';
  let typed: readonly string[];
  try {
    const { command, help, args, unknown } = askedFor(program, words.slice(0, -1));
    if (unknown || (help && command.commands.length === 0)) return NO_FILES;
    typed = [...args, last];
  } catch {
    // The value of a common flag, and those that take one take a file.
    return FILES;
  }
  const root = new RootCommand();
  describe(root, program);
  for (const command of commandsBelow(program))
    describe(root.command(commandPath(command), command.summary()), command);
  const answer = printed(() => root.parse([...typed]));
  // The library never offers file names; where it has nothing else to offer they are what is wanted.
  return answer.startsWith(':') && takesFile(program, typed) ? FILES : answer;
}

function* commandsBelow(command: Command): Generator<Command> {
  const visible = command.createHelp().visibleCommands(command);
  for (const child of visible.filter((one) => one.name() !== 'help')) {
    yield child;
    yield* commandsBelow(child);
  }
}

type Described = ReturnType<RootCommand['command']>;

function describe(described: Described, command: Command): void {
  for (const option of optionsOf(command).filter(({ hidden, long }) => !hidden && long)) {
    const name = option.long!.slice(2);
    const alias = option.short?.slice(1);
    const choices = option.argChoices ?? [];
    if (takesValue(option))
      described.option(name, option.description, (offer) => offerAll(offer, choices), alias);
    else if (alias === undefined) described.option(name, option.description);
    else described.option(name, option.description, alias);
  }
  for (const argument of command.registeredArguments) {
    const choices = argument.argChoices ?? [];
    described.argument(argument.name(), (offer) => offerAll(offer, choices), argument.variadic);
  }
}

/** Common flags may stand before the command, too. */
function optionsOf(command: Command): readonly Option[] {
  return command.commands.length > 0 ? [...command.options, ...commonOptions()] : command.options;
}

function offerAll(offer: (value: string, description: string) => void, choices: readonly string[]): void {
  for (const choice of choices) offer(choice, '');
}

const takesValue = (option: Option) => option.required || option.optional;

const isPath = (name: string) => /^(?:file|dir|path|artifact|policy|bundle|receipt)/.test(name);

/** Whether a file or directory may stand where the last word is. */
function takesFile(program: Command, words: readonly string[]): boolean {
  let command = program;
  let place = 0;
  let pending: Option | undefined;
  const named = (word: string) =>
    optionsOf(command).find(
      (option) => (option.long === word || option.short === word) && takesValue(option),
    );
  for (const word of words.slice(0, -1)) {
    if (word.startsWith('-')) {
      pending = named(word);
      continue;
    }
    if (pending) {
      if (!pending.variadic) pending = undefined;
      continue;
    }
    const child = place === 0 ? command.commands.find((one) => one.name() === word) : undefined;
    if (child) command = child;
    else place += 1;
  }
  const last = words.at(-1) ?? '';
  if (last.startsWith('-')) pending = last.includes('=') ? named(last.split('=', 1)[0]!) : undefined;
  if (last.startsWith('-') && !pending) return false;
  if (pending) return isPath(/<([^>]+)>|\[([^\]]+)\]/.exec(pending.flags)?.[1] ?? '');
  const all = command.registeredArguments;
  const argument: Argument | undefined = all[place] ?? (all.at(-1)?.variadic ? all.at(-1) : undefined);
  return argument !== undefined && isPath(argument.name());
}

/** The library prints with `console.log`; its output belongs where every other command's output goes. */
function printed(work: () => void): string {
  const { log } = console;
  let text = '';
  console.log = (line: string) => {
    text += `${line}\n`;
  };
  try {
    work();
  } finally {
    console.log = log;
  }
  return text;
}
