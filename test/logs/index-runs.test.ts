import fc from 'fast-check';
import { expect, test } from 'vitest';
import { IndexRuns } from '../../src/logs/index-runs.ts';

test('runs hold a set, whatever the order and however often each is added', () => {
  fc.assert(
    fc.property(fc.array(fc.bigInt({ min: 0n, max: 40n })), (indices) => {
      const runs = new IndexRuns();
      for (const index of indices) runs.add(index);
      const expected = [...new Set(indices)].sort((a, b) => (a < b ? 1 : -1));
      expect([...runs.descending()]).toEqual(expected);
      expect(runs.count).toBe(BigInt(expected.length));
      runs.add(41n);
      expect([...runs.descending()][0]).toBe(41n);
    }),
  );
});
