/**
 * Member names with escapes, taken out of JSON before `JSON.parse` sees it. V8 (12.8 and later; nodejs/node issue 63785)
 * compares the raw text of an escaped name with names that it has met before: after `{"a":1,"\\":2}` it reads the second
 * name of `{"a":1,"\u0061":2}` as a backslash. What one document says must not change how the next is read.
 */

/** What a name cannot have without an escape. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON's own rule
const NEEDS_ESCAPE = /["\\\u0000-\u001f]/;

/** JSON that `JSON.parse` reads well, and how its names are to be changed back. */
export interface PlainNames {
  readonly text: string;
  /** What the names are that stand in for others; all begin with `mark`. */
  readonly names: ReadonlyMap<string, string>;
  readonly mark: string;
}

/**
 * The same JSON without an escape in a name: those that need none are written without, others get a stand-in.
 * @param places first and last position of each such name, with its quotes, in ascending order
 * @throws SyntaxError for a name that is no JSON string
 */
export function replaceEscapedNames(text: string, places: readonly number[]): PlainNames {
  let mark = '\ue000';
  while (text.includes(mark)) mark += mark;
  const names = new Map<string, string>();
  const standIns = new Map<string, string>();
  const pieces: string[] = [];
  let done = 0;
  for (let i = 0; i < places.length; i += 2) {
    const [start, end] = [places[i]!, places[i + 1]! + 1];
    const name = JSON.parse(text.slice(start, end)) as string;
    let plain = name;
    if (NEEDS_ESCAPE.test(name)) {
      // Such a name is escaped wherever it stands, so that each has one stand-in throughout.
      plain = standIns.get(name) ?? `${mark}${standIns.size}`;
      standIns.set(name, plain);
      names.set(plain, name);
    }
    pieces.push(text.slice(done, start), '"', plain, '"');
    done = end;
  }
  pieces.push(text.slice(done));
  return { text: pieces.join(''), names, mark };
}

/** The value with the names that its document has. */
export function restoreNames(value: unknown, replaced: PlainNames): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => restoreNames(item, replaced));
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [
      name.startsWith(replaced.mark) ? replaced.names.get(name)! : name,
      restoreNames(item, replaced),
    ]),
  );
}
