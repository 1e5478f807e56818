import { expect } from 'vitest';
import type { ErrorCode } from '../../src/base/codes.ts';
import { StellaError } from '../../src/base/errors.ts';

/** Asserts that `act` throws (or rejects with) a StellaError of exactly this code, and returns it. */
export async function refusal(code: ErrorCode, act: () => unknown): Promise<StellaError> {
  let thrown: unknown;
  try {
    await act();
  } catch (error) {
    thrown = error;
  }
  if (thrown === undefined) expect.fail(`expected ${code}, but nothing was thrown`);
  if (!(thrown instanceof StellaError)) throw thrown;
  expect(thrown.code).toBe(code);
  return thrown;
}
