/** Edits (insert, delete, replace, swap of neighbours) that turn `a` into `b`; Damerau–Levenshtein, optimal alignment. */
function distance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1];
      let least = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, beforeLast[j - 2]! + 1);
      row.push(least);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}

/** How many edits there may be between a name and what it was meant to be. */
type Tolerance = (a: string, b: string) => number;

/** For a guess at what a person meant who has been refused anyway. */
const HALF: Tolerance = (a, b) => Math.max(2, Math.floor(Math.max(a.length, b.length) / 2));

/** For a warning where all may be well: two slips, one in short names, none in the shortest. */
export const SLIPS: Tolerance = (a, b) => Math.min(2, Math.floor(Math.min(a.length, b.length) / 5));

/** The candidate that `name` was most probably meant to be; `undefined` when none is near. */
export function nearest(
  name: string,
  candidates: Iterable<string>,
  tolerance: Tolerance = HALF,
): string | undefined {
  const short = name.slice(0, 100);
  let best: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const edits = distance(short, candidate.slice(0, 100));
    if (edits < least && edits <= tolerance(short, candidate)) {
      best = candidate;
      least = edits;
    }
  }
  return best;
}
