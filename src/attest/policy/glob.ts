import { StellaError } from '../../base/errors.ts';

/** What braces may come to. */
const MAX_ALTERNATIVES = 1000;
const UNSUPPORTED: readonly (readonly [pattern: RegExp, what: string])[] = [
  [/[@!+?*]\(/, 'extended patterns like +(a|b)'],
  [/\{[^{},]*\.\.[^{},]*\}/, 'ranges like {1..3}'],
  [/\[\[[:.=]/, 'classes like [[:alpha:]]'],
];

/** What takes one item, a segment or a character, or any number of them. */
type Part = ((item: string) => boolean) | '**';

/** Whether a name, with `/` between its segments, fits. */
export type Glob = (name: string) => boolean;

/**
 * A pattern for names: `*` and `?` within a segment, `**` for any number of segments, `[a-z]`, `[!a-z]`, `{a,b}`. A name
 * that begins with a dot is like any other, and `\` is `/`. Matching takes time proportional to the lengths of pattern and
 * name together, multiplied.
 * @param ignoreCase where file names do not depend on it
 * @throws StellaError POLICY_INVALID
 */
export function parseGlob(pattern: string, ignoreCase = false): Glob {
  for (const [form, what] of UNSUPPORTED)
    if (form.test(pattern))
      throw new StellaError('POLICY_INVALID', `${what} are not supported: ${pattern}`, {
        hint: 'list the alternatives: {a,b}, or several patterns',
      });
  const fold = (text: string) => (ignoreCase ? text.toLowerCase() : text).normalize('NFC');
  const alternatives = expandBraces(fold(pattern).replaceAll('\\', '/')).map((each) =>
    segmentsOf(each).flatMap((segment, i, { length }): Part[] => {
      if (segment !== '**') return [segmentMatcher(segment)];
      // At the end it stands for what is in the directory, not for the directory itself.
      return i === length - 1 ? [() => true, '**'] : ['**'];
    }),
  );
  return (name) => {
    const segments = segmentsOf(fold(name));
    return alternatives.some((alternative) => isSequence(alternative, segments));
  };
}

/** Without empty segments and `.`, except the empty one before an absolute name. */
function segmentsOf(path: string): string[] {
  return path.split('/').filter((segment, i) => (segment === '' ? i === 0 && path !== '' : segment !== '.'));
}

function expandBraces(pattern: string): string[] {
  const done: string[] = [];
  const open = [pattern];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    // The innermost list: it holds no braces itself.
    const list = /\{([^{}]*,[^{}]*)\}/.exec(next);
    if (!list) done.push(next);
    else
      for (const item of list[1]!.split(','))
        open.push(next.slice(0, list.index) + item + next.slice(list.index + list[0].length));
    if (done.length + open.length > MAX_ALTERNATIVES)
      throw new StellaError('POLICY_INVALID', `a pattern with more than ${MAX_ALTERNATIVES} alternatives`);
  }
  return done;
}

/** Matches one segment. */
function segmentMatcher(segment: string): (text: string) => boolean {
  const parts = [...partsOf(Array.from(segment))];
  return (text) => isSequence(parts, Array.from(text));
}

function* partsOf(characters: readonly string[]): Generator<Part> {
  for (let i = 0; i < characters.length; i += 1) {
    const character = characters[i]!;
    if (character === '*') yield '**';
    else if (character === '?') yield () => true;
    else if (character !== '[') yield (other) => other === character;
    else {
      const isNegated = characters[i + 1] === '!' || characters[i + 1] === '^';
      const first = i + (isNegated ? 2 : 1);
      // A bracket that comes first stands for itself.
      const end = characters.indexOf(']', first + 1);
      if (end === -1) yield (other) => other === '[';
      else {
        const ranges = rangesOf(characters.slice(first, end));
        yield (other) => ranges.some(([from, to]) => from <= other && other <= to) !== isNegated;
        i = end;
      }
    }
  }
}

function rangesOf(characters: readonly string[]): [string, string][] {
  const ranges: [string, string][] = [];
  for (let i = 0; i < characters.length; i += 1) {
    const isRange = characters[i + 1] === '-' && i + 2 < characters.length;
    ranges.push([characters[i]!, characters[i + (isRange ? 2 : 0)]!]);
    if (isRange) i += 2;
  }
  return ranges;
}

/** Whether the parts take all items. Only the last `**` met is ever tried again, so that this takes no more than parts × items. */
function isSequence(parts: readonly Part[], items: readonly string[]): boolean {
  let [part, item, star, from] = [0, 0, -1, 0];
  while (item < items.length) {
    const wanted = parts[part];
    if (wanted === '**') [star, part, from] = [part, part + 1, item];
    else if (wanted?.(items[item]!)) [part, item] = [part + 1, item + 1];
    else if (star === -1) return false;
    else {
      from += 1;
      [part, item] = [star + 1, from];
    }
  }
  while (parts[part] === '**') part += 1;
  return part === parts.length;
}
