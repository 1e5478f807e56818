import { formatBase64 } from '../base/bytes.ts';
import { formatInstant, type Instant } from '../base/clock.ts';
import { StellaError } from '../base/errors.ts';
import type { PublicKey } from '../base/keys.ts';
import type { Attestation } from './attestation.ts';
import type { AttestorKey } from './material.ts';
import type { VerifierTrust } from './trust.ts';

/** Hints tell keys apart and prove nothing: key id in hexadecimal or base64, npm's form, or the target's name. */
function fitsHint(attestor: AttestorKey, hint: string): boolean {
  const base64 = formatBase64(Buffer.from(attestor.key.id, 'hex'));
  return (
    hint === attestor.key.id ||
    hint === base64 ||
    hint === `SHA256:${base64.replace(/=$/, '')}` ||
    hint === attestor.name
  );
}

/** What the attestation itself calls its key. */
function hintsOf({ signer, content }: Attestation): readonly string[] {
  const hints = signer.kind === 'key' && signer.hint !== undefined ? [signer.hint] : [];
  if (content.kind === 'dsse')
    for (const { keyid } of content.signatures) if (keyid !== undefined) hints.push(keyid);
  return hints;
}

/**
 * The trusted key that made the signature.
 * @param only the one key to accept, if the caller named one
 * @param isSignedBy whether a key made it
 * @throws StellaError SIGNATURE_INVALID when the key meant did not, SIGNER_UNTRUSTED, KEY_REVOKED
 */
export function chooseAttestor(
  attestation: Attestation,
  only: AttestorKey | undefined,
  trust: VerifierTrust,
  isSignedBy: (key: PublicKey) => boolean,
): AttestorKey {
  if (only) {
    if (isSignedBy(only.key)) return only;
    throw new StellaError('SIGNATURE_INVALID', 'Signature verification failed: it is not by the given key');
  }
  const hints = hintsOf(attestation);
  for (const hint of hints) {
    const revoked = trust.revoked.get(hint) ?? trust.revoked.get(Buffer.from(hint, 'base64').toString('hex'));
    if (revoked)
      throw new StellaError(
        'KEY_REVOKED',
        `the key ${revoked.target} was revoked (withdrawn from the repository) by ${formatInstant(revoked.removedAt)}`,
        { details: { key_id: revoked.keyId, removed_at: formatInstant(revoked.removedAt) } },
      );
  }
  const meant = trust.attestors.filter((attestor) => hints.some((hint) => fitsHint(attestor, hint)));
  // Hints are optional and free: a signer may call a trusted key by any name.
  const found = [...meant, ...trust.attestors].find(({ key }) => isSignedBy(key));
  if (found) return found;
  if (meant.length > 0)
    throw new StellaError(
      'SIGNATURE_INVALID',
      `Signature verification failed: it is not by ${meant[0]!.name}`,
    );
  throw new StellaError(
    'SIGNER_UNTRUSTED',
    trust.attestors.length === 0
      ? 'the attestation is signed with a key, and the trust has no attestor keys'
      : 'the attestation is not signed by any trusted attestor key',
    {
      hint: 'give --key FILE, or publish the key as a target with usage attestor',
      details: { hints, trusted: trust.attestors.map(({ name, key }) => ({ name, key_id: key.id })) },
    },
  );
}

/**
 * Checks that the key was valid when it signed.
 * @param otherwise the instant to judge at where no signing time is known: as of when the trust holds
 * @throws StellaError KEY_RETIRED
 */
export function checkAttestorAt(attestor: AttestorKey, times: readonly Instant[], otherwise: Instant): void {
  for (const time of times.length > 0 ? times : [otherwise]) {
    if (attestor.validFrom <= time && time <= attestor.validUntil) continue;
    const isLate = time > attestor.validUntil;
    const when =
      times.length > 0
        ? `signed at ${formatInstant(time)}`
        : `judged as of ${formatInstant(time)}, for want of a signing time`;
    throw new StellaError(
      'KEY_RETIRED',
      isLate
        ? `${when}, but the key ${attestor.name} was retired at ${formatInstant(attestor.validUntil)}`
        : `${when}, but the key ${attestor.name} was not valid before ${formatInstant(attestor.validFrom)}`,
    );
  }
}
