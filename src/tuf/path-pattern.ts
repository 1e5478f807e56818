/** No file system has longer paths, and what is matched against patterns must be bounded by something. */
const MOST_NAME_LENGTH = 4096;

/**
 * Whether a delegation's path pattern covers a target (TUF specification §4.5): segment by segment as Unix file name
 * patterns have it, `*` for any run of characters, `?` for one, `[a-z]` and `[!a-z]` for one of a set. Nothing else means
 * anything but itself: a leading dot, braces, `!`, `#`, a backslash.
 */
export function isInPattern(name: string, pattern: string): boolean {
  if (name.length > MOST_NAME_LENGTH) return false;
  const names = name.split('/');
  const patterns = pattern.split('/');
  return names.length === patterns.length && patterns.every((part, i) => isInSegment(names[i]!, part));
}

type IsIn = (character: string) => boolean;

function isInSegment(segment: string, pattern: string): boolean {
  if (!/[*?[]/.test(pattern)) return segment === pattern;
  const name = Array.from(segment);
  const parts = partsOf(Array.from(pattern));
  // Two positions that only move forward: no pattern takes more than quadratic time.
  let [n, p, starAt, resumeAt] = [0, 0, -1, 0];
  while (n < name.length) {
    const part = parts[p];
    if (part === '*') {
      starAt = p++;
      resumeAt = n;
    } else if (part?.(name[n]!)) {
      n += 1;
      p += 1;
    } else if (starAt >= 0) {
      p = starAt + 1;
      n = ++resumeAt;
    } else return false;
  }
  while (parts[p] === '*') p += 1;
  return p === parts.length;
}

function partsOf(pattern: readonly string[]): ('*' | IsIn)[] {
  const parts: ('*' | IsIn)[] = [];
  for (let p = 0; p < pattern.length; p += 1) {
    const character = pattern[p]!;
    const isNegated = pattern[p + 1] === '!';
    const first = p + (isNegated ? 2 : 1);
    // A bracket that comes first is one of the set; one that nothing closes is itself.
    const end = character === '[' ? pattern.indexOf(']', first + 1) : -1;
    if (end >= 0) {
      const isMember = membersOf(pattern.slice(first, end));
      parts.push(isNegated ? (each) => !isMember(each) : isMember);
      p = end;
    } else if (character === '*') parts.push('*');
    else if (character === '?') parts.push(() => true);
    else parts.push((each) => each === character);
  }
  return parts;
}

function membersOf(set: readonly string[]): IsIn {
  const ranges: (readonly [number, number])[] = [];
  const code = (i: number) => set[i]!.codePointAt(0)!;
  for (let i = 0; i < set.length; i += 1) {
    const isRange = set[i + 1] === '-' && i + 2 < set.length;
    ranges.push([code(i), code(isRange ? i + 2 : i)]);
    if (isRange) i += 2;
  }
  return (character) => {
    const point = character.codePointAt(0)!;
    return ranges.some(([low, high]) => low <= point && point <= high);
  };
}
