import type { Instant } from '../base/clock.ts';
import { HASH_LENGTHS, type HashAlgorithm } from '../base/keys.ts';
import type { VerifierTrust } from './authority/verifier-trust.ts';
import type { Artifact } from './document/artifact.ts';
import type { Attestation } from './document/attestation.ts';
import type { Verdict } from './verdict/verdict.ts';
import { type VerifyOptions, verifyAttestation } from './verify.ts';

/**
 * Judges an attestation as a part of the document that it came in. In a document of a registry, the key that is given is
 * the registry's: it must have signed the attestation that the package was published, and then the others, which have
 * certificates, are judged by these; all about the same package.
 */
export async function verifyInDocument(
  attestation: Attestation,
  trust: VerifierTrust,
  options: VerifyOptions,
  now: Instant,
): Promise<Verdict> {
  const { published, signer } = attestation;
  if (!published || !options.key || signer.kind !== 'certificate')
    return await verifyAttestation(attestation, trust, options, now);
  const { identity: _, predicateTypes: __, ...ofRegistry } = options;
  const verdict = await verifyAttestation(published, trust, ofRegistry, now);
  const artifact = options.artifact ?? subjectOf(verdict);
  if (!verdict.verified || !artifact) return await verifyAttestation(attestation, trust, options, now);
  return await verifyAttestation(attestation, trust, { ...options, artifact, key: undefined }, now);
}

/** The package that was published, by its digests. */
function subjectOf({ statement }: Verdict): Artifact | undefined {
  const [subject, ...others] = statement?.subjects ?? [];
  if (!subject || others.length > 0) return undefined;
  const hashes = Object.keys(HASH_LENGTHS) as HashAlgorithm[];
  const digests = Object.fromEntries(
    hashes.flatMap((hash) => {
      const hex = subject.digest[hash];
      return hex === undefined ? [] : [[hash, hex.toLowerCase()]];
    }),
  );
  return Object.keys(digests).length === 0 ? undefined : { name: subject.name ?? 'the package', digests };
}
