import { expect } from 'vitest';
import type { ErrorCode } from '../../src/base/codes.ts';
import { StellaError } from '../../src/base/errors.ts';

/** Asserts that `act` throws (or rejects with) a StellaError of exactly this code, and returns it. */
export async function refusal(code: ErrorCode, act: () => unknown): Promise<StellaError> {
  let thrown: { readonly error: unknown } | undefined;
  try {
    await act();
  } catch (error) {
    thrown = { error };
  }
  if (!thrown) expect.fail(`expected ${code}, but nothing was thrown`);
  const { error } = thrown;
  if (!(error instanceof StellaError)) throw error;
  expect(error.code, error.message).toBe(code);
  return error;
}
