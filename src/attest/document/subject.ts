import { excerpt } from '../../base/bytes.ts';
import { StellaError } from '../../base/errors.ts';
import { HASH_LENGTHS, type HashAlgorithm } from '../../base/keys.ts';
import type { Artifact } from './artifact.ts';
import type { Attestation } from './attestation.ts';
import { parseSimpleSigning, type SimpleSigning } from './simple-signing.ts';
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
    const { digest, payload } = content;
    if (payload) return matchImage(artifact, parseSimpleSigning(payload));
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

/** A signature on an image is about the manifest that its payload names, not about the payload. */
function matchImage(artifact: Artifact, { manifestDigest, reference }: SimpleSigning): string {
  const { sha256 } = artifact.digests;
  if (sha256 !== undefined && manifestDigest === `sha256:${sha256}`)
    return `signature on ${JSON.stringify(reference)}, ${manifestDigest}`;
  throw mismatch(artifact, [{ name: reference, digest: { sha256: manifestDigest.slice('sha256:'.length) } }]);
}

function isEqual(claimed: string, found: string, hash: HashAlgorithm): boolean {
  return claimed.length === 2 * HASH_LENGTHS[hash] && claimed.toLowerCase() === found;
}

const MAX_NAMED = 5;

function enumerated(hashes: readonly string[]): string {
  const shown = hashes.slice(0, MAX_NAMED).map((hash) => (/^\w{1,20}$/.test(hash) ? hash : excerpt(hash)));
  return [...shown, ...(hashes.length > MAX_NAMED ? ['…'] : [])].join(', ');
}

function mismatch(
  artifact: Artifact,
  subjects: readonly { readonly name: string | undefined; readonly digest: object }[],
): StellaError {
  const given = Object.keys(artifact.digests);
  const named = [...new Set(subjects.flatMap(({ digest }) => Object.keys(digest)))];
  const canCompare = named.some((hash) => given.includes(hash));
  const why = canCompare
    ? ''
    : `, or cannot be compared: it is given by ${enumerated(given)}, the attestation names ${enumerated(named)}`;
  return new StellaError('ARTIFACT_MISMATCH', `the attestation is not about ${artifact.name}${why}`, {
    ...(canCompare
      ? {}
      : { hint: 'give the artifact itself with --artifact FILE, or its digest by one of these' }),
    details: {
      artifact: artifact.digests,
      subjects: subjects.slice(0, 20).map(({ name, digest }) => ({ name: name ?? null, digest })),
    },
  });
}
