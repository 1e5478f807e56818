import { StellaError } from '../../base/errors.ts';
import type { CertificateIdentity } from '../x509/identity.ts';
import { type IdentityRule, isIdentityRuleComplete } from './identity-rule.ts';
import { demandsIdentity, type PolicyRule } from './policy.ts';

/** For a shell: in single quotes, and never with what a terminal acts on. */
const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;
/** Control, formatting and other characters that are not seen for what they are. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/u;

/** What was said about who must have signed. */
export interface IdentityDemand {
  readonly identity?: IdentityRule | undefined;
  readonly rule?: PolicyRule | undefined;
  /** Whether it is required that subject and issuer of a certificate are demanded. */
  readonly requireIdentity?: boolean;
  /** Whether any signer will do where the trust is a public instance's, which certifies everyone. */
  readonly anyIdentity?: boolean;
}

/**
 * Checks that subject and issuer were demanded, where they must be.
 * @param isPublic whether the certificate is from a public instance
 * @throws StellaError IDENTITY_REQUIRED with what was found and how to demand it
 */
export function checkIdentityDemanded(
  found: CertificateIdentity,
  { identity, rule, requireIdentity, anyIdentity }: IdentityDemand,
  isPublic: boolean,
): void {
  if ((identity && isIdentityRuleComplete(identity)) || (rule && demandsIdentity(rule))) return;
  if (requireIdentity) throw identityRequired(found, 'configuration');
  if (isPublic && !anyIdentity) throw identityRequired(found, 'public instance');
}

function identityRequired(
  { subject, issuer }: CertificateIdentity,
  by: 'configuration' | 'public instance',
): StellaError {
  const isPrintable = issuer !== undefined && ![subject, issuer].some((text) => UNPRINTABLE.test(text));
  return new StellaError(
    'IDENTITY_REQUIRED',
    by === 'configuration'
      ? 'the configuration requires that subject and issuer of the signer are demanded, and they were not'
      : 'anyone can get a certificate of a public instance, so subject and issuer of the signer must be demanded',
    {
      hint: [
        `it is signed by ${subject}, issuer ${issuer ?? 'not named'}`,
        isPrintable
          ? `if that is who should have signed it, give --certificate-identity ${quoted(subject)} --certificate-oidc-issuer ${quoted(issuer)}, or --policy FILE`
          : 'give --certificate-identity and --certificate-oidc-issuer, or --policy FILE',
        ...(by === 'public instance' ? ['--any-identity accepts any signer'] : []),
      ],
      details: { found: { identity: subject, issuer: issuer ?? null } },
    },
  );
}
