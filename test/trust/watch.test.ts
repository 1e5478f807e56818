import { expect, test } from 'vitest';
import { instant, milliseconds, systemClock } from '../../src/base/clock.ts';
import { StellaError } from '../../src/base/errors.ts';
import type { Synced } from '../../src/trust/sync.ts';
import { watchTrust } from '../../src/trust/watch.ts';

const synced = { changed: false } as Synced;

test('a watch syncs again and again, goes on after failures, and ends when it is stopped', async () => {
  const controller = new AbortController();
  let calls = 0;
  const pauses: number[] = [];
  const watched = await watchTrust({
    interval: milliseconds(5),
    clock: () => instant(7),
    signal: controller.signal,
    sync: async (now) => {
      expect(now).toBe(7);
      calls += 1;
      if (calls === 2) throw new StellaError('FETCH_FAILED', 'down');
      if (calls === 4) controller.abort();
      return synced;
    },
    onSynced: () => {},
    onFailure: (_, next) => void pauses.push(next),
  });
  expect(watched).toEqual({ syncs: 3, failures: 1 });
  expect(pauses[0]).toBeLessThanOrEqual(5.5);
});

test('a stop while it waits ends the watch at once', async () => {
  const controller = new AbortController();
  const started = performance.now();
  await watchTrust({
    interval: milliseconds(60_000),
    clock: systemClock,
    signal: controller.signal,
    sync: async () => {
      setTimeout(() => controller.abort(), 10);
      return synced;
    },
    onSynced: () => {},
    onFailure: () => {},
  });
  expect(performance.now() - started).toBeLessThan(30_000);
});

test('what is no refusal ends the watch', async () => {
  const watching = watchTrust({
    interval: milliseconds(1),
    clock: systemClock,
    signal: new AbortController().signal,
    sync: async () => {
      throw new TypeError('a fault of ours');
    },
    onSynced: () => {},
    onFailure: () => {},
  });
  await expect(watching).rejects.toThrow(TypeError);
});
