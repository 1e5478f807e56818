import { StellaError } from '../../base/errors.ts';
import type { VerifierInstance } from '../authority/material.ts';
import type { Attestation } from '../document/attestation.ts';
import type { InstanceFacts } from '../verdict/verdict.ts';

const nameOf = (instances: readonly VerifierInstance[]) =>
  [...new Set(instances.map(({ name }) => name))].join(' and ');

/** What an instance offers decides what is required of what it certifies. */
export function instanceFacts(instances: readonly VerifierInstance[]): InstanceFacts {
  const builtIn = instances.find((each) => each.builtIn !== undefined)?.builtIn;
  return {
    name: nameOf(instances),
    ...(builtIn === undefined ? {} : { builtIn }),
    shows: instances.some(({ hasLog }) => hasLog) ? 'log entry' : 'timestamp',
  };
}

/** Why an attestation without a log entry can hold, where it can. */
export function describeEvidence(instances: readonly VerifierInstance[]): string | undefined {
  return instances.some(({ hasLog }) => hasLog)
    ? undefined
    : `${nameOf(instances)} has no log; time by its timestamp authority`;
}

/** The refusal of what is certified and has no time that counts. */
export function noSigningTime(
  { form, entries, timestamps }: Attestation,
  instances: readonly VerifierInstance[],
): StellaError {
  const canShowIt = form !== 'dsse' && form !== 'signature-file';
  if (!canShowIt && entries.length === 0 && timestamps.length === 0 && instances.some(({ hasLog }) => hasLog))
    return new StellaError(
      'LOG_ENTRY_MISSING',
      'signed with a certificate; what was given does not show that it was logged, or when',
      { hint: 'ask its producer for a Sigstore bundle, which has the log entry in it' },
    );
  return new StellaError(
    'TIMESTAMP_INVALID',
    instances.some(({ hasLog }) => hasLog)
      ? 'no trusted source gives a signing time'
      : `no trusted source gives a signing time: ${nameOf(instances)} has no log, so a timestamp by its own timestamp authority is required`,
  );
}
