import { StellaError } from '../base/errors.ts';
import type { PublicKey } from '../base/keys.ts';
import type { Artifact } from './document/artifact.ts';
import type { MessageSignature } from './document/attestation.ts';
import { isMessageSignature } from './signature.ts';

/** What verifies by digest: large, and seldom needed, so that the caller loads it. */
export type ByDigest = typeof import('./digest-signature.ts');

/** Whether what was signed is there: it came along, or it is the artifact's content. */
export function isSignedContentGiven(
  { digest, payload }: MessageSignature,
  artifact: Artifact | undefined,
): boolean {
  if (payload) return true;
  return (
    artifact?.bytes !== undefined &&
    (digest === undefined || artifact.digests[digest.algorithm] === digest.value.toString('hex'))
  );
}

/**
 * Whether the key signed the artifact, or (where the artifact is another or absent) what the attestation says it is.
 * @throws StellaError ARTIFACT_REQUIRED when neither the attestation nor an artifact gives the digest
 */
export function isMessageSignedBy(
  key: PublicKey,
  content: MessageSignature,
  artifact: Artifact | undefined,
  byDigest: ByDigest | undefined,
): boolean {
  const { signature, payload } = content;
  const hash = content.digest?.algorithm ?? (key.algorithm === 'ed25519' ? 'sha512' : 'sha256');
  const found = artifact?.digests[hash];
  const digest = content.digest?.value ?? (found === undefined ? undefined : Buffer.from(found, 'hex'));
  if (isSignedContentGiven(content, artifact))
    return (
      isMessageSignature(key, payload ?? artifact!.bytes!, signature, hash) ||
      (key.algorithm === 'ed25519' &&
        digest !== undefined &&
        (byDigest?.isPrehashedSignature(key, digest, signature) ?? false))
    );
  if (!digest)
    throw new StellaError(
      'ARTIFACT_REQUIRED',
      `the attestation does not say what it signs: its ${hash} is needed`,
    );
  return byDigest!.isDigestSignature(key, digest, signature, hash);
}
