import { StellaError } from '../../base/errors.ts';
import { type Certificate, EXTENSION } from './certificate.ts';
import { type CertificateClaims, claimsIn, derTextIn, FULCIO_ARC, textIn } from './claims.ts';
import { DerReader, oidOf, TAG } from './der.ts';

/** Who signed, as a Fulcio certificate says it. */
export interface CertificateIdentity extends CertificateClaims {
  /** The subject alternative name: a URI or an email address (or Fulcio's user name form). */
  readonly subject: string;
  /** The OIDC issuer. */
  readonly issuer: string | undefined;
}

const ISSUER_V1 = oidOf(`${FULCIO_ARC}.1`);
const ISSUER_V2 = oidOf(`${FULCIO_ARC}.8`);
const OTHER_NAME_USER = oidOf(`${FULCIO_ARC}.7`);

const code = 'CERTIFICATE_INVALID';

/**
 * The identity in a signing certificate. Claims are read when they are asked for.
 * @throws StellaError CERTIFICATE_INVALID without exactly one name, or with two issuers
 */
export function identityIn(certificate: Certificate): CertificateIdentity {
  let read: CertificateClaims | undefined;
  const all = () => {
    read ??= claimsIn(certificate);
    return read;
  };
  return {
    subject: subjectIn(certificate),
    issuer: issuerIn(certificate),
    get claims() {
      return all().claims;
    },
    get unusableClaims() {
      return all().unusableClaims;
    },
  };
}

function issuerIn({ extensions }: Certificate): string | undefined {
  const v1 = extensions.get(ISSUER_V1);
  const v2 = extensions.get(ISSUER_V2);
  const [older, newer] = [v1 && textIn(v1.value), v2 && derTextIn(v2.value)];
  if (older !== undefined && newer !== undefined && older !== newer)
    throw new StellaError(code, 'the certificate names two different issuers');
  return newer ?? older;
}

function subjectIn(certificate: Certificate): string {
  const extension = certificate.extensions.get(EXTENSION.subjectAltName);
  if (!extension) throw new StellaError(code, 'the certificate has no subject alternative name');
  const names: string[] = [];
  for (const reader = new DerReader(extension.value, code).enter(TAG.sequence); !reader.isDone(); ) {
    const element = reader.next();
    switch (element.tag) {
      case 0x81: // rfc822Name
      case 0x86: // uniformResourceIdentifier
        names.push(textIn(reader.content(element)));
        break;
      case 0xa0: {
        // otherName: Fulcio's user names
        const inside = reader.inside(element);
        if (inside.oid() !== OTHER_NAME_USER) break;
        const wrapped = inside.enter(0xa0);
        names.push(textIn(wrapped.content(wrapped.next(TAG.utf8String))));
      }
    }
  }
  // With several names, which of them a rule is compared with would be the signer's choice.
  if (names.length !== 1)
    throw new StellaError(code, `the certificate has ${names.length} usable names where one belongs`);
  return names[0]!;
}
