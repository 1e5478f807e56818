import { formatBase64 } from '../../base/bytes.ts';
import { formatInstant, type Instant } from '../../base/clock.ts';
import { isStellaError, StellaError } from '../../base/errors.ts';
import type { PublicKey } from '../../base/keys.ts';
import type { AttestorKey } from '../authority/material.ts';
import { type RevokedKey, revokedLogKey, type VerifierTrust } from '../authority/verifier-trust.ts';
import type { Attestation } from '../document/attestation.ts';

/** Hints tell keys apart and prove nothing: key id in hexadecimal or base64, npm's form, or the target's name. */
function fitsHint(attestor: AttestorKey, hint: string): boolean {
  const base64 = formatBase64(Buffer.from(attestor.key.id, 'hex'));
  const names = [attestor.key.id, base64, `SHA256:${base64.replace(/=$/, '')}`, attestor.name];
  return names.includes(hint);
}

/** What the attestation itself calls its keys. */
function hintsOf({ signer, content }: Attestation): readonly string[] {
  const hints = signer.kind === 'key' && signer.hint !== undefined ? [signer.hint] : [];
  if (content.kind === 'dsse')
    for (const { keyid } of content.signatures) if (keyid !== undefined) hints.push(keyid);
  return hints;
}

/** A hint in the form in which keys are shown everywhere, so that it can be compared with one; another name as it is. */
function shownHint(hint: string): string {
  if (/^[0-9a-f]{64}$/i.test(hint)) return `sha256:${hint.toLowerCase()}`;
  const [, base64] = /^(?:SHA256:)?([A-Za-z0-9+/]{43})=?$/.exec(hint) ?? [];
  return base64 === undefined ? hint : `sha256:${Buffer.from(base64, 'base64').toString('hex')}`;
}

/** What is asked of the keys that signed. */
export interface AttestorDemand {
  /** The one key to accept, if the caller named one. */
  readonly only: AttestorKey | undefined;
  /** How many keys must have signed. */
  readonly wanted: number;
  /** What is stated, where anything is. */
  readonly predicateType: string | undefined;
  /** The signatures, and whether a key made one. */
  readonly signatures: readonly Buffer[];
  readonly isSignedBy: (key: PublicKey, signature: Buffer) => boolean;
  /** Checks that a key could sign then. @throws StellaError KEY_RETIRED */
  readonly checkTime: (attestor: AttestorKey) => void;
}

/**
 * The trusted keys that made the signatures and could. Each signature stands by itself: one by a key that is unknown,
 * retired or revoked counts for nothing and takes nothing from the others. A key that is distributed under several names
 * is there under each.
 * @throws StellaError SIGNATURE_INVALID when the key meant made none, SIGNER_UNTRUSTED, KEY_REVOKED, KEY_RETIRED,
 * SIGNATURE_THRESHOLD
 */
export function chooseAttestors(
  attestation: Attestation,
  trust: VerifierTrust,
  { only, wanted, predicateType, signatures, isSignedBy, checkTime }: AttestorDemand,
): AttestorKey[] {
  const hints = hintsOf(attestation);
  const known = only
    ? [only]
    : trust.attestors.filter((each) => (each.predicateType ?? predicateType) === predicateType);
  const meant = known.filter((attestor) => hints.some((hint) => fitsHint(attestor, hint)));
  // Hints are optional and free: a signer may call a trusted key by any name.
  const inOrder = [...meant, ...known];
  const signed = new Set<string>();
  for (const signature of signatures) {
    const signer = inOrder.find(({ key }) => isSignedBy(key, signature));
    if (signer) signed.add(signer.key.id);
  }
  const found: AttestorKey[] = [];
  let late: StellaError | undefined;
  for (const attestor of new Set(inOrder)) {
    if (!signed.has(attestor.key.id)) continue;
    try {
      checkTime(attestor);
      found.push(attestor);
    } catch (error) {
      if (!isStellaError(error)) throw error;
      late ??= error;
    }
  }
  const keys = new Set(found.map(({ key }) => key.id));
  if (keys.size >= wanted) return found;
  if (late && signed.size >= wanted) throw late;
  if (keys.size > 0)
    throw new StellaError(
      'SIGNATURE_THRESHOLD',
      `${wanted} trusted keys must have signed, ${keys.size} did: ${found.map(({ name }) => name).join(', ')}`,
      { details: { expected: wanted, found: [...keys] } },
    );
  if (late) throw late;
  if (only)
    throw new StellaError('SIGNATURE_INVALID', 'Signature verification failed: it is not by the given key', {
      hint: 'give the key that signed with --key FILE; without --key the attestor keys of the trust store count',
      details: { found: hints.map(shownHint), expected: [`${only.name} sha256:${only.key.id}`] },
    });
  const revoked = revokedAmong(attestation, hints, trust);
  if (revoked) throw keyRevoked(revoked);
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
      hint: [
        'give the key with --key FILE',
        'or have it published: on the TUF repository, ./scripts/add-target.sh FILE NAME --usage attestor',
      ],
      details: {
        found: hints.map(shownHint),
        expected: trust.attestors.map(({ name, key }) => `${name} sha256:${key.id}`),
      },
    },
  );
}

/**
 * Those of the keys whose signatures are logged, where they must be.
 * @param logged their SubjectPublicKeyInfo
 * @throws StellaError SIGNATURE_THRESHOLD
 */
export function loggedAttestors(
  attestors: readonly AttestorKey[],
  logged: ReadonlySet<Uint8Array>,
  wanted: number,
): readonly AttestorKey[] {
  const shown = attestors.filter(({ key }) => logged.has(key.spki));
  const count = new Set(shown.map(({ key }) => key.id)).size;
  if (count >= wanted) return shown;
  throw new StellaError(
    'SIGNATURE_THRESHOLD',
    `the signatures of ${wanted} trusted keys must be logged, those of ${count} are: ${shown.map(({ name }) => name).join(', ')}`,
    { details: { expected: wanted, found: shown.map(({ key }) => key.id) } },
  );
}

function revokedAmong(
  attestation: Attestation,
  hints: readonly string[],
  trust: VerifierTrust,
): RevokedKey | undefined {
  for (const hint of hints) {
    const forms = [
      hint,
      ...[hint, hint.replace(/^SHA256:/, '')].map((each) => Buffer.from(each, 'base64').toString('hex')),
    ];
    for (const form of forms) {
      const revoked = trust.revoked.get(form);
      if (revoked) return revoked;
    }
    for (const revoked of trust.revoked.values()) if (revoked.target === hint) return revoked;
  }
  return attestation.entries
    .map(({ logId }) => revokedLogKey(trust, logId))
    .find((revoked) => revoked !== undefined);
}

/** KEY_REVOKED, saying what was revoked and when. */
export function keyRevoked(revoked: RevokedKey): StellaError {
  const when = formatInstant(revoked.removedAt);
  return new StellaError(
    'KEY_REVOKED',
    `the key ${revoked.target} was revoked: the repository had withdrawn it by ${when}`,
    {
      details: { key_id: revoked.keyId, target: revoked.target, removed_at: when },
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
