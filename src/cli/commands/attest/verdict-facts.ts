import type { VerdictDocument } from '../../../base/schema-types.ts';
import { printable } from '../../terminal/output.ts';
import type { Facts } from '../../terminal/run-log.ts';

/** So many subjects are named in the log of a run; how many there are is always said. */
const MAX_LOGGED_SUBJECTS = 20;
const MAX_LOGGED_CHARACTERS = 1000;

/** Text from outside for a log file that people look at in terminals. */
const shown = (text: string): string =>
  printable(text.length > MAX_LOGGED_CHARACTERS ? `${text.slice(0, MAX_LOGGED_CHARACTERS)}…` : text);

/**
 * What the log of a run (`--log-file`) records of one verdict: which attestation, by whom, about what, and the answer.
 * Signer and subjects are those of a signature that holds; of one that does not, nothing is known.
 */
export function verdictFacts(verdict: VerdictDocument): Facts {
  const { source, signer, statement, artifact, error } = verdict;
  return {
    source: shown(source),
    verified: verdict.verified,
    ...(error ? { code: error.code, reason: shown(error.message) } : {}),
    ...(signer ? { signer: signerFacts(signer) } : {}),
    identity_checked: verdict.identity_checked,
    ...(statement ? subjectFacts(statement) : {}),
    ...(artifact ? { artifact: { name: shown(artifact.name), digest: artifact.digest } } : {}),
    artifact_checked: verdict.artifact_checked,
    ...(verdict.signed_at === undefined ? {} : { signed_at: verdict.signed_at }),
    ...(verdict.signed_sha256 === undefined ? {} : { signed_sha256: verdict.signed_sha256 }),
  };
}

function signerFacts(signer: NonNullable<VerdictDocument['signer']>): Facts {
  return signer.kind === 'key'
    ? { kind: signer.kind, name: shown(signer.name), key_id: signer.key_id }
    : {
        kind: signer.kind,
        identity: shown(signer.identity),
        issuer: signer.issuer === null ? null : shown(signer.issuer),
      };
}

function subjectFacts({ predicate_type, subjects }: NonNullable<VerdictDocument['statement']>): Facts {
  return {
    predicate_type: shown(predicate_type),
    subject_count: subjects.length,
    subjects: subjects.slice(0, MAX_LOGGED_SUBJECTS).map(({ name, digest }) => ({
      name: name === null ? null : shown(name),
      digests: Object.entries(digest).map(([algorithm, hex]) => shown(`${algorithm}:${hex}`)),
    })),
  };
}
