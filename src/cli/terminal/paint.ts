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
  return text.replace(/^.+$/gm, (line) => {
    for (const [pattern, format] of BEGINNINGS) {
      const found = pattern.exec(line)?.[0];
      if (found !== undefined) return paint(format, found) + line.slice(found.length);
    }
    return line;
  });
}

/**
 * Breaks lines that are wider than the terminal at spaces, with the rest indented; a word is never broken, so that
 * what is copied from the terminal stays whole.
 * @param columns width of the terminal
 */
export function wrapLines(text: string, columns: number): string {
  return text.replace(/^.+$/gm, (line) => {
    if (line.length <= columns) return line;
    const indent = ' '.repeat(Math.min(/^ */.exec(line)![0].length + 2, 8));
    const lines: string[] = [];
    let rest = line;
    while (rest.length > columns) {
      const least = lines.length === 0 ? 1 : indent.length + 1;
      let at = rest.lastIndexOf(' ', columns);
      if (at < least || rest.slice(0, at).trim() === '') at = rest.indexOf(' ', Math.max(columns, least));
      if (at === -1) break;
      lines.push(rest.slice(0, at).trimEnd());
      const next = rest.slice(at).trimStart();
      if (next === '') return lines.join('\n');
      rest = indent + next;
    }
    return [...lines, rest].join('\n');
  });
}
