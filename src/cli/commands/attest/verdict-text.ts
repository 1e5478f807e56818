import type { TrustOrigin } from '../../../attest/authority/verifier-trust.ts';
import { HASH_LENGTHS } from '../../../base/keys.ts';
import type { VerdictDocument } from '../../../base/schema-types.ts';
import { formatUsedConfiguration } from '../../../config/used-configuration.ts';
import { formatFreshness } from '../../../trust/freshness.ts';
import { printable } from '../../terminal/output.ts';

type Add = (label: string, value: string) => void;

export interface VerdictTextSetting {
  readonly trust: TrustOrigin;
  readonly explain: boolean;
  /** Whether to show what the certificate claims; `explain` shows it, too. */
  readonly claims?: boolean;
  /** Whether an error on stderr says why, so that it is not said again here. */
  readonly isToldWhy: boolean;
}

/** The verdict for people: what is verified, by whom, when, how it is shown to be logged, as of when – and what was not checked. */
export function verdictText(verdict: VerdictDocument, shown: VerdictTextSetting): string {
  const { trust, explain, isToldWhy } = shown;
  const { error } = verdict;
  const lines = [`${verdictLine(verdict)}${isToldWhy && error ? ` [${error.code}]` : ''}`];
  const add: Add = (label, value) => lines.push(`  ${label.padEnd(10)}${printable(value)}`);
  if (verdict.error && !isToldWhy) add('because', `${verdict.error.message} [${verdict.error.code}]`);
  if (verdict.verified || explain) addFacts(verdict, add);
  if (explain || shown.claims) addClaims(verdict, lines);
  for (const warning of verdict.warnings ?? []) add('warning', warning);
  add('trust', trustText(trust));
  if (trust.configuration) add('config', formatUsedConfiguration(trust.configuration));
  if (explain) {
    addDifference(verdict, add);
    for (const hint of isToldWhy ? [] : (error?.hints ?? [])) add('hint', hint);
    lines.push('  checks');
    for (const { name, result, detail } of verdict.checks) {
      const isSaid = detail === undefined || (isToldWhy && detail === error?.message);
      lines.push(`    ${name.padEnd(14)}${result}${isSaid ? '' : `: ${printable(detail)}`}`);
    }
  }
  return lines.join('\n');
}

/** One line, for one of many. That a signature holds says little where anyone may have made it. */
export function verdictLine({ verified, source, identity_checked: isChecked }: VerdictDocument): string {
  const answer = verified ? (isChecked ? 'verified' : 'verified, identity NOT CHECKED') : 'NOT VERIFIED';
  return `${answer}  ${printable(source)}`;
}

function addFacts(verdict: VerdictDocument, add: Add): void {
  const { signer, statement, artifact } = verdict;
  if (signer?.kind === 'key') add('signer', `key ${signer.name} (sha256:${signer.key_id})`);
  if (signer?.kind === 'certificate') {
    add('signer', signer.identity);
    add('issuer', signer.issuer ?? 'not named');
    const { source_repository: repository, source_ref: ref } = signer.claims;
    if (repository !== undefined) add('source', ref === undefined ? repository : `${repository} ${ref}`);
    add('identity', verdict.identity_checked ? 'as required' : 'not checked: no identity rule was given');
  }
  if (verdict.instance) {
    const { name, shows } = verdict.instance;
    add(
      'instance',
      shows === 'timestamp' ? `${name} has no log; time by its timestamp authority` : `${name} has a log`,
    );
  }
  add(
    'signed',
    verdict.signed_at === undefined
      ? 'at a time that nobody vouches for'
      : `${verdict.signed_at}, by the word of ${verdict.signed_at_source}`,
  );
  for (const log of verdict.logs) {
    const size = log.tree_size === undefined ? '' : ` in a log of ${log.tree_size}`;
    add('logged', `${log.origin} index ${log.index}${size}, shown by ${log.shown_by}`);
    if (log.witnesses.length > 0) add('witnessed', log.witnesses.join(', '));
    add(
      '',
      log.consistency === 'shown'
        ? 'consistent with the checkpoint that the trust holds'
        : `consistency not shown: ${log.reason ?? 'an earlier check failed'}`,
    );
  }
  if (verdict.logs.length === 0) add('logged', 'not shown to be logged');
  if (verdict.artifact_checked && artifact) add('artifact', `${artifact.name} (${artifact.digest})`);
  else add('artifact', `not checked: ${artifact ? 'an earlier check failed' : 'none was given'}`);
  if (statement) {
    const { subjects } = statement;
    // A tag or commit, named by what no artifact is compared by, says nothing about a file.
    const shown = subjects.find(({ digest }) => comparable(digest) !== undefined) ?? subjects[0]!;
    const [algorithm, digest] = comparable(shown.digest) ?? Object.entries(shown.digest)[0]!;
    const others = subjects.length > 1 ? ` and ${subjects.length - 1} more` : '';
    add('about', `${shown.name ?? '(unnamed)'} ${algorithm}:${digest}${others}`);
    add('says', statement.predicate_type);
  }
}

const comparable = (digest: { readonly [name: string]: string }): [string, string] | undefined =>
  Object.entries(digest).find(([name]) => Object.hasOwn(HASH_LENGTHS, name));

/** Everything that the certificate claims. */
function addClaims({ signer }: VerdictDocument, lines: string[]): void {
  if (signer?.kind !== 'certificate') return;
  const claims = Object.entries(signer.claims);
  if (claims.length === 0) return;
  lines.push('  claims');
  for (const [name, value] of claims) lines.push(`    ${name.padEnd(27)}${printable(value)}`);
}

/** What was expected and what was found, for `--explain`. */
function addDifference({ error }: VerdictDocument, add: Add): void {
  if (!error?.details) return;
  for (const [name, value] of Object.entries(error.details)) {
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    add(name.replaceAll('_', ' ').slice(0, 9), text.length > 2000 ? `${text.slice(0, 2000)}…` : text);
  }
}

function trustText(trust: TrustOrigin): string {
  return trust.freshness
    ? `${trust.name}, ${formatFreshness(trust.freshness, trust.how ?? 'sealed')}`
    : trust.name;
}
