import { excerpt } from '../../base/bytes.ts';
import { StellaError } from '../../base/errors.ts';
import { nearest } from '../../base/nearest.ts';
import { CLAIMS, type ClaimName, FULCIO_ARC, MAX_CLAIM_BYTES } from '../x509/claims.ts';
import type { CertificateIdentity } from '../x509/identity.ts';
import type { IdentityRule } from './identity-rule.ts';
import { nearMiss } from './near-miss.ts';
import { issuerOf } from './place.ts';

/** A claim that the certificate must have, with one of these texts. Texts are compared as a whole, and exactly. */
export interface ClaimRule {
  readonly name: ClaimName;
  readonly anyOf: readonly string[];
}

const MAX_TEXTS = 100;
const CONTROL = /\p{Cc}/u;
const HALF_PAIR = /\p{Cs}/u;

/** What people call claims by: our name, Fulcio's title however its words are joined, the extension. */
const spelling = (text: string) => text.toLowerCase().replaceAll(/[ _-]/g, '');
const NAMES: ReadonlyMap<string, ClaimName> = new Map(
  CLAIMS.flatMap(({ number, name, title }) =>
    [name, title, `${FULCIO_ARC}.${number}`].map((text): [string, ClaimName] => [spelling(text), name]),
  ),
);

/**
 * The claim that is called so: `source_ref`, `Source Repository Ref`, `sourceRepositoryRef`, `1.3.6.1.4.1.57264.1.14`.
 * @throws StellaError USAGE for what is none, with the nearest
 */
export function parseClaimName(text: string): ClaimName {
  const known = NAMES.get(spelling(text));
  if (known !== undefined) return known;
  if (/^issuer/i.test(text))
    throw new StellaError('USAGE', 'the issuer is no claim: it is a part of the identity', {
      hint: 'give --certificate-oidc-issuer URL; in a policy, identities with an issuer',
    });
  const names = CLAIMS.map(({ name }) => name);
  const near = nearest(text, names);
  throw new StellaError('USAGE', `certificates have no claim ${excerpt(text)}`, {
    hint: [...(near === undefined ? [] : [`did you mean ${near}?`]), `claims are ${names.join(', ')}`],
  });
}

/**
 * The rule that a claim must have one of these texts.
 * @throws StellaError USAGE for an unknown name, no text, an empty one, or one that no claim can have
 */
export function makeClaimRule(name: string, anyOf: readonly string[]): ClaimRule {
  const claim = parseClaimName(name);
  if (anyOf.length === 0 || anyOf.length > MAX_TEXTS)
    throw new StellaError('USAGE', `the claim ${claim} takes 1 to ${MAX_TEXTS} texts`);
  for (const text of anyOf) {
    // An empty one would be a variable that was not set.
    if (typeof text !== 'string' || text === '')
      throw new StellaError('USAGE', `the claim ${claim} takes a text, which is empty here`);
    if (CONTROL.test(text) || HALF_PAIR.test(text) || Buffer.byteLength(text) > MAX_CLAIM_BYTES)
      throw new StellaError('USAGE', `no certificate's ${claim} is ${excerpt(text)}`, {
        hint: `a claim is text of at most ${MAX_CLAIM_BYTES} bytes without control characters`,
      });
  }
  return { name: claim, anyOf: [...anyOf] };
}

/** @throws StellaError USAGE for a claim that is there twice */
export function checkEachOnce(rules: readonly ClaimRule[]): void {
  const seen = new Set<ClaimName>();
  for (const { name } of rules) {
    if (seen.has(name))
      throw new StellaError('USAGE', `the claim ${name} is demanded twice`, {
        hint: 'demand each claim once; a policy takes a list where any of several will do',
      });
    seen.add(name);
  }
}

/** Claims that say whose source it is; a host's name in them says which issuer may vouch for that. */
const SOURCES: ReadonlyMap<ClaimName, (text: string) => string | undefined> = new Map([
  ['source_repository', issuerOf],
  ['source_owner', issuerOf],
  ['github_workflow_repository', () => issuerOf('https://github.com/')],
]);

/**
 * The issuer that rules about the source imply: what another issuer says about a repository of GitHub counts for nothing.
 * `undefined` where they say nothing of it, or name hosts whose issuer is not known.
 * @throws StellaError USAGE where they name hosts of several issuers: which vouches for which would be open
 */
export function impliedIssuer(rules: readonly ClaimRule[] | undefined): string | undefined {
  const issuers = new Set(
    (rules ?? []).flatMap(({ name, anyOf }) => {
      const issuer = SOURCES.get(name);
      return issuer ? anyOf.map(issuer) : [];
    }),
  );
  if (issuers.size > 1)
    throw new StellaError('USAGE', 'the sources that are demanded are on hosts of different OIDC issuers', {
      hint: 'demand the issuer, too: --certificate-oidc-issuer URL; in a policy, identities with an issuer',
    });
  return [...issuers][0];
}

/** The identity rule, with the issuer that the claims imply unless it has one of its own. */
export function withImpliedIssuer(
  identity: IdentityRule | undefined,
  rules: readonly ClaimRule[] | undefined,
): IdentityRule | undefined {
  if (identity?.issuer !== undefined) return identity;
  const issuer = impliedIssuer(rules);
  return issuer === undefined ? identity : { ...identity, issuer: { exactly: issuer, implied: true } };
}

const REPOSITORIES: ReadonlySet<ClaimName> = new Set(['source_repository', 'github_workflow_repository']);

/** Whether the rules say of which repository it is built. */
export const demandsRepository = (rules: readonly ClaimRule[] | undefined): boolean =>
  rules?.some(({ name }) => REPOSITORIES.has(name)) ?? false;

/** Whether the rules say whose source it is built from: of which repository, or at least of which owner. */
export const demandsSource = (rules: readonly ClaimRule[] | undefined): boolean =>
  rules?.some(({ name }) => SOURCES.has(name)) ?? false;

/** What about a claim is not as a rule demands it. */
export interface ClaimMismatch {
  readonly message: string;
  readonly hint?: string | undefined;
  readonly difference: {
    readonly field: ClaimName;
    readonly expected: string | readonly string[];
    readonly found: string | null;
  };
}

/** @throws StellaError CLAIM_MISMATCH naming the claim, what was required and what was found */
export function checkClaims(found: CertificateIdentity | undefined, rules: readonly ClaimRule[]): void {
  const mismatch = claimMismatch(found, rules);
  if (!mismatch) return;
  const { message, hint, difference } = mismatch;
  throw new StellaError('CLAIM_MISMATCH', message, {
    details: difference,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** The first claim that is not as the rules demand; `undefined` where all are. */
export function claimMismatch(
  found: CertificateIdentity | undefined,
  rules: readonly ClaimRule[],
): ClaimMismatch | undefined {
  for (const rule of rules) {
    const mismatch = mismatchWith(found, rule);
    if (mismatch) return mismatch;
  }
  return undefined;
}

function mismatchWith(
  identity: CertificateIdentity | undefined,
  { name, anyOf }: ClaimRule,
): ClaimMismatch | undefined {
  const wanted = anyOf.join(' or ');
  const expected = anyOf.length === 1 ? wanted : anyOf;
  const absent = (message: string, hint?: string): ClaimMismatch => ({
    message: `${message}, required is ${wanted}`,
    hint,
    difference: { field: name, expected, found: null },
  });
  if (!identity) return absent(`the attestation is signed with a key, which has no claim ${name}`);
  const problem = identity.unusableClaims[name];
  if (problem !== undefined) return absent(`the certificate's ${name} cannot be used (${problem})`);
  const found = identity.claims[name];
  if (found === undefined) {
    const twin = TWINS.get(name);
    const other = twin && identity.claims[twin];
    return absent(
      `the certificate has no ${name}`,
      other === undefined ? undefined : `it has ${twin} ${excerpt(other, 200)}`,
    );
  }
  if (anyOf.includes(found)) return undefined;
  return {
    message: `the certificate's ${name} is ${CONTROL.test(found) ? excerpt(found, 200) : found}, required is ${wanted}`,
    hint: nearMiss(found, anyOf),
    difference: { field: name, expected, found },
  };
}

/** The claim that another version of Fulcio has instead. */
const TWINS: ReadonlyMap<ClaimName, ClaimName> = new Map(
  (
    [
      ['github_workflow_trigger', 'build_trigger'],
      ['github_workflow_sha', 'source_digest'],
      ['github_workflow_repository', 'source_repository'],
      ['github_workflow_ref', 'source_ref'],
    ] as const
  ).flatMap(([older, newer]): [ClaimName, ClaimName][] => [
    [older, newer],
    [newer, older],
  ]),
);
