import { type Command, Option } from 'commander';

/**
 * The JSON of a command that answers about any number of things, printed as the answers come: a line for each, or one
 * document with a list of them. Which of the two is chosen by a flag, never by how many answers there are.
 */
export class JsonResults {
  readonly #member: string;
  readonly #isDocument: boolean;
  readonly #print: (text: string) => void;
  #isBegun = false;

  /** @param member what the list is called in a document */
  constructor(member: string, isDocument: boolean, print: (text: string) => void) {
    this.#member = member;
    this.#isDocument = isDocument;
    this.#print = print;
  }

  /** Whether a document was begun that is not complete yet. */
  get isOpen(): boolean {
    return this.#isDocument && this.#isBegun;
  }

  add(answer: object): void {
    const json = JSON.stringify(answer);
    if (this.#isDocument) this.#print(`${this.#isBegun ? ',' : this.#start()}\n${json}`);
    else this.#print(`${json}\n`);
    this.#isBegun = true;
  }

  /** @param more what is said after the answers: a line of its own, or members of the document */
  end(more: object): void {
    const members = Object.entries(more);
    if (!this.#isDocument) {
      if (members.length > 0) this.#print(`${JSON.stringify(more)}\n`);
      return;
    }
    const rest = members.map(([name, value]) => `,\n${JSON.stringify(name)}:${JSON.stringify(value)}`);
    this.#print(`${this.#isBegun ? '\n' : this.#start()}]${rest.join('')}}\n`);
    this.#isBegun = false;
  }

  #start(): string {
    return `{${JSON.stringify(this.#member)}:[`;
  }
}

// The value is part of the option's name: an optional value would take the next word, e.g. a path, for it.
const LINES = '--json=lines';
const DOCUMENT = '--json=document';
/** What commands that have the choice call the list in a document. */
const MEMBERS = new WeakMap<Command, string>();

/**
 * Lets a command answer `--json` in lines, as the answers come, or in one document.
 * @param answer what the command answers with, e.g. `verdict`
 */
export function addJsonForms(command: Command, answer: string): Command {
  const list = `${answer}s`;
  MEMBERS.set(command, list);
  const json = command.options.find(({ long }) => long === '--json');
  if (json) json.description = `print JSON lines on stdout, one for each ${answer}`;
  return command
    .addOption(
      new Option(LINES, `print JSON lines on stdout, one for each ${answer}: what --json alone does`).implies(
        {
          json: true,
        },
      ),
    )
    .addOption(
      new Option(DOCUMENT, `print one JSON document on stdout, with all of them as \`${list}\``)
        .implies({ json: true })
        .conflicts('json=lines'),
    );
}

/** Whether the command line asks for JSON, in whichever form; for what is said before it has been parsed. */
export const isJsonAsked = (args: readonly string[]): boolean =>
  args.some((word) => word === '--json' || word.startsWith('--json='));

/** Where the command's answers go; `undefined` for one that has one answer, or without `--json`. */
export function jsonResultsOf(command: Command, print: (text: string) => void): JsonResults | undefined {
  const list = MEMBERS.get(command);
  const options = command.opts<{ json?: boolean; 'json=document'?: boolean }>();
  if (list === undefined || !options.json) return undefined;
  return new JsonResults(list, options['json=document'] ?? false, print);
}
