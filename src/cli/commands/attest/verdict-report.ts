import type { TrustOrigin } from '../../../attest/authority/verifier-trust.ts';
import type { ShardSelection } from '../../../attest/batch/shard.ts';
import type { PolicyRule } from '../../../attest/policy/policy.ts';
import { EXIT, type ExitStatus } from '../../../base/codes.ts';
import { StellaError } from '../../../base/errors.ts';
import type { VerdictDocument, VerdictDocumentError } from '../../../base/schema-types.ts';
import type { Outcome, Run } from '../../frame/cli.ts';
import { formatCount, formatNumber, printable } from '../../terminal/output.ts';
import { verdictLine, verdictText } from './verdict-text.ts';

/** Prints verdicts as they come, in constant memory: one is a block or a document, many are lines. */
export class VerdictReport {
  readonly #run: Run<object>;
  readonly #trust: TrustOrigin;
  readonly #explain: boolean;
  readonly #rule: PolicyRule | undefined;
  readonly #shard: ShardSelection | undefined;
  readonly #matching = new Set<string>();
  #first: VerdictDocument | undefined;
  #failure: (VerdictDocumentError & { readonly source: string }) | undefined;
  #count = 0;
  #verified = 0;

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
    this.#rule = rule;
    this.#shard = shard;
  }

  get count(): number {
    return this.#count;
  }

  get hasFailure(): boolean {
    return this.#failure !== undefined;
  }

  add(verdict: VerdictDocument): void {
    this.#count += 1;
    if (verdict.error) this.#failure ??= { ...verdict.error, source: verdict.source };
    if (verdict.verified) {
      this.#verified += 1;
      this.#remember(verdict);
    }
    // A shard's output is lines whatever there is of them, so that it can be put together.
    if (this.#shard) {
      this.#line(verdict);
      return;
    }
    if (this.#count === 1) {
      this.#first = verdict;
      return;
    }
    if (this.#count === 2) this.#line(this.#first!);
    this.#line(verdict);
  }

  /** Only a policy that asks for several needs to know which ones they were; it asks for few. */
  #remember({ signed_sha256: signed, signer }: VerdictDocument): void {
    if (!this.#rule || this.#matching.size >= this.#rule.required) return;
    this.#matching.add(JSON.stringify([signed, signer]));
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
    if (this.#count === 0) throw new StellaError('NOTHING_VERIFIED', `no attestation in ${paths.join(', ')}`);
    const exit = this.#conclude();
    if (this.#count === 1)
      return { json: this.#first, text: verdictText(this.#first!, this.#trust, this.#explain), exit };
    const failed = this.#count - this.#verified;
    return {
      jsonLines: [],
      text: `${formatCount(this.#verified, 'attestation')} verified, ${formatNumber(failed)} not`,
      exit,
    };
  }

  #endShard(selection: ShardSelection): Outcome {
    const { index, count } = selection.shard;
    const failed = this.#count - this.#verified;
    return {
      jsonLines: [
        {
          shard: {
            index,
            count,
            ...selection.inputs(),
            verdicts: this.#count,
            verified: this.#verified,
          },
        },
      ],
      text: `shard ${index}/${count}: ${formatCount(this.#verified, 'attestation')} verified, ${formatNumber(failed)} not`,
      exit: this.#conclude(),
    };
  }

  #conclude(): ExitStatus {
    const failure = this.#verdictOnAll();
    if (!failure) return EXIT.done;
    this.#run.fail(failure);
    return failure.exit;
  }

  /** Without a policy every attestation must verify; with one, as many as its rule requires. */
  #verdictOnAll(): StellaError | undefined {
    const rule = this.#rule;
    if (rule && this.#matching.size >= rule.required) return undefined;
    if (rule && this.#matching.size > 0)
      return new StellaError(
        'POLICY_UNSATISFIED',
        `${rule.name} of the policy requires ${rule.required} different attestations, ${this.#matching.size} match`,
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
