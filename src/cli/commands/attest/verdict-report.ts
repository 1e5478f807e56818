import type { TrustOrigin } from '../../../attest/authority/verifier-trust.ts';
import type { SkippedSource } from '../../../attest/batch/batch.ts';
import type { ShardSelection } from '../../../attest/batch/shard.ts';
import { Conclusion } from '../../../attest/policy/conclusion.ts';
import type { PolicyRule } from '../../../attest/policy/policy.ts';
import { EXIT, type ExitStatus } from '../../../base/codes.ts';
import { StellaError } from '../../../base/errors.ts';
import type { SkippedDocument, VerdictDocument } from '../../../base/schema-types.ts';
import type { Outcome, Run } from '../../frame/cli.ts';
import { formatCount, formatNumber, printable } from '../../terminal/output.ts';
import { verdictFacts } from './verdict-facts.ts';
import { verdictLine, verdictText } from './verdict-text.ts';

export interface ReportSetting {
  readonly trust: TrustOrigin;
  readonly explain: boolean;
  /** Whether to show what the certificate claims; `explain` shows it, too. */
  readonly claims: boolean;
  /** Whether anything that was skipped is an error. */
  readonly strict: boolean;
  readonly rule: PolicyRule | undefined;
  readonly shard: ShardSelection | undefined;
}

const MAX_SHOWN_SKIPPED = 100;
const EXPLAIN = 'run again with --explain to see what was required and what was found';

/** Prints verdicts as they come, in constant memory: for people one is a block and many are lines. */
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
    this.#run.log(verdict.verified ? 'info' : 'warn', 'verdict', verdictFacts(verdict));
    if (this.#run.options.json) this.#run.result(verdict);
    else if (this.#setting.shard) this.#line(verdict);
    else if (this.count === 1) this.#first = verdict;
    else {
      if (this.count === 2) this.#line(this.#first!);
      this.#line(verdict);
    }
  }

  skip(skipped: SkippedSource): void {
    this.#skippedCount += 1;
    if (this.#skipped.length < MAX_SHOWN_SKIPPED) this.#skipped.push(skipped);
  }

  #line(verdict: VerdictDocument): void {
    const { io, options } = this.#run;
    if (options.quiet) return;
    if (this.#setting.explain) io.stdout(`${verdictText(verdict, { ...this.#setting, isToldWhy: false })}\n`);
    else {
      const why = verdict.error ? `  ${printable(verdict.error.message)} [${verdict.error.code}]` : '';
      io.stdout(`${verdictLine(verdict)}${why}\n`);
    }
  }

  /** @throws StellaError NOTHING_VERIFIED */
  end(paths: readonly string[]): Outcome {
    const { shard } = this.#setting;
    if (shard) return this.#endShard(shard);
    if (this.count === 0)
      throw new StellaError('NOTHING_VERIFIED', `no attestation in ${paths.join(', ')}`, {
        hint: [
          'give a Sigstore bundle, a DSSE envelope, a list of them, or a directory with some',
          ...this.#skippedLines(5),
        ],
      });
    const exit = this.#conclude();
    const json = this.#skippedJson();
    if (this.#first && this.count === 1)
      return {
        json,
        text: [
          verdictText(this.#first, { ...this.#setting, isToldWhy: true }),
          ...this.#skippedLines(20),
        ].join('\n'),
        exit,
      };
    const failed = this.count - this.#conclusion.verified;
    return {
      json,
      text: [
        `${formatCount(this.#conclusion.verified, 'attestation')} verified, ${formatNumber(failed)} not`,
        ...this.#skippedLines(20),
      ].join('\n'),
      exit,
    };
  }

  #skippedJson(): SkippedDocument | object {
    return this.#skippedCount === 0 ? {} : { skipped: { count: this.#skippedCount, inputs: this.#skipped } };
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
      json: {
        shard: {
          index,
          count,
          ...selection.inputs(),
          verdicts: this.count,
          verified: this.#conclusion.verified,
          ...(this.#skippedCount === 0 ? {} : { skipped: this.#skippedCount }),
        },
      },
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

  /** Whether everything that is known of the failure is shown. */
  #isExplained({ code, details }: StellaError): boolean {
    return (
      code !== 'POLICY_UNSATISFIED' ||
      details === undefined ||
      this.#setting.explain ||
      (this.#run.options.json ?? false)
    );
  }

  #conclude(): ExitStatus {
    const failure = this.#conclusion.error() ?? this.#strictError();
    if (!failure) return EXIT.done;
    const said = this.#isListed(failure) ? this.#summary(failure) : failure;
    this.#run.fail(this.#isExplained(failure) ? said : said.with({ hint: [...said.hints, EXPLAIN] }));
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
