import { createHash } from 'node:crypto';
import { HASH_LENGTHS, type HashAlgorithm } from '../../base/keys.ts';

/** What an attestation is to be about. */
export interface Artifact {
  /** How to call it: a path, or the digest itself. */
  readonly name: string;
  /** Lowercase hexadecimal digits; at least one. */
  readonly digests: Readonly<Partial<Record<HashAlgorithm, string>>>;
  /** Where it really lies: an absolute path without symbolic links; `null` where it came from a pipe or a device. */
  readonly realPath?: string | null;
  /** The content, where it is at hand and small enough. */
  readonly bytes?: Uint8Array;
}

/** An artifact from its content. */
export function artifactOf(name: string, bytes: Uint8Array): Artifact {
  const digests: Partial<Record<HashAlgorithm, string>> = {};
  for (const hash of Object.keys(HASH_LENGTHS) as HashAlgorithm[])
    digests[hash] = createHash(hash).update(bytes).digest('hex');
  return { name, digests, bytes };
}
