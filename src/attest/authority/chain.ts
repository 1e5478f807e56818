import { hash } from 'node:crypto';
import { earliest, formatInstant, type Instant, latest } from '../../base/clock.ts';
import { isStellaError, StellaError } from '../../base/errors.ts';
import type { PublicKey } from '../../base/keys.ts';
import {
  authorityOf,
  type Certificate,
  claimsAuthority,
  hasKeyUsage,
  isSignedBy,
  PURPOSE,
  parseCertificate,
  publicKeyIn,
  purposesOf,
} from '../x509/certificate.ts';
import { type CertificateIdentity, identityIn } from '../x509/identity.ts';
import type { ChainMember, TrustedAuthority, VerifierInstance } from './material.ts';
import { checkScts, parseScts, type ShownSct } from './sct.ts';

/**
 * Checks a chain from a trusted root, leaf first: each certificate is signed by the next, which must be a CA; the last
 * one is the trust anchor and is believed.
 * @throws StellaError CERTIFICATE_INVALID, CERTIFICATE_UNTRUSTED
 */
export function loadAuthority(
  uri: string,
  chain: readonly Buffer[],
  validFrom: Instant,
  validUntil: Instant,
): TrustedAuthority {
  if (chain.length === 0) throw new StellaError('CERTIFICATE_INVALID', 'an authority has no certificates');
  const members = chain.map((der): ChainMember => {
    const certificate = parseCertificate(der);
    return { certificate, key: publicKeyIn(certificate), ...authorityOf(certificate) };
  });
  let [from, until] = [validFrom, validUntil];
  for (const [i, { certificate }] of members.entries()) {
    const issuer = members[i + 1];
    // RFC 5280 §4.2.1.9: the authorities between this issuer and whoever signs, which a TSA's own certificate is not.
    const between = members.slice(0, i + 1).filter(({ isAuthority }) => isAuthority).length;
    if (issuer) checkIssued(certificate, issuer, between);
    else if (certificate.issuer.equals(certificate.subject) && !isSignedBy(certificate, members[i]!.key))
      throw new StellaError(
        'CERTIFICATE_UNTRUSTED',
        'a root certificate of the trusted root is not signed by itself',
      );
    from = latest(from, certificate.notBefore);
    until = earliest(until, certificate.notAfter);
  }
  return { uri, chain: members, validFrom: from, validUntil: until };
}

function checkIssued(certificate: Certificate, issuer: ChainMember, between: number): void {
  if (
    !issuer.isAuthority ||
    issuer.pathLength < between ||
    !issuer.certificate.subject.equals(certificate.issuer) ||
    !isSignedBy(certificate, issuer.key)
  )
    throw new StellaError(
      'CERTIFICATE_UNTRUSTED',
      'a certificate chain of the trusted root does not hold together',
    );
}

interface Issuer {
  readonly instance: VerifierInstance;
  readonly authority: TrustedAuthority;
  readonly key: PublicKey;
}

/** A signing certificate that chains to a trusted authority. What depends on the signing time is still to be judged. */
export interface JudgedCertificate {
  readonly certificate: Certificate;
  readonly key: PublicKey;
  readonly identity: CertificateIdentity;
  /** The authorities that issued it, with the key that did. */
  readonly issuers: readonly Issuer[];
  /** The instances that these authorities belong to; several where trusted roots name the same authority. */
  readonly instances: readonly VerifierInstance[];
  /** SCTs of CT logs that vouch for it, or why there is none; `none-needed` where neither trust nor certificate know any. */
  readonly sct: readonly ShownSct[] | 'none-needed' | StellaError;
}

const MAX_REMEMBERED = 4096;

/** Judges signing certificates, each only once however many attestations carry it. */
export class CertificateJudge {
  readonly #instances: readonly VerifierInstance[];
  readonly #authorities: readonly TrustedAuthority[];
  readonly #judged = new Map<string, JudgedCertificate>();

  constructor(instances: readonly VerifierInstance[]) {
    this.#instances = instances;
    this.#authorities = instances.flatMap(({ authorities }) => authorities);
  }

  /**
   * @param chain what the attestation carries, leaf first; further certificates are checked, never trusted
   * @throws StellaError CERTIFICATE_INVALID, CERTIFICATE_UNTRUSTED
   */
  judge(chain: readonly Buffer[]): JudgedCertificate {
    const id = chain.map((der) => hash('sha256', der, 'base64')).join();
    const known = this.#judged.get(id);
    if (known) return known;
    const judged = this.#judge(chain);
    if (this.#judged.size >= MAX_REMEMBERED) this.#judged.clear();
    this.#judged.set(id, judged);
    return judged;
  }

  #judge(chain: readonly Buffer[]): JudgedCertificate {
    const certificate = parseCertificate(chain[0]!);
    this.#checkRest(certificate, chain.slice(1));
    checkPurpose(certificate);
    const identity = identityIn(certificate);
    const issuers = this.#issuersOf(certificate);
    return {
      certificate,
      key: publicKeyIn(certificate),
      identity,
      issuers,
      instances: [...new Set(issuers.map(({ instance }) => instance))],
      sct: sctOf(certificate, issuers),
    };
  }

  /** Intermediates that came along must belong to the leaf, or be trusted ones anyway; trust never comes from them. */
  #checkRest(leaf: Certificate, rest: readonly Buffer[]): void {
    const isTrusted = (der: Buffer) =>
      this.#authorities.some(({ chain }) => chain.some(({ certificate }) => certificate.der.equals(der)));
    const refuse = (): never => {
      throw new StellaError(
        'CERTIFICATE_INVALID',
        'the attestation carries a certificate that is not part of its chain',
      );
    };
    let below = leaf;
    for (const [i, der] of rest.entries()) {
      if (rest.slice(0, i).some((earlier) => earlier.equals(der))) refuse();
      if (isTrusted(der)) continue; // old bundles have superfluous ones
      const certificate = parseCertificate(der);
      if (!certificate.subject.equals(below.issuer) || !isSignedBy(below, publicKeyIn(certificate))) refuse();
      below = certificate;
    }
  }

  #issuersOf(certificate: Certificate): JudgedCertificate['issuers'] {
    const issuers: Issuer[] = [];
    const verified = new Map<string, boolean>();
    const all = this.#instances.flatMap((instance) =>
      instance.authorities.map((authority) => ({ instance, authority })),
    );
    for (const { instance, authority } of all) {
      for (const [above, member] of authority.chain.entries()) {
        if (!member.isAuthority || !member.certificate.subject.equals(certificate.issuer)) continue;
        const purposes = purposesOf(member.certificate);
        if (above === 0 && purposes && !purposes.includes(PURPOSE.codeSigning)) continue;
        let holds = verified.get(member.key.id);
        if (holds === undefined) {
          holds = isSignedBy(certificate, member.key);
          verified.set(member.key.id, holds);
        }
        if (holds) issuers.push({ instance, authority, key: member.key });
      }
    }
    if (issuers.length === 0)
      throw new StellaError('CERTIFICATE_UNTRUSTED', 'no trusted authority issued the signing certificate', {
        details: { trusted: this.#authorities.map(({ uri }) => uri) },
      });
    return issuers;
  }
}

/** Only CT logs of the instances that issued it vouch for it. */
function sctOf(certificate: Certificate, issuers: readonly Issuer[]): JudgedCertificate['sct'] {
  try {
    const needsSct = issuers.some(({ authority }) => authority.needsSct);
    if (!needsSct && parseScts(certificate).length === 0) return 'none-needed';
    const instances = new Set(issuers.map(({ instance }) => instance));
    return checkScts(
      certificate,
      issuers[0]!.key,
      [...instances].flatMap(({ ctLogs }) => ctLogs),
    );
  } catch (error) {
    if (isStellaError(error)) return error;
    throw error;
  }
}

function checkPurpose(leaf: Certificate): void {
  if (claimsAuthority(leaf))
    throw new StellaError('CERTIFICATE_INVALID', "the signing certificate is an authority's own");
  if (!purposesOf(leaf)?.includes(PURPOSE.codeSigning))
    throw new StellaError('CERTIFICATE_INVALID', 'the signing certificate is not for code signing');
  if (!hasKeyUsage(leaf, 0))
    throw new StellaError('CERTIFICATE_INVALID', 'the signing certificate is not for digital signatures');
}

/**
 * Checks that certificate and chain were valid at every one of the times.
 * @throws StellaError CERTIFICATE_EXPIRED
 */
export function checkValidAt(judged: JudgedCertificate, times: readonly Instant[]): void {
  const { notBefore, notAfter } = judged.certificate;
  for (const time of times) {
    if (time < notBefore || time > notAfter)
      throw new StellaError(
        'CERTIFICATE_EXPIRED',
        `signed at ${formatInstant(time)}, but the certificate was valid from ${formatInstant(notBefore)} to ${formatInstant(notAfter)}`,
      );
    if (!judged.issuers.some(({ authority }) => authority.validFrom <= time && time <= authority.validUntil))
      throw new StellaError(
        'CERTIFICATE_EXPIRED',
        `signed at ${formatInstant(time)}, when the authority that issued the certificate was not trusted`,
      );
  }
}
