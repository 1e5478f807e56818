import { EXIT, type ExitStatus } from '../../../base/codes.ts';
import { isStellaError } from '../../../base/errors.ts';
import type { DoctorCheck } from './doctor-checks.ts';

export interface DoctorFinding {
  readonly check: DoctorCheck;
  readonly result: 'ok' | 'warning' | 'problem';
  readonly detail: string;
  /** What to do about it. */
  readonly hints: readonly string[];
  /** The exit status that other commands would have for it. */
  readonly exit: ExitStatus;
}

/** Nothing to do. */
export const ok = (check: DoctorCheck, detail: string): DoctorFinding => ({
  check,
  result: 'ok',
  detail,
  hints: [],
  exit: EXIT.done,
});
/** Something to know that stops nothing. */
export const warning = (check: DoctorCheck, detail: string, ...hints: string[]): DoctorFinding => ({
  ...ok(check, detail),
  result: 'warning',
  hints,
});
/** Something that makes other commands fail. */
export const problem = (
  check: DoctorCheck,
  detail: string,
  exit: ExitStatus,
  ...hints: string[]
): DoctorFinding => ({
  check,
  result: 'problem',
  detail,
  hints,
  exit,
});

/** A refusal as other commands would report it. */
export function findingOf(check: DoctorCheck, error: unknown): DoctorFinding {
  if (!isStellaError(error)) throw error;
  return problem(check, `${error.message} [${error.code}]`, error.exit, ...error.hints);
}
