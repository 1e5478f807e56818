import { parseFingerprint } from '../../base/bytes.ts';
import { parseDuration } from '../../base/clock.ts';
import { isStellaError, StellaError } from '../../base/errors.ts';
import { parseStrictJson } from '../../base/json.ts';
import { checkSchema } from '../../base/schema.ts';
import type { AttestationPolicyIdentity, AttestationPolicyRule } from '../../base/schema-types.ts';
import { parseVerifierKey } from '../../tlog/verifier-key.ts';
import type { WitnessPolicy } from '../../tlog/witness-policy.ts';
import { checkEachOnce, impliedIssuer, makeClaimRule } from './claim-rule.ts';
import { parseGlob } from './glob.ts';
import type { IdentityRule, TextRule } from './identity-rule.ts';
import { parsePattern } from './pattern.ts';
import type { Policy, PolicyRule } from './policy.ts';

/**
 * A policy file (schemas/policy.schema.json) → policy.
 * @throws StellaError POLICY_INVALID naming the field
 */
export function parsePolicy(bytes: Uint8Array, what: string): Policy {
  const value = parseStrictJson(bytes, what, { code: 'POLICY_INVALID', byteOrderMark: 'skip' });
  const { rules } = checkSchema('policy', value, what, 'POLICY_INVALID');
  return { rules: rules.map((rule, i) => inRule(`${what}: field rules.${i}`, () => parseRule(rule, i))) };
}

function inRule<T>(where: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    if (!isStellaError(cause)) throw cause;
    throw new StellaError('POLICY_INVALID', `${where}: ${cause.message}`, { hint: cause.hints, cause });
  }
}

function parseRule(rule: AttestationPolicyRule, i: number): PolicyRule {
  // A pattern that is none must be found even where an earlier rule fits.
  for (const pattern of rule.artifacts ?? []) parseGlob(pattern);
  const identities = rule.identities?.map(parseIdentity);
  const claims =
    rule.claims && Object.entries(rule.claims).map(([name, texts]) => makeClaimRule(name, [texts].flat()));
  if (claims) checkEachOnce(claims);
  if (claims && rule.keys)
    throw new StellaError('POLICY_INVALID', 'what is signed with a key has no claims: give keys or claims', {
      hint: 'a rule with claims is for certificates; leave out keys',
    });
  const hasIssuer = identities?.every(({ issuer }) => issuer !== undefined) ?? false;
  return {
    name: `rule ${i + 1}`,
    artifacts: rule.artifacts,
    identities,
    claims,
    impliedIssuer: hasIssuer ? undefined : impliedIssuer(claims),
    keys: rule.keys?.map((key) => (/^sha256:/i.test(key) ? `sha256:${parseFingerprint(key)}` : key)),
    predicateTypes: rule.predicate_types,
    required: rule.required ?? 1,
    signatures: rule.signatures ?? 1,
    requireLog: rule.require_log,
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
