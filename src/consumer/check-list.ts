import type { ErrorCode } from '../base/codes.ts';
import { isStellaError } from '../base/errors.ts';

/** What a bundle must pass, in this order. A later check may rely on everything before it. */
export const CHECKS = [
  'container',
  'manifest',
  'pin',
  'tuf',
  'signature',
  'staleness',
  'rollback',
  'digests',
  'logs',
  'attestations',
  'commit',
] as const;

/** One of {@link CHECKS}. */
export type CheckName = (typeof CHECKS)[number];

/** What one check came to. */
export interface CheckResult {
  readonly check: CheckName;
  readonly status: 'passed' | 'failed';
  /** What was found, for people. */
  readonly detail: string;
  readonly code?: ErrorCode;
}

/** What one check found, and what the checks after it need from it. */
export interface Finding<T> {
  readonly detail: string;
  readonly value: T;
}

/** Runs the checks in their order and keeps a record of each, also of the one that failed. */
export class CheckList {
  readonly #results: CheckResult[] = [];
  readonly #onResult: (result: CheckResult) => void;

  constructor(onResult: (result: CheckResult) => void = () => {}) {
    this.#onResult = onResult;
  }

  get results(): readonly CheckResult[] {
    return this.#results;
  }

  /** @throws StellaError whatever `work` throws, with the record of the checks so far in its details */
  async run<T>(check: CheckName, work: () => Promise<Finding<T>> | Finding<T>): Promise<T> {
    try {
      const { detail, value } = await work();
      this.#add({ check, status: 'passed', detail });
      return value;
    } catch (thrown) {
      if (!isStellaError(thrown)) throw thrown;
      this.#add({ check, status: 'failed', detail: thrown.message, code: thrown.code });
      throw thrown.with({ details: { failed_check: check, checks: this.#results } });
    }
  }

  #add(result: CheckResult): void {
    if (CHECKS.indexOf(result.check) < CHECKS.indexOf(this.#results.at(-1)?.check ?? CHECKS[0])) {
      throw new Error(`check ${result.check} ran after ${this.#results.at(-1)!.check}`);
    }
    this.#results.push(result);
    this.#onResult(result);
  }
}
