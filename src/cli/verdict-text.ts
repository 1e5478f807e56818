import type { Verdict } from '../attest/verdict.ts';
import { formatInstant } from '../base/clock.ts';
import { formatFreshness } from '../trust/freshness.ts';
import { printable } from './output.ts';

/** The verdict for people: what is verified, by whom, when, how it is shown to be logged, as of when – and what was not checked. */
export function verdictText(source: string, verdict: Verdict, explain: boolean): string {
  const lines = [`${verdict.verified ? 'verified' : 'NOT VERIFIED'}  ${printable(source)}`];
  const add = (label: string, value: string) => lines.push(`  ${label.padEnd(10)}${printable(value)}`);
  if (verdict.error) add('because', `${verdict.error.message} [${verdict.error.code}]`);
  if (verdict.verified || explain) addFacts(verdict, add);
  add('trust', trustText(verdict));
  if (explain) {
    add('checks', '');
    for (const { name, result, detail } of verdict.checks)
      lines.push(`    ${name.padEnd(14)}${result}${detail === undefined ? '' : `: ${printable(detail)}`}`);
  }
  return lines.join('\n');
}

function addFacts(verdict: Verdict, add: (label: string, value: string) => void): void {
  const { signer, signedAt, statement, artifact } = verdict;
  if (signer?.kind === 'key') add('signer', `key ${signer.name} (sha256:${signer.keyId})`);
  if (signer?.kind === 'certificate') {
    add('signer', signer.identity.subject);
    add('issuer', signer.identity.issuer ?? 'not named');
    add(
      'identity',
      verdict.identityChecked ? 'as required' : 'identity not checked: no identity rule was given',
    );
  }
  add(
    'signed',
    signedAt
      ? `${formatInstant(signedAt.time)}, by the word of ${signedAt.source}`
      : 'at a time that nobody vouches for',
  );
  for (const log of verdict.logs) {
    const size = log.treeSize === undefined ? '' : ` in a log of ${log.treeSize}`;
    add('logged', `${log.origin} index ${log.index}${size}, shown by ${log.shownBy}`);
    if (log.witnesses.length > 0) add('witnessed', log.witnesses.join(', '));
    add(
      '',
      log.consistency === 'shown'
        ? 'consistent with the checkpoint that the trust holds'
        : `consistency not shown: ${log.reason ?? 'no reason is known'}`,
    );
  }
  if (verdict.logs.length === 0) add('logged', 'not shown to be logged');
  if (verdict.artifactChecked && artifact) add('artifact', `${artifact.name} (${artifact.digest})`);
  else add('artifact', `artifact not checked: ${artifact ? 'an earlier check failed' : 'none was given'}`);
  if (statement) {
    const [first, ...more] = statement.subjects;
    const digest = Object.entries(first!.digest)[0]!;
    add(
      'about',
      `${first!.name ?? '(unnamed)'} ${digest[0]}:${digest[1]}${more.length > 0 ? ` and ${more.length} more` : ''}`,
    );
    add('says', statement.predicateType);
  }
}

function trustText({ trust }: Verdict): string {
  if (trust.freshness) return `${trust.name}, ${formatFreshness(trust.freshness, trust.how ?? 'sealed')}`;
  return trust.name;
}
