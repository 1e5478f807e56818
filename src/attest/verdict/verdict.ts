/**
 * attest/verdict/: the answer about one attestation: what was checked, in which order, with which result, and its
 * JSON. It describes, and decides nothing: verify.ts fills it in. The JSON form (schemas/verdict.schema.json) is an
 * interface for other programs: members are added, never changed. It never leaves out a check: what was not reached or
 * not asked for says so.
 * Start here, then check-list.ts for the ordered list and verdict-json.ts for the document.
 */

import type { Instant } from '../../base/clock.ts';
import type { StellaError } from '../../base/errors.ts';
import type { KeyId } from '../../base/keys.ts';
import type { TrustOrigin, VerifierTrust } from '../authority/verifier-trust.ts';
import type { Attestation } from '../document/attestation.ts';
import type { Statement } from '../document/statement.ts';
import type { CertificateIdentity } from '../x509/identity.ts';
import { ATTESTATION_CHECKS, type AttestationCheckOutcome } from './check-list.ts';

/** How the attestation is shown to be in one log. */
export interface LogEvidence {
  readonly origin: string;
  readonly logId: string;
  readonly index: bigint;
  readonly shownBy: 'inclusion proof' | 'signed entry timestamp' | 'carried tiles';
  readonly treeSize?: bigint;
  /** Names of the witnesses whose cosignatures on the checkpoint hold. */
  readonly witnesses: readonly string[];
  /** Whether the log at that checkpoint is a part of the one that the trust holds a checkpoint of. */
  readonly consistency: 'shown' | 'not shown';
  readonly reason?: string;
}

export type VerifiedSigner =
  | { readonly kind: 'certificate'; readonly identity: CertificateIdentity }
  | { readonly kind: 'key'; readonly keyId: KeyId; readonly name: string };

/** The instance that certified the signer, and what it offers to show when: what it certifies must have that. */
export interface InstanceFacts {
  readonly name: string;
  /** The built-in public name that it was added by. */
  readonly builtIn?: string;
  /** `log entry` where it has a log, `timestamp` (RFC 3161, by its own authority) where it has none. */
  readonly shows: 'log entry' | 'timestamp';
}

/** The answer about one attestation. */
export interface Verdict {
  readonly verified: boolean;
  /** The first failure. */
  readonly error?: StellaError;
  readonly form?: Attestation['form'];
  /** SHA-256 of what was signed: an envelope's pre-authentication encoding, or the artifact. Two verdicts with the same one are about the same. */
  readonly signedSha256?: string;
  readonly checks: readonly AttestationCheckOutcome[];
  readonly signer?: VerifiedSigner;
  /** Absent where no certificate of the trust's instances signed it. */
  readonly instance?: InstanceFacts;
  readonly identityChecked: boolean;
  /** The earliest trusted signing time, and who says so. */
  readonly signedAt?: { readonly time: Instant; readonly source: string };
  readonly logs: readonly LogEvidence[];
  readonly artifact?: { readonly name: string; readonly digest: string };
  readonly artifactChecked: boolean;
  /** What was said; like the signer, only where the signature holds. */
  readonly statement?: Statement;
  readonly trust: TrustOrigin;
}

/** The verdict on something that could not even be read as an attestation. */
export function unreadable(error: StellaError, trust: VerifierTrust): Verdict {
  return {
    verified: false,
    error,
    checks: ATTESTATION_CHECKS.map((name, i) =>
      i === 0
        ? { name, result: 'failed', code: error.code, detail: error.message }
        : { name, result: 'skipped' },
    ),
    identityChecked: false,
    artifactChecked: false,
    logs: [],
    trust: trust.origin,
  };
}
