import { excerpt, hasUnseen } from '../../base/bytes.ts';
import { formatInstant } from '../../base/clock.ts';
import type { StellaError } from '../../base/errors.ts';
import type { VerdictDocument } from '../../base/schema-types.ts';
import type { UsedConfiguration } from '../../config/used-configuration.ts';
import { freshnessJson } from '../../trust/freshness.ts';
import { ATTESTATION_LIMITS } from '../document/limits.ts';
import type { Statement } from '../document/statement.ts';
import type { LogEvidence, Verdict, VerifiedSigner } from './verdict.ts';

const CONTROL = /\p{Cc}/u;

const errorJson = (error: StellaError) => ({
  code: error.code,
  message: error.message,
  hints: [...error.hints],
  exit: error.exit,
  ...(error.details ? { details: { ...error.details } } : {}),
});

const logJson = (log: LogEvidence) => ({
  origin: log.origin,
  log_id: log.logId,
  index: String(log.index),
  shown_by: log.shownBy,
  ...(log.treeSize === undefined ? {} : { tree_size: String(log.treeSize) }),
  witnesses: [...log.witnesses],
  consistency: log.consistency,
  ...(log.reason === undefined ? {} : { reason: log.reason }),
});

const configurationJson = ({ file, widened }: UsedConfiguration) => ({
  file,
  widened: widened.map((each) => ({ ...each })),
});
/** Two identities that look alike may differ in what is not seen. */
function warningsOf(signer: VerifiedSigner): { warnings?: string[] } {
  if (signer.kind === 'key') return {};
  const { subject, issuer = '', claims, unusableClaims } = signer.identity;
  const named = Object.entries({ ...claims, identity: subject, issuer });
  const warnings = named
    .filter(([, value]) => hasUnseen(value) || CONTROL.test(value))
    .map(
      ([name, value]) => `the certificate's ${name} has characters that are not seen: ${excerpt(value, 200)}`,
    );
  for (const [name, problem] of Object.entries(unusableClaims))
    warnings.push(`the certificate's ${name} cannot be used: ${problem}`);
  return warnings.length === 0 ? {} : { warnings };
}

/**
 * The statement as it was signed, for engines that judge content: where everything held, and nowhere else, so that one
 * that looks at nothing but the statement cannot take a stranger's word for a signer's.
 */
function signedStatementJson({
  signed,
  size,
}: Statement): Pick<VerdictDocument, 'signed_statement' | 'signed_statement_omitted'> {
  if (size > ATTESTATION_LIMITS.statementInVerdictBytes)
    return {
      signed_statement_omitted: `the statement is ${size} bytes long; at most ${ATTESTATION_LIMITS.statementInVerdictBytes} are given here`,
    };
  if (hasInexactNumber(signed))
    return {
      signed_statement_omitted: 'the statement has a number that JSON parsers do not agree about',
    };
  return { signed_statement: signed };
}

/** Whether a number in it may not be the one that was signed (RFC 7493 §2.2): parsed and printed, it would be another. */
function hasInexactNumber(value: unknown): boolean {
  if (typeof value === 'number')
    return !Number.isFinite(value) || (Number.isInteger(value) && !Number.isSafeInteger(value));
  return typeof value === 'object' && value !== null && Object.values(value).some(hasInexactNumber);
}

/**
 * A verdict as `--json` prints it (schemas/verdict.schema.json).
 * @param options.withStatement whether what was signed is wanted too: it may be much larger than all the rest
 */
export function verdictJson(
  source: string,
  verdict: Verdict,
  { withStatement }: { readonly withStatement: boolean } = { withStatement: false },
): VerdictDocument {
  const { signer, statement, trust, signedAt, artifact, instance } = verdict;
  return {
    source,
    verified: verdict.verified,
    ...(verdict.error ? { error: errorJson(verdict.error) } : {}),
    ...(verdict.form === undefined ? {} : { form: verdict.form }),
    ...(verdict.signedSha256 === undefined ? {} : { signed_sha256: verdict.signedSha256 }),
    ...(signer
      ? {
          signer:
            signer.kind === 'key'
              ? { kind: signer.kind, name: signer.name, key_id: signer.keyId }
              : {
                  kind: signer.kind,
                  identity: signer.identity.subject,
                  issuer: signer.identity.issuer ?? null,
                  claims: signer.identity.claims,
                },
        }
      : {}),
    ...(signer ? warningsOf(signer) : {}),
    ...(instance
      ? {
          instance: {
            name: instance.name,
            ...(instance.builtIn === undefined ? {} : { built_in: instance.builtIn }),
            shows: instance.shows,
          },
        }
      : {}),
    identity_checked: verdict.identityChecked,
    ...(signedAt ? { signed_at: formatInstant(signedAt.time), signed_at_source: signedAt.source } : {}),
    logs: verdict.logs.map(logJson),
    ...(artifact ? { artifact } : {}),
    artifact_checked: verdict.artifactChecked,
    ...(statement
      ? {
          statement: {
            predicate_type: statement.predicateType,
            subjects: statement.subjects.map(({ name, digest }) => ({
              name: name ?? null,
              digest: { ...digest },
            })),
          },
        }
      : {}),
    trust: {
      kind: trust.kind,
      name: trust.name,
      ...(trust.generation === undefined ? {} : { generation: trust.generation }),
      ...(trust.sealedAt === undefined
        ? {}
        : { [`${trust.how ?? 'sealed'}_at`]: formatInstant(trust.sealedAt) }),
      ...(trust.freshness ? { freshness: freshnessJson(trust.freshness) } : {}),
      ...(trust.configuration ? { configuration: configurationJson(trust.configuration) } : {}),
    },
    checks: verdict.checks.map((check) => ({ ...check })),
    ...(withStatement && verdict.verified && statement ? signedStatementJson(statement) : {}),
  };
}
