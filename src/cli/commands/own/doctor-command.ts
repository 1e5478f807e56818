import type { Command } from 'commander';
import { EXIT } from '../../../base/codes.ts';
import type { Cli } from '../../frame/cli.ts';
import { openTrustSetting } from '../../frame/trust-setting.ts';
import { formatCount, printable } from '../../terminal/output.ts';
import { type DoctorFinding, findingOf } from './doctor-finding.ts';

/** `stella doctor`: what is wrong here, and what to do about it. */
export function registerDoctor(program: Command, cli: Cli): void {
  const command = cli.command(
    program,
    'doctor',
    'look for what makes other commands fail, and say what to do',
  );
  cli.action<object, []>(command, async (run) => {
    const { examine } = await import('./doctor.ts');
    let findings: DoctorFinding[];
    try {
      const { config, store } = openTrustSetting(run, {}, { remember: 'if-readable' });
      findings = await examine(store, config, run.now);
    } catch (error) {
      // Without a configuration there is no store to look at.
      findings = [findingOf('configuration', error)];
    }
    const problems = findings.filter(({ result }) => result === 'problem');
    const warnings = findings.filter(({ result }) => result === 'warning');
    return {
      json: { healthy: problems.length === 0, findings: findings.map(({ exit: _, ...finding }) => finding) },
      text: [
        ...findings.flatMap(lines),
        `${formatCount(problems.length, 'problem')}, ${formatCount(warnings.length, 'warning')}`,
      ].join('\n'),
      exit: problems[0]?.exit ?? EXIT.done,
    };
  });
}

function lines({ check, result, detail, hints }: DoctorFinding): string[] {
  return [
    `${result.padEnd(7)}  ${check.padEnd(13)}  ${printable(detail)}`,
    ...hints.map((hint) => `${' '.repeat(26)}${printable(hint)}`),
  ];
}
