import { StellaError } from '../../base/errors.ts';
import type { CertificateIdentity } from '../x509/identity.ts';
import { nearMiss } from './near-miss.ts';

/**
 * Text that must be equal, or a regular expression (see `parsePattern`) that must match the whole text. `implied`: it was
 * not given, but goes with something that was. `shown`: how messages call what the expression stands for.
 */
export type TextRule =
  | { readonly exactly: string; readonly implied?: boolean }
  | { readonly matches: string; readonly shown?: string };

/** Who must have signed. What is absent is not compared. */
export interface IdentityRule {
  readonly subject?: TextRule | undefined;
  readonly issuer?: TextRule | undefined;
}

/** Compares a text with a rule: pattern.ts has the one that knows patterns, and is loaded only where there are any. */
export type FitsText = (rule: TextRule, text: string) => boolean;

export function isIdentityRuleEmpty(rule: IdentityRule): boolean {
  return rule.subject === undefined && rule.issuer === undefined;
}

/** Whether it says who signed: a subject means nothing without the issuer that vouches for it, nor the other way round. */
export function isIdentityRuleComplete(rule: IdentityRule): boolean {
  return rule.subject !== undefined && rule.issuer !== undefined;
}

/** Whether any of the rules has a pattern. */
export function hasPatterns(rules: readonly IdentityRule[]): boolean {
  return rules.some(({ subject, issuer }) => [subject, issuer].some((each) => each && 'matches' in each));
}

export const describeRule = (rule: TextRule): string =>
  'exactly' in rule ? rule.exactly : (rule.shown ?? `/${rule.matches}/ (whole text)`);

/** @throws StellaError IDENTITY_MISMATCH naming what was expected and what was found */
export function checkIdentity(identity: CertificateIdentity, rule: IdentityRule, fits: FitsText): void {
  const compare = (what: string, wanted: TextRule | undefined, found: string | undefined): void => {
    if (!wanted || (found !== undefined && fits(wanted, found))) return;
    const near =
      found === undefined || !('exactly' in wanted) ? undefined : nearMiss(found, [wanted.exactly]);
    const isImplied = 'exactly' in wanted && wanted.implied === true;
    throw new StellaError(
      'IDENTITY_MISMATCH',
      `the ${what} is ${found ?? 'absent'}, required is ${describeRule(wanted)}`,
      {
        details: { field: what, expected: describeRule(wanted), found: found ?? null },
        ...(isImplied
          ? {
              hint: "a source on that host implies this issuer; where another one vouches for it, e.g. an enterprise's own, give --certificate-oidc-issuer URL",
            }
          : near === undefined
            ? {}
            : { hint: near }),
      },
    );
  };
  compare('issuer', rule.issuer, identity.issuer);
  compare('identity', rule.subject, identity.subject);
}

/** {@link FitsText} where no rule has a pattern. */
export const fitsExactly: FitsText = (rule, text) => 'exactly' in rule && rule.exactly === text;
