import { StellaError } from '../../base/errors.ts';
import { type Table, table } from '../../base/table.ts';
import { type Certificate, EXTENSION } from './certificate.ts';
import { DerReader, oidOf, TAG } from './der.ts';

/** Who signed, as a Fulcio certificate says it. */
export interface CertificateIdentity {
  /** The subject alternative name: a URI or an email address (or Fulcio's user name form). */
  readonly subject: string;
  /** The OIDC issuer. */
  readonly issuer: string | undefined;
  /** Fulcio's claims (1.3.6.1.4.1.57264.1.N), by their short names. */
  readonly claims: Table<string>;
}

const FULCIO = '1.3.6.1.4.1.57264.1.';
const ISSUER_V1 = oidOf(`${FULCIO}1`);
const ISSUER_V2 = oidOf(`${FULCIO}8`);
const OTHER_NAME_USER = oidOf(`${FULCIO}7`);

/** Fulcio's OID documentation, 1.3.6.1.4.1.57264.1.9 to .22. */
const CLAIMS: ReadonlyMap<string, string> = new Map(
  [
    [9, 'build_signer_uri'],
    [10, 'build_signer_digest'],
    [11, 'runner_environment'],
    [12, 'source_repository'],
    [13, 'source_digest'],
    [14, 'source_ref'],
    [15, 'source_repository_id'],
    [16, 'source_owner'],
    [17, 'source_owner_id'],
    [18, 'build_config_uri'],
    [19, 'build_config_digest'],
    [20, 'build_trigger'],
    [21, 'run_invocation_uri'],
    [22, 'source_visibility'],
  ].map(([number, name]) => [oidOf(`${FULCIO}${number}`), String(name)]),
);

const code = 'CERTIFICATE_INVALID';

/** The identity in a signing certificate. @throws StellaError CERTIFICATE_INVALID without exactly one name */
export function identityIn(certificate: Certificate): CertificateIdentity {
  const claims: [string, string][] = [];
  for (const [oid, name] of CLAIMS) {
    const extension = certificate.extensions.get(oid);
    if (extension) claims.push([name, utf8In(extension.value)]);
  }
  const v2 = certificate.extensions.get(ISSUER_V2);
  const v1 = certificate.extensions.get(ISSUER_V1);
  const issuer = v2 ? utf8In(v2.value) : v1?.value.toString('utf8');
  return { subject: subjectIn(certificate), issuer, claims: table(Object.fromEntries(claims)) };
}

/** The text of a DER UTF8String. */
function utf8In(value: Buffer): string {
  const reader = new DerReader(value, code);
  const text = reader.content(reader.next(TAG.utf8String)).toString('utf8');
  reader.finish();
  return text;
}

function subjectIn(certificate: Certificate): string {
  const extension = certificate.extensions.get(EXTENSION.subjectAltName);
  if (!extension) throw new StellaError(code, 'the certificate names nobody (no subject alternative name)');
  const names: string[] = [];
  for (const reader = new DerReader(extension.value, code).enter(TAG.sequence); !reader.isDone(); ) {
    const element = reader.next();
    switch (element.tag) {
      case 0x81: // rfc822Name
      case 0x86: // uniformResourceIdentifier
        names.push(reader.content(element).toString('utf8'));
        break;
      case 0xa0: {
        // otherName: Fulcio's user names
        const inside = reader.inside(element);
        if (inside.oid() !== OTHER_NAME_USER) break;
        const wrapped = inside.enter(0xa0);
        names.push(wrapped.content(wrapped.next(TAG.utf8String)).toString('utf8'));
      }
    }
  }
  // With several names, which of them a rule is compared with would be the signer's choice.
  if (names.length !== 1)
    throw new StellaError(code, `the certificate has ${names.length} usable names where one belongs`);
  return names[0]!;
}
