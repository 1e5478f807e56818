import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { FailedVerdict } from '../../../attest/batch/merge.ts';
import type { ErrorCode } from '../../../base/codes.ts';
import { EXIT } from '../../../base/codes.ts';
import { StellaError } from '../../../base/errors.ts';
import type { Cli } from '../../frame/cli.ts';
import { addJsonForms } from '../../frame/json-forms.ts';
import { formatCount, formatNumber, printable } from '../../terminal/output.ts';

/** `stella attest merge FILE...`: the answer of all shards together. */
export function registerAttestMerge(attest: Command, cli: Cli): void {
  const command = cli.command(
    attest,
    'merge <file...>',
    'join what the shards of `attest verify --shard I/N --json` printed; fails if one is missing',
  );
  addJsonForms(command, 'verdict');
  cli.action<object, [string[]]>(command, async (run, names) => {
    const { mergeShards, verdictLines } = await import('../../../attest/batch/merge.ts');
    const files = names.map((name) => resolve(run.io.cwd, name));
    const { shards, verdicts, verified, failures } = mergeShards(files);
    if (run.options.json) for (const verdict of verdictLines(files)) run.result(verdict);
    const lines = failures.map(
      ({ source, error }) => `${printable(source)}  ${printable(error!.message)} [${error!.code}]`,
    );
    const failed = verdicts - verified;
    const isListed = !run.options.json && !run.options.quiet;
    const failure =
      failures[0] &&
      failureOf(
        failures[0],
        isListed
          ? `${formatNumber(failed)} of ${formatCount(verdicts, 'attestation')} not verified; the first: ${failures[0].source}`
          : undefined,
      );
    if (failure) run.fail(failure);
    return {
      text: [
        ...lines,
        ...(failed > lines.length ? [`and ${formatCount(failed - lines.length, 'more', 'more')}`] : []),
        `${formatCount(verified, 'attestation')} verified, ${formatNumber(failed)} not, in ${formatCount(shards, 'shard')}`,
      ].join('\n'),
      exit: failure?.exit ?? EXIT.done,
    };
  });
}

/** @param summary what to say in place of the reason, where that has been said */
function failureOf({ source, error }: FailedVerdict, summary: string | undefined): StellaError {
  const { code, message, hints } = error!;
  // They are about the run that judged, and name its options.
  return new StellaError(code as ErrorCode, summary ?? `${source}: ${message}`, {
    hint: hints.map((hint) => `in the run of the shard: ${hint}`),
  });
}
