import type { Instant } from '../../base/clock.ts';
import { checkTimestamp, parseTimestamp } from '../authority/timestamp.ts';
import { revokedLogKey, type VerifierTrust } from '../authority/verifier-trust.ts';
import type { Attestation } from '../document/attestation.ts';
import { keyRevoked } from './attestor.ts';
import { checkPromise } from './log-proof.ts';

/** A trusted instant at which the signature existed. */
export interface SigningTime {
  readonly time: Instant;
  /** Who says so. */
  readonly source: string;
}

/**
 * Every time that the attestation brings along, earliest first. One that does not verify is refused, not passed over.
 * @throws StellaError TIMESTAMP_INVALID, KEY_REVOKED, LOG_KEY_INVALID, CHECKPOINT_SIGNATURE for a log that is not trusted
 */
export function findSigningTimes(
  { content, entries, timestamps }: Attestation,
  trust: VerifierTrust,
): SigningTime[] {
  const times: SigningTime[] = [];
  const signature = content.kind === 'dsse' ? content.signatures[0]!.sig : content.signature;
  for (const der of timestamps) {
    const { time, authority } = checkTimestamp(parseTimestamp(der), signature, trust.timestampAuthorities);
    times.push({ time, source: authority.uri === '' ? 'a timestamp authority' : authority.uri });
  }
  for (const entry of entries) {
    if (!entry.signedEntryTimestamp) continue;
    const revoked = revokedLogKey(trust, entry.logId);
    if (revoked) throw keyRevoked(revoked);
    const { time, log } = checkPromise(entry, trust.logs);
    times.push({ time, source: log.name });
  }
  return times.sort((a, b) => a.time - b.time);
}
