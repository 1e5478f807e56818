/**
 * attest/policy/: what the operator demands beyond valid signatures: identity rules and policy files. It compares what
 * verification has established with what is demanded; it verifies nothing itself. Patterns match all of a text, never
 * a part of it, and a rule that could match nothing is refused when it is read. It never fills in what a rule leaves
 * out.
 * Start here, then identity-rule.ts for how subject and issuer are matched, policy-file.ts for the file.
 */

import { type Duration, durationBetween, formatDuration, type Instant } from '../../base/clock.ts';
import { StellaError } from '../../base/errors.ts';
import type { WitnessPolicy } from '../../tlog/witness-policy.ts';
import type { AttestorKey } from '../authority/material.ts';
import type { CertificateIdentity } from '../x509/identity.ts';
import { type ArtifactName, IGNORES_CASE, placesOf } from './artifact-name.ts';
import { type ClaimRule, claimMismatch, demandsRepository, demandsSource } from './claim-rule.ts';
import { parseGlob } from './glob.ts';
import {
  describeRule,
  type FitsText,
  fitsExactly,
  hasPatterns,
  type IdentityRule,
  isIdentityRuleComplete,
} from './identity-rule.ts';

/** What a policy requires of the attestations of one artifact. Absent fields require nothing. */
export interface PolicyRule {
  /** The rule's place in the file, for messages. */
  readonly name: string;
  readonly artifacts: readonly string[] | undefined;
  readonly identities: readonly IdentityRule[] | undefined;
  /** Claims that the certificate must have, each of them. What is signed with a key has none. */
  readonly claims?: readonly ClaimRule[] | undefined;
  /** The issuer that the claims imply where not every identity has one. */
  readonly impliedIssuer?: string | undefined;
  /** Target names, or `sha256:` and a key id. */
  readonly keys: readonly string[] | undefined;
  readonly predicateTypes: readonly string[] | undefined;
  /** How many different attestations must match. */
  readonly required: number;
  /** How many different keys must have signed one envelope. */
  readonly signatures: number;
  /** `undefined`: as the instance that certified the signer has it. */
  readonly requireLog: boolean | undefined;
  readonly witnessPolicy: WitnessPolicy | undefined;
  readonly maxAge: Duration | undefined;
  /** A further rule that the same attestations must meet. */
  readonly and?: PolicyRule;
}

export interface Policy {
  readonly rules: readonly PolicyRule[];
}

/**
 * The first rule whose patterns fit the artifact's name. However its path is spelt, whichever links lead to it and from
 * whichever directory it is named, no rule is passed over: where its names lead to different rules, all of them count.
 * @param artifact `undefined` for one without a name: by digest, from a pipe, or none. Only rules without patterns are for
 * it, and it gets past no rule that has some
 * @throws StellaError POLICY_UNSATISFIED when there is none
 */
export function ruleFor(policy: Policy, artifact: ArtifactName | undefined): PolicyRule {
  if (!artifact) {
    const rule = policy.rules[0]!;
    if (rule.artifacts === undefined) return rule;
    throw new StellaError(
      'POLICY_UNSATISFIED',
      `${rule.name} of the policy goes by the artifact's name, and there is none`,
      { hint: 'give --artifact FILE, or a policy whose first rule has no patterns' },
    );
  }
  const places = placesOf(artifact);
  const rules = new Set<PolicyRule>();
  for (const { own } of places) addFitting(rules, policy, own);
  if (rules.size === 0)
    throw new StellaError('POLICY_UNSATISFIED', `no rule of the policy is for ${artifact.given}`);
  const isNamed = [...rules].some(({ artifacts }) => artifacts !== undefined);
  for (const { fromAbove, fromBelow } of places)
    addFitting(rules, policy, isNamed ? fromAbove : [...fromAbove, ...fromBelow], true);
  return policy.rules.filter((rule) => rules.has(rule)).reduceRight((all, rule) => bothRules(rule, all));
}

/** @param byPattern only where patterns say so */
function addFitting(
  rules: Set<PolicyRule>,
  policy: Policy,
  names: readonly string[],
  byPattern = false,
): void {
  const rule = policy.rules.find(
    ({ artifacts }) =>
      artifacts === undefined || artifacts.some((each) => names.some(parseGlob(each, IGNORES_CASE))),
  );
  if (rule && (rule.artifacts !== undefined || !byPattern)) rules.add(rule);
}

function bothRules(rule: PolicyRule, and: PolicyRule): PolicyRule {
  return {
    ...rule,
    required: Math.max(rule.required, and.required),
    signatures: Math.max(rule.signatures, and.signatures),
    requireLog: stricter(rule.requireLog, and.requireLog),
    and,
  };
}

/** Required, as the instance has it, not required. */
const stricter = (a: boolean | undefined, b: boolean | undefined): boolean | undefined =>
  a === true || b === true ? true : a === undefined || b === undefined ? undefined : false;

/** Verified facts that a rule is judged by. */
export interface PolicyFacts {
  readonly identity: CertificateIdentity | undefined;
  readonly attestors: readonly AttestorKey[];
  readonly signedAt: Instant | undefined;
  readonly predicateType: string | undefined;
  readonly now: Instant;
}

/** The rule and those that must be met with it. */
function* allOf(rule: PolicyRule): Generator<PolicyRule> {
  for (let each: PolicyRule | undefined = rule; each; each = each.and) yield each;
}

/** The names of the rule and of those that must be met with it. */
export const nameOfRule = (rule: PolicyRule): string =>
  [...allOf(rule)].map(({ name }) => name).join(' and ');

/** Whether the rule says anything about who may have signed. */
export function constrainsSigner(rule: PolicyRule): boolean {
  return [...allOf(rule)].some(
    (each) =>
      each.identities !== undefined ||
      each.keys !== undefined ||
      (demandsSource(each.claims) && demandsIssuer(each)),
  );
}

/** Whether every certificate that meets the rule is of an issuer that it names. */
const demandsIssuer = ({ identities, impliedIssuer }: PolicyRule): boolean =>
  impliedIssuer !== undefined || (identities?.every(({ issuer }) => issuer !== undefined) ?? false);

/**
 * Whether nothing signed with a certificate meets the rule unless subject and issuer are both as demanded, or the source
 * and the issuer that vouches for it are.
 * @param demandsIt whether claims say enough of the source
 */
export function demandsIdentity(
  rule: PolicyRule,
  demandsIt: (claims: readonly ClaimRule[] | undefined) => boolean = demandsRepository,
): boolean {
  return [...allOf(rule)].some(
    (each) =>
      (each.identities?.every(isIdentityRuleComplete) ?? each.keys !== undefined) ||
      (demandsIt(each.claims) && demandsIssuer(each)),
  );
}

/** What compares texts with these rules. What knows patterns is loaded only where there are any. */
export async function matcherFor(
  identity: IdentityRule | undefined,
  rule: PolicyRule | undefined,
): Promise<FitsText> {
  const identities = rule ? [...allOf(rule)].flatMap((each) => each.identities ?? []) : [];
  if (!hasPatterns(identity ? [identity, ...identities] : identities)) return fitsExactly;
  return (await import('./pattern.ts')).fitsText;
}

/** What witnesses must have cosigned. */
export function witnessPoliciesIn(rule: PolicyRule): WitnessPolicy[] {
  return [...allOf(rule)].flatMap(({ witnessPolicy }) => witnessPolicy ?? []);
}

/** @throws StellaError POLICY_UNSATISFIED naming what was required and what was found */
export function checkRule(rule: PolicyRule, facts: PolicyFacts, fits: FitsText): void {
  for (const each of allOf(rule)) checkOne(each, facts, fits);
}

function checkOne(rule: PolicyRule, facts: PolicyFacts, fits: FitsText): void {
  const refuse = (what: string, expected: unknown, found: unknown): never => {
    throw new StellaError('POLICY_UNSATISFIED', `${rule.name} of the policy requires another ${what}`, {
      details: { rule: rule.name, field: what, expected, found: found ?? null },
    });
  };
  const isAnySigner = rule.identities === undefined && rule.keys === undefined;
  if (!isAnySigner && !isSignerAllowed(rule, facts, fits)) {
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
  if (rule.impliedIssuer !== undefined && facts.identity?.issuer !== rule.impliedIssuer)
    refuse('issuer', rule.impliedIssuer, facts.identity?.issuer);
  const mismatch = rule.claims && claimMismatch(facts.identity, rule.claims);
  if (mismatch)
    throw new StellaError('POLICY_UNSATISFIED', `${rule.name} of the policy: ${mismatch.message}`, {
      details: { rule: rule.name, ...mismatch.difference },
      ...(mismatch.hint === undefined ? {} : { hint: mismatch.hint }),
    });
  const { predicateTypes, maxAge } = rule;
  if (predicateTypes && (facts.predicateType === undefined || !predicateTypes.includes(facts.predicateType)))
    refuse('predicate type', predicateTypes, facts.predicateType);
  if (maxAge !== undefined && (facts.signedAt === undefined || facts.now - facts.signedAt > maxAge))
    refuse(
      'age',
      `at most ${formatDuration(maxAge)}`,
      facts.signedAt === undefined
        ? 'no trusted signing time'
        : formatDuration(durationBetween(facts.signedAt, facts.now)),
    );
}

function isSignerAllowed(rule: PolicyRule, { identity, attestors }: PolicyFacts, fits: FitsText): boolean {
  if (identity) {
    return (rule.identities ?? []).some(
      ({ subject, issuer }) =>
        (!subject || fits(subject, identity.subject)) &&
        (!issuer || (identity.issuer !== undefined && fits(issuer, identity.issuer))),
    );
  }
  const allowed = attestors.filter(({ target, key }) =>
    (rule.keys ?? []).some((wanted) =>
      wanted.startsWith('sha256:') ? wanted === `sha256:${key.id}` : wanted === target,
    ),
  );
  return new Set(allowed.map(({ key }) => key.id)).size >= rule.signatures;
}
