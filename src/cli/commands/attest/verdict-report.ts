import type { TrustOrigin } from '../../../attest/authority/verifier-trust.ts';
import type { SkippedSource } from '../../../attest/batch/batch.ts';
import type { ShardSelection } from '../../../attest/batch/shard.ts';
import { Conclusion } from '../../../attest/policy/conclusion.ts';
import type { PolicyRule } from '../../../attest/policy/policy.ts';
import { EXIT, type ExitStatus } from '../../../base/codes.ts';
import { StellaError } from '../../../base/errors.ts';
import type { VerdictDocument } from '../../../base/schema-types.ts';
import type { Outcome, Run } from '../../frame/cli.ts';
import { formatCount, formatNumber, printable } from '../../terminal/output.ts';
import { verdictLine, verdictText } from './verdict-text.ts';

export interface ReportSetting {
  readonly trust: TrustOrigin;
  readonly explain: boolean;
  /** Whether anything that was skipped is an error. */
  readonly strict: boolean;
  readonly rule: PolicyRule | undefined;
  readonly shard: ShardSelection | undefined;
}

const MAX_SHOWN_SKIPPED = 100;

/** Prints verdicts as they come, in constant memory: one is a block or a document, many are lines. */
export class VerdictReport {
  readonly #run: Run<object>;
  readonly #setting: ReportSetting;
  readonly #conclusion: Conclusion;
  readonly #skipped: SkippedSource[] = [];
  #skippedCount = 0;
  #first: VerdictDocument | undefined;

  constructor(run: Run<object>, setting: ReportSetting) {
    this.#run = run;
    this.#setting = setting;
    this.#conclusion = new Conclusion(setting.rule);
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
    if (this.#setting.shard) {
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

  skip(skipped: SkippedSource): void {
    this.#skippedCount += 1;
    if (this.#skipped.length < MAX_SHOWN_SKIPPED) this.#skipped.push(skipped);
  }

  #line(verdict: VerdictDocument): void {
    const { io, options } = this.#run;
    if (options.json) io.stdout(`${JSON.stringify(verdict)}\n`);
    else if (options.quiet) return;
    else if (this.#setting.explain)
      io.stdout(`${verdictText(verdict, { ...this.#setting, isToldWhy: false })}\n`);
    else {
      const why = verdict.error ? `  ${printable(verdict.error.message)} [${verdict.error.code}]` : '';
      io.stdout(`${verdictLine(verdict)}${why}\n`);
    }
  }

  /** @throws StellaError NOTHING_VERIFIED */
  end(paths: readonly string[]): Outcome {
    const { shard, trust, explain } = this.#setting;
    if (shard) return this.#endShard(shard);
    if (this.count === 0)
      throw new StellaError('NOTHING_VERIFIED', `no attestation in ${paths.join(', ')}`, {
        hint: [
          'give a Sigstore bundle, a DSSE envelope, a list of them, or a directory with some',
          ...this.#skippedLines(5),
        ],
      });
    const exit = this.#conclude();
    const skipped = this.#skippedJson();
    if (this.count === 1)
      return {
        json: { ...this.#first, ...(skipped ? { skipped } : {}) },
        closed: true,
        text: [
          verdictText(this.#first!, { trust, explain, isToldWhy: true }),
          ...this.#skippedLines(20),
        ].join('\n'),
        exit,
      };
    const failed = this.count - this.#conclusion.verified;
    return {
      jsonLines: skipped ? [{ skipped }] : [],
      text: [
        `${formatCount(this.#conclusion.verified, 'attestation')} verified, ${formatNumber(failed)} not`,
        ...this.#skippedLines(20),
      ].join('\n'),
      exit,
    };
  }

  #skippedJson(): { count: number; inputs: readonly SkippedSource[] } | undefined {
    return this.#skippedCount === 0 ? undefined : { count: this.#skippedCount, inputs: this.#skipped };
  }

  /** How many were skipped, and the names of the first few. */
  #skippedLines(most: number): string[] {
    if (this.#skippedCount === 0) return [];
    const shown = this.#skipped.slice(0, most);
    const more = this.#skippedCount - shown.length;
    return [
      `skipped ${formatCount(this.#skippedCount, 'file')} that ${this.#skippedCount === 1 ? 'is no attestation' : 'are no attestations'}:`,
      ...shown.map(({ source, reason }) => `  ${printable(source)}: ${reason}`),
      ...(more > 0 ? [`  and ${formatNumber(more)} more`] : []),
    ];
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
            ...(this.#skippedCount === 0 ? {} : { skipped: this.#skippedCount }),
          },
        },
      ],
      text: [
        `shard ${index}/${count}: ${formatCount(this.#conclusion.verified, 'attestation')} verified, ${formatNumber(failed)} not`,
        ...this.#skippedLines(20),
      ].join('\n'),
      exit: this.#conclude(),
    };
  }

  #strictError(): StellaError | undefined {
    if (!this.#setting.strict || this.#skippedCount === 0) return undefined;
    return new StellaError(
      'INPUT_SKIPPED',
      `${formatCount(this.#skippedCount, 'file')} ${this.#skippedCount === 1 ? 'is no attestation' : 'are no attestations'}: ${this.#skipped[0]!.source} (${this.#skipped[0]!.reason})`,
    );
  }

  #conclude(): ExitStatus {
    const failure = this.#conclusion.error() ?? this.#strictError();
    if (!failure) return EXIT.done;
    this.#run.fail(this.#isListed(failure) ? this.#summary(failure) : failure);
    return failure.exit;
  }

  /** Whether standard output has said for each attestation why it fails. */
  #isListed({ code }: StellaError): boolean {
    const { json, quiet } = this.#run.options;
    return this.#conclusion.hasFailure && this.count > 1 && !json && !quiet && code !== 'INPUT_SKIPPED';
  }

  #summary(failure: StellaError): StellaError {
    if (failure.code === 'POLICY_UNSATISFIED') return failure;
    const failed = this.count - this.#conclusion.verified;
    const what = `${formatNumber(failed)} of ${formatCount(this.count, 'attestation')} not verified`;
    return new StellaError(failure.code, `${what}; the first: ${this.#conclusion.firstFailure!.source}`, {
      hint: failure.hints,
      cause: failure,
    });
  }
}
