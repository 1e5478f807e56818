import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Sha256Hex, sha256Hex } from '../base/bytes.ts';
import { readBounded, readError } from '../base/files.ts';
import { checkNoPrivateKey } from '../base/output/private-key.ts';

/** One file of the bundle: where it goes, and where it is now. */
export interface CollectedEntry {
  readonly path: string;
  readonly source: { readonly file: string } | Uint8Array;
}

/** An attestation that is carried along, under the name it had. */
export interface CollectedAttestation {
  readonly name: string;
  readonly sha256: Sha256Hex;
  readonly bytes: Uint8Array;
}

const MAX_ATTESTATION_BYTES = 64 * 1024 * 1024;

/** The repository as published, every file of it. */
export function collectTuf(directory: string): CollectedEntry[] {
  return filesBelow(directory).map((path) => ({
    path: `tuf/${path}`,
    source: { file: join(directory, path) },
  }));
}

/**
 * Attestations to carry along. The same content twice is carried once, under its first name.
 * @param files paths, and what to call each
 * @throws StellaError FILE_NOT_FOUND, FILE_UNREADABLE, FILE_TOO_LARGE, PRIVATE_KEY
 */
export function collectAttestations(
  files: readonly { readonly name: string; readonly path: string }[],
): CollectedAttestation[] {
  const byDigest = new Map<string, CollectedAttestation>();
  for (const { name, path } of files) {
    const bytes = readBounded(path, MAX_ATTESTATION_BYTES);
    checkNoPrivateKey(bytes, name);
    const sha256 = sha256Hex(bytes);
    if (!byDigest.has(sha256)) byDigest.set(sha256, { name, sha256, bytes });
  }
  return [...byDigest.values()];
}

export function attestationPath(sha256: Sha256Hex): string {
  return `attestations/${sha256}.json`;
}

/** Paths of all files below a directory, with slashes. */
function filesBelow(directory: string, prefix = ''): string[] {
  try {
    return readdirSync(join(directory, prefix), { withFileTypes: true }).flatMap((entry) => {
      const path = prefix === '' ? entry.name : `${prefix}/${entry.name}`;
      return entry.isDirectory() ? filesBelow(directory, path) : [path];
    });
  } catch (cause) {
    throw readError(directory, cause);
  }
}
