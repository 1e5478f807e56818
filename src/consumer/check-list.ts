import type { ErrorCode } from '../base/codes.ts';
import { isStellaError } from '../base/errors.ts';

/** What a bundle must pass, in this order. A later check may rely on everything before it. */
export const BUNDLE_CHECKS = [
  'container',
  'manifest',
  'pin',
  'tuf',
  'signature',
  'clock',
  'staleness',
  'rollback',
  'digests',
  'logs',
  'attestations',
  'commit',
] as const;

/** One of {@link BUNDLE_CHECKS}. */
export type BundleCheckName = (typeof BUNDLE_CHECKS)[number];

/** What one check came to. */
export interface BundleCheck {
  readonly check: BundleCheckName;
  readonly status: 'passed' | 'failed';
  /** What was found, for people. */
  readonly detail: string;
  readonly code?: ErrorCode;
}

/** What one check found, and what the checks after it need from it. */
export interface BundleFinding<T> {
  readonly detail: string;
  readonly value: T;
}

/** Runs the checks in their order and keeps a record of each, also of the one that failed. */
export class CheckList {
  readonly #results: BundleCheck[] = [];
  readonly #onResult: (result: BundleCheck) => void;

  constructor(onResult: (result: BundleCheck) => void = () => {}) {
    this.#onResult = onResult;
  }

  get results(): readonly BundleCheck[] {
    return this.#results;
  }

  /** @throws StellaError whatever `work` throws, with the record of the checks so far in its details */
  async run<T>(check: BundleCheckName, work: () => Promise<BundleFinding<T>> | BundleFinding<T>): Promise<T> {
    const { detail, value } = await this.failAs(check, work);
    this.#add({ check, status: 'passed', detail });
    return value;
  }

  /**
   * Does what belongs to a check whose turn has not come yet: it is the one that failed if this fails, and has not passed
   * if it does not.
   * @throws StellaError as {@link run}
   */
  async failAs<T>(check: BundleCheckName, work: () => Promise<T> | T): Promise<T> {
    try {
      return await work();
    } catch (thrown) {
      if (!isStellaError(thrown)) throw thrown;
      this.#add({ check, status: 'failed', detail: thrown.message, code: thrown.code });
      throw thrown.with({ details: { failed_check: check, checks: this.#results } });
    }
  }

  #add(result: BundleCheck): void {
    if (
      BUNDLE_CHECKS.indexOf(result.check) <
      BUNDLE_CHECKS.indexOf(this.#results.at(-1)?.check ?? BUNDLE_CHECKS[0])
    ) {
      throw new Error(`check ${result.check} ran after ${this.#results.at(-1)!.check}`);
    }
    this.#results.push(result);
    this.#onResult(result);
  }
}
