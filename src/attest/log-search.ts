import { formatHex } from '../base/bytes.ts';
import type { Instant } from '../base/clock.ts';
import { isStellaError } from '../base/errors.ts';
import { parsePublicKey } from '../base/keys.ts';
import { parseLoneEntry } from './evidence/log-entry.ts';
import { parseCertificate } from './x509/certificate.ts';
import { identityIn } from './x509/identity.ts';

/** Who made a signature that a log entry records, as the entry says. */
export interface LoggedSigner {
  /** Of a certificate: its subject alternative name, and Fulcio's issuer. */
  readonly identity?: string;
  readonly issuer?: string;
  /** When the certificate began to be valid, which for Fulcio's is the time of signing. */
  readonly since?: Instant;
  /** Of a bare key: SHA-256 of its SubjectPublicKeyInfo, in hexadecimal. */
  readonly keyId?: string;
}

/** What a Rekor entry (hashedrekord, dsse, intoto) records. */
export interface LoggedSignature {
  /** Kind and version, e.g. `hashedrekord 0.0.2`. */
  readonly kind: string;
  /** `sha256:…` of the artifact, or for dsse and intoto of the payload. */
  readonly digest: string;
  readonly signers: readonly LoggedSigner[];
}

/** What to look for; everything given must fit. */
export interface LogFilter {
  readonly identity?: string | undefined;
  readonly digest?: string | undefined;
  readonly since?: Instant | undefined;
}

/**
 * The content of a log's entry → what it records; `undefined` for anything that is not such an entry of Rekor's, which a
 * log may well hold.
 */
export function describeEntry(bytes: Uint8Array): LoggedSignature | undefined {
  try {
    const { kind, version, claim } = parseLoneEntry(bytes);
    return {
      kind: `${kind} ${version}`,
      digest: `${claim.hash}:${formatHex(claim.digest)}`,
      signers: claim.signatures.map(({ verifier }) => describeSigner(verifier)),
    };
  } catch (error) {
    if (isStellaError(error)) return undefined;
    throw error;
  }
}

function describeSigner(verifier: Buffer): LoggedSigner {
  try {
    const certificate = parseCertificate(verifier);
    const { subject, issuer } = identityIn(certificate);
    return { identity: subject, ...(issuer === undefined ? {} : { issuer }), since: certificate.notBefore };
  } catch (error) {
    if (!isStellaError(error)) throw error;
    return { keyId: parsePublicKey(verifier).id };
  }
}

/** Whether the digest of an entry may be that of an artifact; else it is of a payload or an envelope. */
export function isOfArtifact({ kind }: LoggedSignature): boolean {
  return kind.startsWith('hashedrekord ');
}

/** Whether an entry fits; one that records no time does not fit a `since`. */
export function isWanted({ digest, signers }: LoggedSignature, filter: LogFilter): boolean {
  if (filter.digest !== undefined && digest !== filter.digest) return false;
  return signers.some(
    ({ identity, keyId, since }) =>
      (filter.identity === undefined || [identity, keyId].includes(filter.identity)) &&
      (filter.since === undefined || (since !== undefined && since >= filter.since)),
  );
}
