import { isStellaError, type StellaError } from '../base/errors.ts';
import { isLogNamed } from './authority/material.ts';
import type { BlockedInstance, VerifierTrust } from './authority/verifier-trust.ts';
import type { Attestation } from './document/attestation.ts';
import { type Certificate, parseCertificate } from './x509/certificate.ts';

/**
 * The instance that an attestation would be judged by if anything of that instance was believed: by the issuer that its
 * certificate names, or by its log. What is refused anyway is only told why by this.
 */
export function blockedInstanceOf(
  { signer, entries }: Attestation,
  { blocked }: Pick<VerifierTrust, 'blocked'>,
): BlockedInstance | undefined {
  if (blocked.length === 0) return undefined;
  const certificate = signer.kind === 'certificate' ? readable(signer.certificates[0]!) : undefined;
  return blocked.find(
    ({ authorities, logs }) =>
      (certificate !== undefined &&
        authorities.some(({ chain }) =>
          chain.some((member) => member.certificate.subject.equals(certificate.issuer)),
        )) ||
      entries.some(({ logId }) => logs.some((log) => isLogNamed(log, logId))),
  );
}

/** The refusal of an attestation of such an instance: the code says what is wrong with the instance. */
export function refusedAsBlocked({ name, error }: BlockedInstance, cause: StellaError): StellaError {
  return error.with({ hint: [...error.hints], details: { instance: name, found: cause.code } });
}

function readable(der: Buffer): Certificate | undefined {
  try {
    return parseCertificate(der);
  } catch (error) {
    if (isStellaError(error)) return undefined;
    throw error;
  }
}
