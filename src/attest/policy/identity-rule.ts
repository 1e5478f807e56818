import { StellaError } from '../../base/errors.ts';
import type { CertificateIdentity } from '../x509/identity.ts';

/** Text that must be equal, or a pattern that must match the whole text. */
export type TextRule = { readonly exactly: string } | { readonly matches: RegExp; readonly source: string };

/** Who must have signed. What is absent is not compared. */
export interface IdentityRule {
  readonly subject?: TextRule | undefined;
  readonly issuer?: TextRule | undefined;
}

const MOST_PATTERN = 1000;

/**
 * A pattern that matches whole texts only, whatever anchors it has itself.
 * @throws StellaError USAGE
 */
export function parsePattern(source: string): TextRule {
  if (source.length === 0 || source.length > MOST_PATTERN)
    throw new StellaError('USAGE', `a pattern has 1 to ${MOST_PATTERN} characters`);
  try {
    // Compiled alone first: a pattern must not be able to close the group that anchors it.
    new RegExp(source, 'u');
    return { matches: new RegExp(`^(?:${source})$`, 'u'), source };
  } catch (cause) {
    throw new StellaError('USAGE', `not a regular expression: ${source}`, { cause });
  }
}

export function isIdentityRuleEmpty(rule: IdentityRule): boolean {
  return rule.subject === undefined && rule.issuer === undefined;
}

export function fitsText(rule: TextRule, text: string): boolean {
  return 'exactly' in rule ? rule.exactly === text : rule.matches.test(text);
}

export const describeRule = (rule: TextRule): string =>
  'exactly' in rule ? rule.exactly : `/${rule.source}/ (whole text)`;

/** @throws StellaError IDENTITY_MISMATCH naming what was expected and what was found */
export function checkIdentity(identity: CertificateIdentity, rule: IdentityRule): void {
  const compare = (what: string, wanted: TextRule | undefined, found: string | undefined): void => {
    if (!wanted || (found !== undefined && fitsText(wanted, found))) return;
    throw new StellaError(
      'IDENTITY_MISMATCH',
      `the ${what} is ${found ?? 'absent'}, required is ${describeRule(wanted)}`,
      { details: { field: what, expected: describeRule(wanted), found: found ?? null } },
    );
  };
  compare('issuer', rule.issuer, identity.issuer);
  compare('identity', rule.subject, identity.subject);
}
