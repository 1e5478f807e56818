import { isCanonicalBase64 } from '../base/bytes.ts';
import { HASH_LENGTHS, type HashAlgorithm } from '../base/keys.ts';

const isHash = (name: string): name is HashAlgorithm => Object.hasOwn(HASH_LENGTHS, name);

/** A digest by its algorithm, in lowercase hexadecimal. */
export interface LockedDigest {
  readonly algorithm: HashAlgorithm;
  readonly hex: string;
}

/** `sha512-BASE64` (Subresource Integrity, W3C), one hash → digest; `undefined` for anything else. */
export function parseIntegrity(text: string): LockedDigest | undefined {
  const [, algorithm = '', base64 = ''] = /^(sha\d+)-([A-Za-z0-9+/]+=*)$/.exec(text) ?? [];
  const bytes = Buffer.from(base64, 'base64');
  if (!isHash(algorithm) || bytes.length !== HASH_LENGTHS[algorithm] || !isCanonicalBase64(base64, bytes))
    return undefined;
  return { algorithm, hex: bytes.toString('hex') };
}

/** `sha256:HEX` in either case, or a table's `sha256 = "HEX"` → digest; `undefined` for anything else. */
export function hexDigest(algorithm: string, hex: string): LockedDigest | undefined {
  if (!isHash(algorithm) || hex.length !== 2 * HASH_LENGTHS[algorithm] || !/^[0-9a-fA-F]+$/.test(hex))
    return undefined;
  return { algorithm, hex: hex.toLowerCase() };
}

const STRENGTH: readonly HashAlgorithm[] = ['sha512', 'sha384', 'sha256'];

/**
 * What npm holds a tarball to: of several hashes the strongest, as npm's own ssri does. Two different ones of that kind are
 * alternatives to npm; here they are no digest, since one of them lies about the package.
 * @returns why there is none, where there is none
 */
export function strongestIntegrity(integrity: string): LockedDigest | NoDigest {
  const parts = integrity.trim().split(/\s+/);
  const digests = parts.map((part) => parseIntegrity(part.replace(/\?.*$/s, '')));
  const known = digests.filter((digest) => digest !== undefined);
  const best = STRENGTH.find((algorithm) => known.some((digest) => digest.algorithm === algorithm));
  if (best === undefined)
    return parts.every((part) => part.startsWith('sha1-')) ? 'SHA-1 only' : 'unreadable';
  const strongest = new Set(known.filter(({ algorithm }) => algorithm === best).map(({ hex }) => hex));
  if (strongest.size > 1) return 'several digests';
  return { algorithm: best, hex: [...strongest][0]! };
}

/** Why a package of a lock file has nothing that it could be compared by. */
export type NoDigest = 'no digest' | 'SHA-1 only' | 'several digests' | 'unreadable';
