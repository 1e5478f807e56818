import { posix } from 'node:path';
import { type Duration, formatDuration, type Instant, parseDuration } from '../base/clock.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { checkSchema } from '../base/schema.ts';
import type { AttestationPolicyIdentity, AttestationPolicyRule } from '../base/schema-types.ts';
import { parseVerifierKey } from '../tlog/verifier-key.ts';
import type { WitnessPolicy } from '../tlog/witness-policy.ts';
import type { CertificateIdentity } from './identity.ts';
import { describeRule, fitsText, type IdentityRule, parsePattern, type TextRule } from './identity-rule.ts';
import { parseStrictJson } from './json.ts';
import type { AttestorKey } from './material.ts';

/** What a policy requires of the attestations of one artifact. Absent fields require nothing. */
export interface PolicyRule {
  /** The rule's place in the file, for messages. */
  readonly name: string;
  readonly artifacts: readonly string[] | undefined;
  readonly identities: readonly IdentityRule[] | undefined;
  /** Target names, or `sha256:` and a key id. */
  readonly keys: readonly string[] | undefined;
  readonly predicateTypes: readonly string[] | undefined;
  /** How many different attestations must match. */
  readonly required: number;
  /** How many different keys must have signed one envelope. */
  readonly signatures: number;
  readonly requireLog: boolean;
  readonly witnessPolicy: WitnessPolicy | undefined;
  readonly maxAge: Duration | undefined;
}

export interface Policy {
  readonly rules: readonly PolicyRule[];
}

/**
 * A policy file (schemas/policy.schema.json) → policy.
 * @throws StellaError POLICY_INVALID naming the field
 */
export function parsePolicy(bytes: Uint8Array, what: string): Policy {
  const value = parseStrictJson(bytes, what, 'POLICY_INVALID');
  const { rules } = checkSchema('policy', value, what, 'POLICY_INVALID');
  return { rules: rules.map((rule, i) => inRule(`${what}: field rules.${i}`, () => parseRule(rule, i))) };
}

function inRule<T>(where: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    if (!isStellaError(cause)) throw cause;
    throw new StellaError('POLICY_INVALID', `${where}: ${cause.message}`, { cause });
  }
}

function parseRule(rule: AttestationPolicyRule, i: number): PolicyRule {
  return {
    name: `rule ${i + 1}`,
    artifacts: rule.artifacts,
    identities: rule.identities?.map(parseIdentity),
    keys: rule.keys,
    predicateTypes: rule.predicate_types,
    required: rule.required ?? 1,
    signatures: rule.signatures ?? 1,
    requireLog: rule.require_log ?? true,
    witnessPolicy: rule.witnesses && parseWitnesses(rule.witnesses),
    maxAge: rule.max_age === undefined ? undefined : parseDuration(rule.max_age),
  };
}

function parseIdentity(identity: AttestationPolicyIdentity): IdentityRule {
  const text = (
    exactly: string | undefined,
    pattern: string | undefined,
    name: string,
  ): TextRule | undefined => {
    if (exactly !== undefined && pattern !== undefined)
      throw new StellaError('POLICY_INVALID', `give either ${name} or ${name}_pattern`);
    if (exactly !== undefined) return { exactly };
    return pattern === undefined ? undefined : parsePattern(pattern);
  };
  return {
    subject: text(identity.subject, identity.subject_pattern, 'subject'),
    issuer: text(identity.issuer, identity.issuer_pattern, 'issuer'),
  };
}

function parseWitnesses({ quorum, keys }: { quorum: number; keys: readonly string[] }): WitnessPolicy {
  const witnesses = keys.map((text) => {
    const key = parseVerifierKey(text);
    if (key.type !== 'cosignature/v1')
      throw new StellaError('POLICY_INVALID', `${key.name} is not the key of a witness`);
    return { name: key.name, key };
  });
  if (new Set(witnesses.map(({ key }) => key.publicKey.id)).size < witnesses.length)
    throw new StellaError('POLICY_INVALID', 'a witness is listed twice');
  if (quorum > witnesses.length)
    throw new StellaError('POLICY_INVALID', `a quorum of ${quorum} needs as many witnesses`);
  const members = witnesses.map((witness) => ({ witness }));
  return { logs: [], witnesses, quorum: { group: 'witnesses', threshold: quorum, members } };
}

/**
 * The first rule whose patterns fit the artifact's name.
 * @param name as given; `undefined` where only a digest or nothing was given, which fits rules without patterns
 * @throws StellaError POLICY_UNSATISFIED when there is none
 */
export function ruleFor(policy: Policy, name: string | undefined): PolicyRule {
  const names =
    name === undefined ? [] : [name.replaceAll('\\', '/'), posix.basename(name.replaceAll('\\', '/'))];
  const rule = policy.rules.find(
    ({ artifacts }) =>
      artifacts === undefined ||
      artifacts.some((pattern) => names.some((each) => posix.matchesGlob(each, pattern))),
  );
  if (rule) return rule;
  throw new StellaError(
    'POLICY_UNSATISFIED',
    name === undefined
      ? 'no rule of the policy applies without the name of an artifact'
      : `no rule of the policy is for ${name}`,
    name === undefined ? { hint: 'give --artifact FILE' } : {},
  );
}

/** Verified facts that a rule is judged by. */
export interface PolicyFacts {
  readonly identity: CertificateIdentity | undefined;
  readonly attestors: readonly AttestorKey[];
  readonly signedAt: Instant | undefined;
  readonly predicateType: string | undefined;
  readonly now: Instant;
}

/** Whether the rule says anything about who may have signed. */
export function constrainsSigner(rule: PolicyRule): boolean {
  return rule.identities !== undefined || rule.keys !== undefined;
}

/** @throws StellaError POLICY_UNSATISFIED naming what was required and what was found */
export function checkRule(rule: PolicyRule, facts: PolicyFacts): void {
  const refuse = (what: string, expected: unknown, found: unknown): never => {
    throw new StellaError('POLICY_UNSATISFIED', `${rule.name} of the policy requires another ${what}`, {
      details: { rule: rule.name, field: what, expected, found: found ?? null },
    });
  };
  if (constrainsSigner(rule) && !isSignerAllowed(rule, facts)) {
    const expected = [
      ...(rule.identities ?? []).map(({ subject, issuer }) => ({
        identity: subject && describeRule(subject),
        issuer: issuer && describeRule(issuer),
      })),
      ...(rule.keys ?? []),
    ];
    const { identity, attestors } = facts;
    refuse(
      'signer',
      expected,
      identity ? { identity: identity.subject, issuer: identity.issuer } : attestors.map(({ name }) => name),
    );
  }
  const { predicateTypes, maxAge } = rule;
  if (predicateTypes && (facts.predicateType === undefined || !predicateTypes.includes(facts.predicateType)))
    refuse('predicate type', predicateTypes, facts.predicateType);
  if (maxAge !== undefined && (facts.signedAt === undefined || facts.now - facts.signedAt > maxAge))
    refuse(
      'age',
      `at most ${formatDuration(maxAge)}`,
      facts.signedAt === undefined ? 'no trusted signing time' : formatDuration(facts.now - facts.signedAt),
    );
}

function isSignerAllowed(rule: PolicyRule, { identity, attestors }: PolicyFacts): boolean {
  if (identity) {
    return (rule.identities ?? []).some(
      ({ subject, issuer }) =>
        (!subject || fitsText(subject, identity.subject)) &&
        (!issuer || (identity.issuer !== undefined && fitsText(issuer, identity.issuer))),
    );
  }
  const allowed = attestors.filter(({ name, key }) =>
    (rule.keys ?? []).some((wanted) => wanted === name || wanted === `sha256:${key.id}`),
  );
  return allowed.length >= rule.signatures;
}
