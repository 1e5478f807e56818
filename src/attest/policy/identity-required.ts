import { StellaError } from '../../base/errors.ts';
import type { CertificateIdentity } from '../x509/identity.ts';
import { type ClaimRule, demandsRepository, demandsSource, withImpliedIssuer } from './claim-rule.ts';
import { type IdentityRule, isIdentityRuleComplete } from './identity-rule.ts';
import { issuerOf } from './place.ts';
import { demandsIdentity, type PolicyRule } from './policy.ts';

/** For a shell: in single quotes, and never with what a terminal acts on. */
const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
/** Control, formatting and other characters that are not seen for what they are. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/u;

/** What was said about who must have signed. */
export interface IdentityDemand {
  readonly identity?: IdentityRule | undefined;
  /** Claims that the signer's certificate must have. One about the source implies the issuer of its host. */
  readonly claims?: readonly ClaimRule[] | undefined;
  readonly rule?: PolicyRule | undefined;
  /** Whether it is required that subject and issuer of a certificate are demanded, or the source repository. */
  readonly requireIdentity?: boolean;
  /** Whether any signer will do where the certificate is of a public instance, which certifies everyone. */
  readonly anyIdentity?: boolean;
}

/**
 * Checks that the signer was demanded, where that is required: by subject and issuer, or by the source and the issuer
 * that vouches for it.
 * @param publicInstance the built-in public instance that the certificate is of, if it is of one
 * @throws StellaError IDENTITY_REQUIRED with what was found and how to demand it
 */
export function checkIdentityDemanded(
  found: CertificateIdentity,
  { identity, claims, rule, requireIdentity, anyIdentity }: IdentityDemand,
  publicInstance: string | undefined,
): void {
  if (identity && isIdentityRuleComplete(identity)) return;
  const hasIssuer = withImpliedIssuer(identity, claims)?.issuer !== undefined;
  const isDemanded = (demandsIt: typeof demandsSource) =>
    (hasIssuer && demandsIt(claims)) || (rule !== undefined && demandsIdentity(rule, demandsIt));
  if (requireIdentity && !isDemanded(demandsRepository)) throw identityRequired(found, undefined);
  if (publicInstance !== undefined && !anyIdentity && !isDemanded(demandsSource))
    throw identityRequired(found, publicInstance);
}

function identityRequired(found: CertificateIdentity, publicInstance: string | undefined): StellaError {
  const { subject, issuer } = found;
  const repository = found.claims['source_repository'];
  const isPrintable =
    issuer !== undefined && ![subject, issuer, repository ?? ''].some((text) => UNPRINTABLE.test(text));
  const byRepository =
    repository !== undefined && issuerOf(repository) === issuer ? `--repo ${quoted(repository)}, or ` : '';
  return new StellaError(
    'IDENTITY_REQUIRED',
    publicInstance === undefined
      ? 'the configuration requires that the signer is demanded, by subject and issuer or by source repository, and it was not'
      : `anyone can get a certificate of a public instance (${publicInstance}), so the signer must be demanded, by subject and issuer or by source repository`,
    {
      hint: [
        `it is signed by ${subject}, issuer ${issuer ?? 'not named'}${repository === undefined ? '' : `, built from ${repository}`}`,
        isPrintable
          ? `if that is who should have signed it, give ${byRepository}--certificate-identity ${quoted(subject)} --certificate-oidc-issuer ${quoted(issuer)}, or --policy FILE`
          : 'give --certificate-identity and --certificate-oidc-issuer, or --policy FILE',
        ...(publicInstance === undefined ? [] : ['--any-identity accepts any signer']),
      ],
      details: {
        found: { identity: subject, issuer: issuer ?? null, source_repository: repository ?? null },
      },
    },
  );
}
