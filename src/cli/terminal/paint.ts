import { styleText } from 'node:util';

type Format = Parameters<typeof styleText>[0];

/** Beginnings of lines that carry meaning. Only beginnings: what follows may be a name that somebody else chose. */
const BEGINNINGS: readonly (readonly [RegExp, Format])[] = [
  [/^error:/, ['bold', 'red']],
  [/^hint:/, 'cyan'],
  [/^(?:warning|note):/, 'yellow'],
  [/^(?:FAILED|NOT VERIFIED|blocked)\b/, ['bold', 'red']],
  [/^\s*problem\b/, ['bold', 'red']],
  [/^\s*warning\b/, 'yellow'],
  [/^\s*ok\b/, 'green'],
  [/^(?:verified|imported|sealed)\b/, ['bold', 'green']],
  [/^(?:[A-Z]{2,}(?: [A-Z]+)*)(?: {2,}[A-Z]{2,}(?: [A-Z]+)*)+\s*$/, 'bold'],
];

const paint = (format: Format, text: string) => styleText(format, text, { validateStream: false });

/** Colours the beginnings of lines, and headings of tables. */
export function paintLines(text: string): string {
  return text.replace(/^.+$/gm, paintLine);
}

function paintLine(line: string): string {
  for (const [pattern, format] of BEGINNINGS) {
    const found = pattern.exec(line)?.[0];
    if (found !== undefined) return paint(format, found) + line.slice(found.length);
  }
  return line;
}

/**
 * Breaks lines that are wider than the terminal at spaces, and indents the rest, below its column where there is room; a
 * word is never broken, so that what is copied from the terminal stays as it is. Commands stay commands: a backslash ends
 * their lines, and comments begin with their sign again.
 * @param columns width of the terminal
 */
export function wrapLines(text: string, columns: number): string {
  return text.replace(/^.+$/gm, (line) => wrapLine(line, columns).join('\n'));
}

/** How text is shown on a terminal: broken at its width, in colour. What is broken off gets no colour of its own. */
export function layOut(
  text: string,
  { columns, color }: { readonly columns: number | undefined; readonly color: boolean },
): string {
  return text.replace(/^.+$/gm, (line) => {
    const [first, ...rest] = columns === undefined ? [line] : wrapLine(line, columns);
    return [color ? paintLine(first!) : first!, ...rest].join('\n');
  });
}

const COMMAND = /^ *(?:\$ )?stella /;
const COMMENT = /^ *# /;
const CELLS = /^ *\S.*? {2,}(?=\S)/;

function wrapLine(line: string, columns: number): string[] {
  if (line.length <= columns) return [line];
  const end = COMMAND.test(line) ? ' \\' : '';
  const indents = indentsOf(line, columns);
  const lines: string[] = [];
  let rest = line;
  let begin = /^ */.exec(line)![0].length;
  while (rest.length > columns) {
    const room = columns - end.length;
    let at = rest.lastIndexOf(' ', room);
    if (at <= begin || rest.slice(0, at).trim() === '') at = rest.indexOf(' ', Math.max(room, begin + 1));
    if (at === -1) break;
    const next = rest.slice(at).trimStart();
    const done = rest.slice(0, at).trimEnd();
    if (next === '') return [...lines, done];
    lines.push(done + end);
    const word = next.split(' ', 1)[0]!.length;
    const indent = indents.find((one) => one.length + word <= columns) ?? indents.at(-1)!;
    begin = indent.length;
    rest = indent + next;
  }
  return [...lines, rest];
}

/** What the rest of a line may begin with, the best first: below the last column of a table, or a little further in. */
function indentsOf(line: string, columns: number): string[] {
  const comment = COMMENT.exec(line)?.[0];
  if (comment !== undefined) return [comment];
  const begin = /^ */.exec(line)![0].length;
  const narrow = ' '.repeat(Math.min(begin + 2, 8));
  let cell = 0;
  for (let found = CELLS.exec(line); found; found = CELLS.exec(line.slice(cell))) cell += found[0].length;
  const wide = Math.max(cell, begin);
  return wide > narrow.length && wide <= columns / 2 ? [' '.repeat(wide), narrow] : [narrow];
}
