import { availableParallelism } from 'node:os';

/** Frames being compressed or opened at once: one more than cores keeps them busy, a bound keeps memory in check. */
export const IN_FLIGHT = Math.min(availableParallelism(), 8) + 1;

/**
 * Results of `work` in the order of its inputs, with at most `most` of them under way or waiting.
 * When the consumer stops or one fails, those under way are waited for and nothing new is begun.
 */
export async function* inOrder<T, R>(
  inputs: Iterable<T> | AsyncIterable<T>,
  work: (input: T) => Promise<R>,
  most: number = IN_FLIGHT,
): AsyncGenerator<R> {
  const waiting: Promise<R>[] = [];
  try {
    for await (const input of inputs) {
      const result = work(input);
      // Failures are met when it is their turn; until then they must not count as unhandled.
      result.catch(() => {});
      waiting.push(result);
      if (waiting.length >= most) yield await waiting.shift()!;
    }
    while (waiting.length > 0) yield await waiting.shift()!;
  } finally {
    await Promise.allSettled(waiting);
  }
}
