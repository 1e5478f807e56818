import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { milliseconds } from '../../src/base/clock.ts';
import { guardFlow, TransferProgress } from '../../src/net/progress.ts';

const WINDOW = milliseconds(15_000);

/** A transfer from its beginning with two retries, and the clock that it goes by. */
function transfer(done = 0) {
  let now = 0;
  const progress = new TransferProgress(done, 2, WINDOW, () => now);
  return {
    /** Each try gets to a byte and fails then. */
    fail: (at: number, elapsed = 1000) => {
      now += elapsed;
      progress.reach(at);
      return progress.fail();
    },
    reach: (at: number) => progress.reach(at),
  };
}

describe('a transfer', () => {
  test('that gets further with every try goes on as long as it takes', () => {
    const { fail } = transfer();
    for (let i = 1; i < 1000; i += 1) expect(fail(i * 2000)).toBe(1);
  });

  test('of which nothing comes is given up after the retries', () => {
    const { fail } = transfer();
    expect([fail(0), fail(0), fail(0)]).toEqual([1, 2, undefined]);
  });

  test('that comes by the byte is given up, however many tries go well', () => {
    const { fail } = transfer();
    expect([fail(1), fail(2), fail(3)]).toEqual([1, 2, undefined]);
  });

  test('of which enough comes, but in hours, is given up: bytes are measured over time', () => {
    const { fail } = transfer();
    const hour = 3_600_000;
    expect([fail(2000, hour), fail(4000, hour), fail(6000, hour)]).toEqual([1, 2, undefined]);
  });

  test('that is thrown back gets no credit for content that was there before', () => {
    const { fail, reach } = transfer();
    expect(fail(100_000)).toBe(1);
    reach(0);
    expect(fail(90_000)).toBe(2);
    reach(0);
    expect(fail(100_000)).toBeUndefined();
  });

  test('that is thrown back again and again is given up, even where each try gets further', () => {
    const { fail, reach } = transfer();
    const answers = [];
    for (let i = 1; i <= 4; i += 1) {
      answers.push(fail(i * 100_000));
      reach(0);
    }
    expect(answers).toEqual([1, 1, 1, undefined]);
  });

  test('that an earlier run began counts from there', () => {
    const { fail } = transfer(1_000_000);
    expect([fail(1_000_000), fail(1_000_001), fail(1_000_002)]).toEqual([1, 2, undefined]);
  });
});

describe('a stream', () => {
  test('is stopped where next to nothing passes in a window of time', async () => {
    let [passed, stopped] = [0, ''];
    const end = guardFlow(
      'came',
      () => passed,
      milliseconds(30),
      (error) => {
        stopped ||= error.message;
      },
    );
    passed = 10;
    await expect.poll(() => stopped).toBe('only 10 bytes came in 0.03 s');
    end();
  });

  test('goes on where enough passes, and is not looked at after its end', async () => {
    let [passed, stops] = [0, 0];
    const feed = setInterval(() => {
      passed += 2000;
    }, 2);
    const end = guardFlow(
      'left',
      () => passed,
      milliseconds(60),
      () => {
        stops += 1;
      },
    );
    await pause(200);
    clearInterval(feed);
    end();
    await pause(150);
    expect(stops).toBe(0);
  });
});
