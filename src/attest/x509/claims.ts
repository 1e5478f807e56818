import { parseUtf8 } from '../../base/bytes.ts';
import { isStellaError, StellaError } from '../../base/errors.ts';
import { type Table, table } from '../../base/table.ts';
import type { Certificate } from './certificate.ts';
import { DerReader, oidOf, TAG } from './der.ts';

export const FULCIO_ARC = '1.3.6.1.4.1.57264.1';

/** A claim that Fulcio puts into certificates, as verdicts, flags and policies call it; docs/claims.md lists them. */
export type ClaimName =
  | 'github_workflow_trigger'
  | 'github_workflow_sha'
  | 'github_workflow_name'
  | 'github_workflow_repository'
  | 'github_workflow_ref'
  | 'build_signer_uri'
  | 'build_signer_digest'
  | 'runner_environment'
  | 'source_repository'
  | 'source_digest'
  | 'source_ref'
  | 'source_repository_id'
  | 'source_owner'
  | 'source_owner_id'
  | 'build_config_uri'
  | 'build_config_digest'
  | 'build_trigger'
  | 'run_invocation_uri'
  | 'source_visibility'
  | 'deployment_environment'
  | 'token_subject';

interface ClaimFacts {
  /** N of the extension {@link FULCIO_ARC}.N */
  readonly number: number;
  readonly name: ClaimName;
  /** Its title in Fulcio's docs/oid-info.md. */
  readonly title: string;
}

const TITLES: Readonly<Record<ClaimName, readonly [number: number, title: string]>> = {
  github_workflow_trigger: [2, 'GitHub Workflow Trigger'],
  github_workflow_sha: [3, 'GitHub Workflow SHA'],
  github_workflow_name: [4, 'GitHub Workflow Name'],
  github_workflow_repository: [5, 'GitHub Workflow Repository'],
  github_workflow_ref: [6, 'GitHub Workflow Ref'],
  build_signer_uri: [9, 'Build Signer URI'],
  build_signer_digest: [10, 'Build Signer Digest'],
  runner_environment: [11, 'Runner Environment'],
  source_repository: [12, 'Source Repository URI'],
  source_digest: [13, 'Source Repository Digest'],
  source_ref: [14, 'Source Repository Ref'],
  source_repository_id: [15, 'Source Repository Identifier'],
  source_owner: [16, 'Source Repository Owner URI'],
  source_owner_id: [17, 'Source Repository Owner Identifier'],
  build_config_uri: [18, 'Build Config URI'],
  build_config_digest: [19, 'Build Config Digest'],
  build_trigger: [20, 'Build Trigger'],
  run_invocation_uri: [21, 'Run Invocation URI'],
  source_visibility: [22, 'Source Repository Visibility At Signing'],
  deployment_environment: [23, 'Deployment Environment'],
  token_subject: [24, 'Token Subject'],
};

/** All of them, in the order of their numbers. 1 and 8 are the issuer, 7 is a kind of subject. */
export const CLAIMS: readonly ClaimFacts[] = (Object.keys(TITLES) as ClaimName[]).map((name) => ({
  number: TITLES[name][0],
  name,
  title: TITLES[name][1],
}));

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
