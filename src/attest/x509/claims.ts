import { parseUtf8 } from '../../base/bytes.ts';
import { isStellaError, StellaError } from '../../base/errors.ts';
import { type Table, table } from '../../base/table.ts';
import type { Certificate } from './certificate.ts';
import { DerReader, oidOf, TAG } from './der.ts';

export const FULCIO_ARC = '1.3.6.1.4.1.57264.1';

/**
 * The claims that Fulcio puts into certificates (extension {@link FULCIO_ARC}.N), by the names that verdicts, flags and
 * policies call them by. Fulcio's docs/oid-info.md has the title of each; 1 and 8 are the issuer, 7 is a kind of subject.
 */
export const CLAIMS = [
  { number: 2, name: 'github_workflow_trigger', title: 'GitHub Workflow Trigger' },
  { number: 3, name: 'github_workflow_sha', title: 'GitHub Workflow SHA' },
  { number: 4, name: 'github_workflow_name', title: 'GitHub Workflow Name' },
  { number: 5, name: 'github_workflow_repository', title: 'GitHub Workflow Repository' },
  { number: 6, name: 'github_workflow_ref', title: 'GitHub Workflow Ref' },
  { number: 9, name: 'build_signer_uri', title: 'Build Signer URI' },
  { number: 10, name: 'build_signer_digest', title: 'Build Signer Digest' },
  { number: 11, name: 'runner_environment', title: 'Runner Environment' },
  { number: 12, name: 'source_repository', title: 'Source Repository URI' },
  { number: 13, name: 'source_digest', title: 'Source Repository Digest' },
  { number: 14, name: 'source_ref', title: 'Source Repository Ref' },
  { number: 15, name: 'source_repository_id', title: 'Source Repository Identifier' },
  { number: 16, name: 'source_owner', title: 'Source Repository Owner URI' },
  { number: 17, name: 'source_owner_id', title: 'Source Repository Owner Identifier' },
  { number: 18, name: 'build_config_uri', title: 'Build Config URI' },
  { number: 19, name: 'build_config_digest', title: 'Build Config Digest' },
  { number: 20, name: 'build_trigger', title: 'Build Trigger' },
  { number: 21, name: 'run_invocation_uri', title: 'Run Invocation URI' },
  { number: 22, name: 'source_visibility', title: 'Source Repository Visibility At Signing' },
  { number: 23, name: 'deployment_environment', title: 'Deployment Environment' },
  { number: 24, name: 'token_subject', title: 'Token Subject' },
] as const;

export type ClaimName = (typeof CLAIMS)[number]['name'];

/** The last number whose value is the text itself; later ones are a DER UTF8String (Fulcio's oid-info.md). */
const LAST_RAW = 6;
/** Bytes of a value. Real ones are addresses and digests. */
export const MAX_CLAIM_BYTES = 4096;

const OIDS: readonly (readonly [oid: string, name: ClaimName, isRaw: boolean])[] = CLAIMS.map(
  ({ number, name }) => [oidOf(`${FULCIO_ARC}.${number}`), name, number <= LAST_RAW],
);

/** What a certificate claims. A claim is in one of the two, or the certificate does not have it. */
export interface CertificateClaims {
  /** By {@link ClaimName}. */
  readonly claims: Table<string>;
  /** Why a claim that is there counts as none: what is wrong with it, and its value, escaped. */
  readonly unusableClaims: Table<string>;
}

/** Reads every claim. One that is malformed is never compared with anything, and does not hide the others. */
export function claimsIn({ extensions }: Pick<Certificate, 'extensions'>): CertificateClaims {
  const claims: [string, string][] = [];
  const unusable: [string, string][] = [];
  for (const [oid, name, isRaw] of OIDS) {
    const extension = extensions.get(oid);
    if (!extension) continue;
    try {
      claims.push([name, isRaw ? textIn(extension.value) : derTextIn(extension.value)]);
    } catch (error) {
      if (!isStellaError(error)) throw error;
      unusable.push([name, `${error.message}: ${escapedBytes(extension.value)}`]);
    }
  }
  return { claims: table(Object.fromEntries(claims)), unusableClaims: table(Object.fromEntries(unusable)) };
}

const MAX_SHOWN_BYTES = 120;

/** The first bytes of what is no text: printable ASCII as it is, everything else as `\\xHH`. */
function escapedBytes(value: Buffer): string {
  const shown = value.toString('latin1', 0, MAX_SHOWN_BYTES);
  const escaped = shown.replace(
    /[^\x20-\x5b\x5d-\x7e]/g,
    (byte) => `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
  return value.length > MAX_SHOWN_BYTES ? `${escaped}…` : escaped;
}

/** The text of a DER UTF8String. @throws StellaError CERTIFICATE_INVALID */
export function derTextIn(value: Buffer): string {
  const reader = new DerReader(value, 'CERTIFICATE_INVALID');
  const text = reader.content(reader.next(TAG.utf8String));
  reader.finish();
  return textIn(text);
}

/** @throws StellaError CERTIFICATE_INVALID for what is not UTF-8, or too long */
export function textIn(bytes: Buffer): string {
  if (bytes.length > MAX_CLAIM_BYTES)
    throw new StellaError('CERTIFICATE_INVALID', `longer than ${MAX_CLAIM_BYTES} bytes`);
  return parseUtf8(bytes, 'CERTIFICATE_INVALID');
}
