import { StellaError } from '../../base/errors.ts';
import type { JudgedCertificate } from '../authority/chain.ts';
import type { AttestorKey } from '../authority/material.ts';
import type { AttestationCheckOutcome } from '../verdict/check-list.ts';
import type { CertificateIdentity } from '../x509/identity.ts';
import { checkClaims, withImpliedIssuer } from './claim-rule.ts';
import { checkIdentityDemanded, type IdentityDemand } from './identity-required.ts';
import { checkIdentity, type FitsText, isIdentityRuleEmpty } from './identity-rule.ts';

type Outcome = Omit<AttestationCheckOutcome, 'name'>;

/**
 * The check `identity`: who signed is who was demanded, and was demanded where that is required.
 * @param attestors the keys that signed, where there is no certificate
 * @throws StellaError IDENTITY_REQUIRED, IDENTITY_MISMATCH
 */
export function checkSigner(
  demand: IdentityDemand,
  certificate: JudgedCertificate | undefined,
  attestors: readonly AttestorKey[],
  fits: FitsText,
): Outcome {
  const wanted = withImpliedIssuer(demand.identity, demand.claims);
  const isEmpty = !wanted || isIdentityRuleEmpty(wanted);
  if (!certificate) {
    if (!isEmpty)
      throw new StellaError(
        'IDENTITY_MISMATCH',
        'an identity is required, but the attestation is signed with a key',
      );
    return { result: 'passed', detail: attestors.map(({ name }) => `key ${name}`).join(', ') };
  }
  const { identity, instances } = certificate;
  const publicInstance = instances.find(({ builtIn }) => builtIn !== undefined);
  checkIdentityDemanded(identity, demand, publicInstance?.name);
  if (isEmpty) return { result: 'not-checked', detail: 'no identity rule was given' };
  checkIdentity(identity, wanted, fits);
  const isSubject = wanted.subject !== undefined;
  return { result: 'passed', detail: isSubject ? identity.subject : `issuer ${identity.issuer}` };
}

/**
 * The check `claims`: the certificate claims what was demanded.
 * @throws StellaError CLAIM_MISMATCH
 */
export function checkDemandedClaims(
  { claims = [] }: IdentityDemand,
  identity: CertificateIdentity | undefined,
): Outcome {
  if (claims.length === 0) return { result: 'not-checked', detail: 'no claim was required' };
  checkClaims(identity, claims);
  return {
    result: 'passed',
    detail: claims.map(({ name }) => `${name} ${identity!.claims[name]}`).join(', '),
  };
}
