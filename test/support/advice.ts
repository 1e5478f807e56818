import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { type Command, CommanderError } from 'commander';
import ts from 'typescript';
import { CODES } from '../../src/base/codes.ts';
import { Cli, type Io } from '../../src/cli/frame/cli.ts';
import { commandTree } from '../../src/cli/tree.ts';
import { OPERATOR_SCRIPTS } from '../../src/repository/directory/operator-scripts.ts';
import { sourceFiles } from './open-lookups.ts';

/** A text of the source that may tell people what to do. What is put in when it is printed is called `VALUE`. */
export interface Advice {
  /** `src/…/file.ts:12` */
  readonly at: string;
  readonly text: string;
  /** Whether it is the hint of a refusal, or made into one. */
  readonly isHint: boolean;
  /** The code whose facts it is part of. */
  readonly code: string | undefined;
  /** Whether it describes an option or a command, which may name others without their arguments. */
  readonly isDescription: boolean;
}

/** Every text in `src/` but those of help tables, whose examples are parsed by a test of their own. */
export function adviceInSource(): Advice[] {
  return sourceFiles()
    .filter((file) => !/(?:\/help|schema-types|schemas)\.ts$/.test(file))
    .flatMap((file) => adviceIn(file));
}

function adviceIn(file: string): Advice[] {
  const content = readFileSync(file, 'utf8');
  // Most files advise nothing, and to parse all of them takes a second.
  if (!/stella [a-z]|\/scripts\/|hint|advice/i.test(content)) return [];
  const source = ts.createSourceFile(file, content, ts.ScriptTarget.Latest, true);
  const found: Advice[] = [];
  const visit = (node: ts.Node): void => {
    const text = textOf(node);
    // A script is no text for people.
    if (text !== undefined && !text.startsWith('#!')) {
      const { line } = source.getLineAndCharacterOfPosition(node.getStart(source));
      const at = `${relative('.', file).replaceAll('\\', '/')}:${line + 1}`;
      found.push({
        at,
        text,
        isHint: isHint(node),
        code: codeOf(node),
        isDescription: isDescription(node),
      });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function textOf(node: ts.Node): string | undefined {
  if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) return node.text;
  if (!ts.isTemplateExpression(node)) return undefined;
  return [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)].join('VALUE');
}

const HINTS = /hint|advice|^ON_[A-Z]+$/i;
/** What makes the facts of a code, and the findings of `doctor`: all arguments from this one on are hints. */
const MAKERS: ReadonlyMap<string, number> = new Map([
  ['refused', 1],
  ['input', 1],
  ['stale', 1],
  ['warning', 2],
  ['problem', 3],
]);

function isHint(text: ts.Node): boolean {
  for (let node = text; !ts.isSourceFile(node.parent); node = node.parent) {
    const { parent } = node;
    if (
      (ts.isPropertyAssignment(parent) ||
        ts.isVariableDeclaration(parent) ||
        ts.isFunctionDeclaration(parent) ||
        ts.isMethodDeclaration(parent)) &&
      parent.name !== undefined &&
      HINTS.test(parent.name.getText())
    )
      return true;
    if (ts.isCallExpression(parent)) {
      const from = MAKERS.get(parent.expression.getText());
      if (from !== undefined && parent.arguments.indexOf(node as ts.Expression) >= from) return true;
    }
  }
  return false;
}

function codeOf(text: ts.Node): string | undefined {
  const name = ts.findAncestor(text, ts.isPropertyAssignment)?.name.getText();
  return name !== undefined && Object.hasOwn(CODES, name) ? name : undefined;
}

const DESCRIBERS = /(?:\.(?:option|requiredOption|command)|^new Option|^repeatable|^repeated)$/;

function isDescription(text: ts.Node): boolean {
  const call = ts.findAncestor(text, (node) => ts.isCallExpression(node) || ts.isNewExpression(node));
  return call !== undefined && DESCRIBERS.test(call.getText().slice(0, call.getText().indexOf('(')));
}

/** A command line that a text names. */
export interface NamedCommand {
  /** As the text has it, e.g. `./scripts/publish.sh --repo DIR`. */
  readonly line: string;
  /** Without `stella`: what a script runs is its command. */
  readonly words: readonly string[];
}

const SCRIPTS: ReadonlyMap<string, string> = new Map(
  OPERATOR_SCRIPTS.map(([file, command]) => [file, command]),
);
/** Where a command outside of backticks ends: words that none has as an argument. */
const AFTERWARDS = /^(?:again|and|does|for|if|in|is|later|of|on|or|ends?|then|to|until|where|with|writes)$/;

/** The commands and scripts in a text, with their arguments. */
export function commandsIn(text: string, groups: readonly string[]): NamedCommand[] {
  const found: NamedCommand[] = [];
  for (const [i, part] of text.split('`').entries()) {
    const isQuoted = i % 2 === 1;
    // After `stella`, outside of backticks, comes a command only where there is one of that name.
    for (const { 0: start, index } of part.matchAll(
      /(?<![\w/])(?:stella (?=[a-z])|\.\/scripts\/[\w.-]+\.sh\b ?)/g,
    )) {
      if (isQuoted && index !== 0) continue;
      const rest = part
        .slice(index + start.length)
        .split(/ +/)
        .filter(Boolean);
      if (start.startsWith('stella') && !isQuoted && !groups.includes(rest[0]!.replace(/\W+$/, ''))) continue;
      const words = isQuoted ? rest : argumentsAmong(rest);
      const script = /[\w.-]+\.sh/.exec(start)?.[0];
      const command =
        script === undefined ? [] : ['repo', SCRIPTS.get(script) ?? `the unknown script ${script}`];
      found.push({
        line: `${start.trim()} ${words.join(' ')}`.trim(),
        words: [...command, ...words].map(unquoted),
      });
    }
  }
  return found;
}

function argumentsAmong(words: readonly string[]): string[] {
  const taken: string[] = [];
  for (const word of words) {
    if (AFTERWARDS.test(word) || word === '\\') break;
    const [argument, end] = /^(.*?)([;,:.]?)$/.exec(word)!.slice(1);
    if (argument !== '') taken.push(argument!);
    if (end !== '') break;
  }
  return taken;
}

const unquoted = (word: string) => word.replace(/^(['"])(.*)\1$/, '$2');

/** Parses as ever, and then does nothing. */
class IdleCli extends Cli {
  override action(command: Command): Command {
    return command.action(() => {});
  }
}

const NOWHERE = { env: {}, cwd: '/', stdout: () => {}, stderr: () => {}, terminal: false } as unknown as Io;

let tree: Command | undefined;

/** The whole command tree, of which no command does anything; it may parse any number of command lines. */
export function idleTree(): Command {
  tree ??= commandTree(new IdleCli(NOWHERE));
  return tree;
}

/** Why the command line could not be run as it stands, or `undefined`. */
export async function whyNotParsed(words: readonly string[]): Promise<string | undefined> {
  try {
    await idleTree().parseAsync([...words], { from: 'user' });
    return undefined;
  } catch (error) {
    // What is put in may be several words.
    const isOpen = words.at(-1) === 'VALUE';
    if (isOpen && error instanceof CommanderError && error.code === 'commander.missingArgument')
      return undefined;
    return error instanceof Error ? error.message.replace(/^error: /, '') : String(error);
  }
}

/** The command that a command line runs. */
export function commandOf(words: readonly string[]): Command {
  let command = idleTree();
  for (const word of words) {
    const child = command.commands.find((each) => each.name() === word);
    if (!child) return command;
    command = child;
  }
  return command;
}

/** What of a hint that was printed could not be done after this command line: commands, and options of the command itself. */
export async function whyNoHelp(
  hint: string,
  args: readonly string[],
  groups: readonly string[],
): Promise<string | undefined> {
  let rest = hint;
  for (const { line, words } of commandsIn(hint, groups)) {
    const problem = await whyNotParsed(words);
    if (problem !== undefined) return `${line}: ${problem}`;
    rest = rest.replace(line, '');
  }
  const own = new Set(['--help', ...commandOf(args).options.map(({ long }) => long)]);
  const foreign = [...rest.matchAll(/(?<![\w-])--[a-z][\w-]*(?![\w-])(?! to the command)/g)].find(
    ([name]) => !own.has(name),
  );
  return foreign && `the command has no ${foreign[0]}`;
}
