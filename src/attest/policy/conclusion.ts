import { StellaError } from '../../base/errors.ts';
import type { VerdictDocument, VerdictDocumentError } from '../../base/schema-types.ts';
import { nameOfRule, type PolicyRule } from './policy.ts';

/** What any number of verdicts come to together, in constant memory. */
export class Conclusion {
  readonly #rule: PolicyRule | undefined;
  readonly #matching = new Set<string>();
  #failure: (VerdictDocumentError & { readonly source: string }) | undefined;
  #count = 0;
  #verified = 0;

  /** @param rule the policy's rule for the artifact, if there is a policy */
  constructor(rule: PolicyRule | undefined) {
    this.#rule = rule;
  }

  /** Verdicts so far. */
  get count(): number {
    return this.#count;
  }

  /** Those of them that verified. */
  get verified(): number {
    return this.#verified;
  }

  get hasFailure(): boolean {
    return this.#failure !== undefined;
  }

  /** What is wrong with the first attestation that failed, and where that came from. */
  get firstFailure(): (VerdictDocumentError & { readonly source: string }) | undefined {
    return this.#failure;
  }

  add(verdict: VerdictDocument): void {
    this.#count += 1;
    if (verdict.error) this.#failure ??= { ...verdict.error, source: verdict.source };
    if (!verdict.verified) return;
    this.#verified += 1;
    // Only a policy that asks for several needs to know which ones they were; it asks for few.
    if (this.#rule && this.#matching.size < this.#rule.required)
      this.#matching.add(JSON.stringify([verdict.signed_sha256, verdict.signer]));
  }

  /**
   * Without a policy every attestation must verify; with one, as many different ones as its rule requires.
   * @returns what is wrong, or `undefined`
   */
  error(): StellaError | undefined {
    const rule = this.#rule;
    if (rule && this.#matching.size >= rule.required) return undefined;
    if (rule && this.#matching.size > 0)
      return new StellaError(
        'POLICY_UNSATISFIED',
        `${nameOfRule(rule)} of the policy requires ${rule.required} different attestations, ${this.#matching.size} match`,
        { details: { expected: rule.required, found: this.#matching.size } },
      );
    const failure = this.#failure;
    return (
      failure &&
      new StellaError(failure.code as StellaError['code'], `${failure.source}: ${failure.message}`, {
        hint: failure.hints,
        ...(failure.details ? { details: failure.details } : {}),
      })
    );
  }
}
