import { Option } from 'commander';
import {
  type ClaimRule,
  checkEachOnce,
  demandsSource,
  impliedIssuer,
  makeClaimRule,
} from '../../../attest/policy/claim-rule.ts';
import {
  type IdentityRule,
  isIdentityRuleEmpty,
  type TextRule,
} from '../../../attest/policy/identity-rule.ts';
import {
  type NamedPlace,
  parseOwner,
  parseRepository,
  parseWorkflow,
  signedIn,
} from '../../../attest/policy/place.ts';
import { excerpt } from '../../../base/bytes.ts';
import { StellaError } from '../../../base/errors.ts';
import { CLAIM_FLAGS, FLAG_ALIASES, HOSTED_RUNNERS, type SignerOptions } from './signer-options.ts';

const nameOf = (flag: string) =>
  new Option(`${flag} <text>`).attributeName() as keyof SignerOptions & `cert${string}`;

/** Under the one name, whichever was used. @throws StellaError USAGE for both */
function withoutAliases(given: SignerOptions): SignerOptions {
  const options: Record<string, unknown> = { ...given };
  for (const [alias, flag] of FLAG_ALIASES) {
    const value = options[nameOf(alias)];
    if (value === undefined) continue;
    if (options[nameOf(flag)] !== undefined)
      throw new StellaError('USAGE', `${alias} and ${flag} are the same`);
    options[nameOf(flag)] = value;
  }
  return options;
}

async function textRuleOf(
  exactly: string | undefined,
  pattern: string | undefined,
  flag: string,
): Promise<TextRule | undefined> {
  if (exactly !== undefined && pattern !== undefined)
    throw new StellaError('USAGE', `give either ${flag} or ${flag}-regexp`);
  // An empty rule would be a variable that was not set, and must not let everybody pass.
  if (exactly === '') throw new StellaError('USAGE', `${flag} is empty`);
  if (exactly !== undefined) return { exactly };
  if (pattern === undefined) return undefined;
  const { parsePattern } = await import('../../../attest/policy/pattern.ts');
  return parsePattern(pattern);
}

/**
 * What the flags demand of the signer.
 * @throws StellaError USAGE for flags that exclude each other, or would demand less than they seem to
 */
export async function signerRulesOf(
  given: SignerOptions,
): Promise<{ readonly identity: IdentityRule; readonly claims: readonly ClaimRule[] }> {
  const options = withoutAliases(given);
  const source = placesOf(options);
  const claims = claimsOf(options, source);
  const signer = await subjectOf(options);
  const issuer =
    (await textRuleOf(
      options.certificateOidcIssuer,
      options.certificateOidcIssuerRegexp,
      '--certificate-oidc-issuer',
    )) ?? impliedBy([source.source_repository, source.source_owner, signer.place], claims);
  const identity: IdentityRule = { subject: signer.subject, issuer };
  if (options.anyIdentity && (!isIdentityRuleEmpty(identity) || demandsSource(claims)))
    throw new StellaError('USAGE', '--any-identity and rules about the identity exclude each other');
  return { identity, claims };
}

interface Source {
  readonly source_repository?: NamedPlace;
  readonly source_owner?: NamedPlace;
}

const placesOf = ({ repo, owner }: SignerOptions): Source => ({
  ...(repo === undefined ? {} : { source_repository: parseRepository(repo, '--repo') }),
  ...(owner === undefined ? {} : { source_owner: parseOwner(owner, '--owner') }),
});

function claimsOf(options: SignerOptions, source: Source): ClaimRule[] {
  const rules = Object.entries(source).map(([name, { uri }]: [string, NamedPlace]) =>
    makeClaimRule(name, [uri]),
  );
  for (const [name, option] of CLAIM_FLAGS) {
    const text = options[option];
    if (text !== undefined) rules.push(makeClaimRule(name, [text]));
  }
  if (options.denySelfHostedRunners) rules.push(makeClaimRule('runner_environment', HOSTED_RUNNERS));
  for (const text of options.claim ?? []) {
    const at = text.indexOf('=');
    if (at < 1)
      throw new StellaError('USAGE', `--claim takes NAME=VALUE, not ${excerpt(text)}`, {
        hint: 'e.g. --claim source_ref=refs/heads/main',
      });
    rules.push(makeClaimRule(text.slice(0, at), [text.slice(at + 1)]));
  }
  checkEachOnce(rules);
  return rules;
}

async function subjectOf(
  options: SignerOptions,
): Promise<{ readonly subject: TextRule | undefined; readonly place?: Pick<NamedPlace, 'issuer' | 'uri'> }> {
  const { signerRepo, signerWorkflow, certificateIdentity, certificateIdentityRegexp } = options;
  const subject = await textRuleOf(certificateIdentity, certificateIdentityRegexp, '--certificate-identity');
  if ([subject, signerRepo, signerWorkflow].filter((each) => each !== undefined).length > 1)
    throw new StellaError(
      'USAGE',
      'give one of --certificate-identity, --certificate-identity-regexp, --signer-repo and --signer-workflow',
    );
  if (signerRepo !== undefined) {
    const place = parseRepository(signerRepo, '--signer-repo');
    return { subject: signedIn(place), place };
  }
  if (signerWorkflow === undefined) return { subject };
  return parseWorkflow(signerWorkflow, '--signer-workflow');
}

/** Who vouches for what these places are said to have built. A name without that would say less than it seems to. */
function impliedBy(
  given: readonly (NamedPlace | undefined)[],
  claims: readonly ClaimRule[],
): TextRule | undefined {
  const places = given.filter((place) => place !== undefined);
  const unknown = places.find(({ issuer }) => issuer === undefined);
  if (unknown)
    throw new StellaError('USAGE', `which OIDC issuer vouches for ${unknown.uri} is not known`, {
      hint: "give --certificate-oidc-issuer URL: the verdict's issuer shows what the certificate has",
    });
  const byClaims = impliedIssuer(claims);
  const issuers = new Set(places.map(({ issuer }) => issuer));
  if (byClaims !== undefined) issuers.add(byClaims);
  if (issuers.size > 1)
    throw new StellaError('USAGE', 'what is demanded is on hosts of different OIDC issuers', {
      hint: 'one certificate has one issuer: give --certificate-oidc-issuer URL',
    });
  const [issuer] = issuers;
  return issuer === undefined ? undefined : { exactly: issuer, implied: true };
}
