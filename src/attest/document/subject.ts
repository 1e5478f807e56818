import { StellaError } from '../../base/errors.ts';
import type { HashAlgorithm } from '../../base/keys.ts';
import type { Artifact } from './artifact.ts';
import { HASH_LENGTHS } from './artifact.ts';
import type { Attestation } from './attestation.ts';
import type { Statement } from './statement.ts';

/**
 * Checks that the attestation is about the artifact: one of the statement's subjects has its digest, or the message that
 * was signed is the artifact. Digests decide; names do not.
 * @returns how they were found to agree
 * @throws StellaError ARTIFACT_MISMATCH
 */
export function matchArtifact(
  artifact: Artifact,
  attestation: Attestation,
  statement: Statement | undefined,
): string {
  const { content } = attestation;
  const hashes = Object.keys(artifact.digests) as HashAlgorithm[];
  if (content.kind === 'message') {
    const { digest } = content;
    // Without a digest of its own, the signature was checked over the artifact itself.
    if (!digest) return `signature over ${artifact.name}`;
    const found = artifact.digests[digest.algorithm];
    const claimed = digest.value.toString('hex');
    if (found === claimed) return `${digest.algorithm}:${found}`;
    throw mismatch(artifact, [{ name: undefined, digest: { [digest.algorithm]: claimed } }]);
  }
  if (!statement)
    throw new StellaError(
      'ARTIFACT_MISMATCH',
      `the envelope holds no in-toto statement (${content.payloadType}), so no artifact can be matched`,
    );
  for (const subject of statement.subjects) {
    const comparable = hashes.filter((hash) => Object.hasOwn(subject.digest, hash));
    // A subject with one digest that fits and one that does not is not this artifact.
    if (
      comparable.length > 0 &&
      comparable.every((hash) => isEqual(subject.digest[hash]!, artifact.digests[hash]!, hash))
    )
      return `subject ${subject.name ?? '(unnamed)'}, ${comparable[0]}:${artifact.digests[comparable[0]!]}`;
  }
  throw mismatch(artifact, statement.subjects);
}

function isEqual(claimed: string, found: string, hash: HashAlgorithm): boolean {
  return claimed.length === 2 * HASH_LENGTHS[hash] && claimed.toLowerCase() === found;
}

function mismatch(
  artifact: Artifact,
  subjects: readonly { readonly name: string | undefined; readonly digest: object }[],
): StellaError {
  return new StellaError('ARTIFACT_MISMATCH', `the attestation is not about ${artifact.name}`, {
    details: {
      artifact: artifact.digests,
      subjects: subjects.slice(0, 20).map(({ name, digest }) => ({ name: name ?? null, digest })),
    },
  });
}
