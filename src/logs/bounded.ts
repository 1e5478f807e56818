import { StellaError } from '../base/errors.ts';

/** Does `act` for each item, at most `inFlight` at once; after a failure no more is begun. */
export async function forEachBounded<T>(
  items: Iterable<T>,
  inFlight: number,
  signal: AbortSignal | undefined,
  act: (item: T, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failed = new AbortController();
  const either = signal ? AbortSignal.any([signal, failed.signal]) : failed.signal;
  const hasFailed = () => failed.signal.aborted;
  const iterator = items[Symbol.iterator]();
  async function work(): Promise<void> {
    for (let next = iterator.next(); !next.done; next = iterator.next()) {
      if (signal?.aborted) throw new StellaError('INTERRUPTED', 'the mirror was interrupted');
      if (hasFailed()) return;
      try {
        await act(next.value, either);
      } catch (error) {
        if (!hasFailed()) {
          failed.abort();
          throw error;
        }
      }
    }
  }
  const outcomes = await Promise.allSettled(Array.from({ length: inFlight }, work));
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}
