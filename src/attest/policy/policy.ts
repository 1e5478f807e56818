/**
 * attest/policy/: what the operator demands beyond valid signatures: identity rules and policy files. It compares what
 * verification has established with what is demanded; it verifies nothing itself. Patterns match all of a text, never
 * a part of it, and a rule that could match nothing is refused when it is read. It never fills in what a rule leaves
 * out.
 * Start here, then identity-rule.ts for how subject and issuer are matched, policy-file.ts for the file.
 */

import { posix } from 'node:path';
import { type Duration, durationBetween, formatDuration, type Instant } from '../../base/clock.ts';
import { StellaError } from '../../base/errors.ts';
import type { WitnessPolicy } from '../../tlog/witness-policy.ts';
import type { AttestorKey } from '../authority/material.ts';
import type { CertificateIdentity } from '../x509/identity.ts';
import { describeRule, fitsText, type IdentityRule } from './identity-rule.ts';

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
      facts.signedAt === undefined
        ? 'no trusted signing time'
        : formatDuration(durationBetween(facts.signedAt, facts.now)),
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
