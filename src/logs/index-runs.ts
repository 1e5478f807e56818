/** A set of indices that mostly follow each other, kept as runs, so that its size is not that of the log. */
export class IndexRuns {
  #runs: { from: bigint; end: bigint }[] = [];
  #isSorted = true;

  add(index: bigint): void {
    const last = this.#runs.at(-1);
    if (last && index === last.end) last.end += 1n;
    else {
      this.#runs.push({ from: index, end: index + 1n });
      this.#isSorted = false;
    }
  }

  get count(): bigint {
    this.#sort();
    return this.#runs.reduce((sum, { from, end }) => sum + end - from, 0n);
  }

  /** Every index once, the greatest first. */
  *descending(): Generator<bigint> {
    this.#sort();
    for (let i = this.#runs.length - 1; i >= 0; i -= 1) {
      const { from, end } = this.#runs[i]!;
      for (let index = end - 1n; index >= from; index -= 1n) yield index;
    }
  }

  /** Puts the runs in order and joins those that touch. */
  #sort(): void {
    if (this.#isSorted) return;
    const joined: { from: bigint; end: bigint }[] = [];
    for (const run of this.#runs.sort((a, b) => (a.from < b.from ? -1 : 1))) {
      const last = joined.at(-1);
      if (!last || run.from > last.end) joined.push(run);
      else if (run.end > last.end) last.end = run.end;
    }
    this.#runs = joined;
    this.#isSorted = true;
  }
}
