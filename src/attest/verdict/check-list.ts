import type { ErrorCode } from '../../base/codes.ts';

/** Everything that must hold, in the order in which it is judged; the first that fails gives the verdict its code. */
export const ATTESTATION_CHECKS = [
  'envelope',
  'certificate',
  'key',
  'signature',
  'sct',
  'signing-time',
  'log-entry',
  'checkpoint',
  'inclusion',
  'consistency',
  'artifact',
  'identity',
  'claims',
  'predicate',
  'policy',
  'freshness',
] as const;

export type AttestationCheckName = (typeof ATTESTATION_CHECKS)[number];

/** `skipped`: an earlier check failed. `not-checked`: nothing was given to check against, or it cannot be shown. */
export type AttestationCheckStatus = 'passed' | 'failed' | 'skipped' | 'not-checked' | 'not-applicable';

export interface AttestationCheckOutcome {
  readonly name: AttestationCheckName;
  readonly result: AttestationCheckStatus;
  /** What was found, or why it failed or was not checked. */
  readonly detail?: string;
  readonly code?: ErrorCode;
}
