import type { Command } from 'commander';
import { StellaError } from '../../../base/errors.ts';
import type { Cli } from '../../frame/cli.ts';
import { openTrustSetting } from '../../frame/trust-setting.ts';
import { formatTable, printable } from '../../terminal/output.ts';

export function registerTrustDiff(trust: Command, cli: Cli): void {
  const command = cli.command(
    trust,
    'diff [generation]',
    'what has changed since an earlier generation (default: the one before)',
  );
  cli.action<object, [string | undefined]>(command, async (run, argument) => {
    const { diffGenerations } = await import('../../../trust/diff.ts');
    const { lostAttestations } = await import('../../../attest/lost-attestations.ts');
    const { config, store } = openTrustSetting(run);
    const current = store.require(run.now);
    const kept = store.generations().filter((number) => number < current.number);
    const number = argument === undefined ? kept.at(-1) : Number(argument);
    if (number === undefined || !kept.includes(number))
      throw new StellaError(
        'USAGE',
        argument === undefined
          ? 'there is no earlier generation'
          : `there is no generation ${argument} before ${current.number}`,
        { hint: kept.length === 0 ? 'there is only one generation so far' : `kept are ${kept.join(', ')}` },
      );
    const before = store.generation(number);
    const differences = await diffGenerations(before, current, config);
    const lost = await lostAttestations(store, before, current, config, run.now);
    const signs = { added: '+', removed: '-', changed: '~' } as const;
    const lines = [
      `generation ${number} (${before.state.reference_time}) to ${current.number} (${current.state.reference_time})`,
      ...(differences.length === 0 ? ['nothing has changed'] : []),
      formatTable(
        differences.map(({ change, kind, name, before: was, after: is }) => [
          signs[change],
          kind,
          printable(name),
          printable([was, is].filter((value) => value !== undefined).join(' → ')),
        ]),
      ),
      ...lost.map(
        ({ name, code, message }) =>
          `! attestation ${printable(name)} no longer passes: ${printable(message)} [${code}]`,
      ),
    ];
    return {
      json: { from: number, to: current.number, differences, attestations_lost: lost },
      text: lines.filter((line) => line !== '').join('\n'),
    };
  });
}
