import type { TrustOrigin } from '../../../attest/authority/verifier-trust.ts';
import type { ShardSelection } from '../../../attest/batch/shard.ts';
import { Conclusion } from '../../../attest/policy/conclusion.ts';
import type { PolicyRule } from '../../../attest/policy/policy.ts';
import { EXIT, type ExitStatus } from '../../../base/codes.ts';
import { StellaError } from '../../../base/errors.ts';
import type { VerdictDocument } from '../../../base/schema-types.ts';
import type { Outcome, Run } from '../../frame/cli.ts';
import { formatCount, formatNumber, printable } from '../../terminal/output.ts';
import { verdictLine, verdictText } from './verdict-text.ts';

/** Prints verdicts as they come, in constant memory: one is a block or a document, many are lines. */
export class VerdictReport {
  readonly #run: Run<object>;
  readonly #trust: TrustOrigin;
  readonly #explain: boolean;
  readonly #shard: ShardSelection | undefined;
  readonly #conclusion: Conclusion;
  #first: VerdictDocument | undefined;

  constructor(
    run: Run<object>,
    trust: TrustOrigin,
    explain: boolean,
    rule: PolicyRule | undefined,
    shard?: ShardSelection,
  ) {
    this.#run = run;
    this.#trust = trust;
    this.#explain = explain;
    this.#conclusion = new Conclusion(rule);
    this.#shard = shard;
  }

  get count(): number {
    return this.#conclusion.count;
  }

  get hasFailure(): boolean {
    return this.#conclusion.hasFailure;
  }

  add(verdict: VerdictDocument): void {
    this.#conclusion.add(verdict);
    // A shard's output is lines whatever there is of them, so that it can be put together.
    if (this.#shard) {
      this.#line(verdict);
      return;
    }
    if (this.count === 1) {
      this.#first = verdict;
      return;
    }
    if (this.count === 2) this.#line(this.#first!);
    this.#line(verdict);
  }

  #line(verdict: VerdictDocument): void {
    const { io, options } = this.#run;
    if (options.json) io.stdout(`${JSON.stringify(verdict)}\n`);
    else if (options.quiet) return;
    else if (this.#explain) io.stdout(`${verdictText(verdict, this.#trust, true)}\n`);
    else {
      const why = verdict.error ? `  ${printable(verdict.error.message)} [${verdict.error.code}]` : '';
      io.stdout(`${verdictLine(verdict)}${why}\n`);
    }
  }

  /** @throws StellaError NOTHING_VERIFIED */
  end(paths: readonly string[]): Outcome {
    if (this.#shard) return this.#endShard(this.#shard);
    if (this.count === 0) throw new StellaError('NOTHING_VERIFIED', `no attestation in ${paths.join(', ')}`);
    const exit = this.#conclude();
    if (this.count === 1)
      return {
        json: this.#first,
        closed: true,
        text: verdictText(this.#first!, this.#trust, this.#explain),
        exit,
      };
    const failed = this.count - this.#conclusion.verified;
    return {
      jsonLines: [],
      text: `${formatCount(this.#conclusion.verified, 'attestation')} verified, ${formatNumber(failed)} not`,
      exit,
    };
  }

  #endShard(selection: ShardSelection): Outcome {
    const { index, count } = selection.shard;
    const failed = this.count - this.#conclusion.verified;
    return {
      jsonLines: [
        {
          shard: {
            index,
            count,
            ...selection.inputs(),
            verdicts: this.count,
            verified: this.#conclusion.verified,
          },
        },
      ],
      text: `shard ${index}/${count}: ${formatCount(this.#conclusion.verified, 'attestation')} verified, ${formatNumber(failed)} not`,
      exit: this.#conclude(),
    };
  }

  #conclude(): ExitStatus {
    const failure = this.#conclusion.error();
    if (!failure) return EXIT.done;
    this.#run.fail(failure);
    return failure.exit;
  }
}
