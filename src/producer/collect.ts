import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { SkippedInput } from '../attest/document/find.ts';
import { isLongFile, longSkipReasonOf, skipReasonOf } from '../attest/document/inputs.ts';
import { ATTESTATION_LIMITS } from '../attest/document/limits.ts';
import { excerpt, type Sha256Hex, sha256Hex } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import { readBounded, readError } from '../base/files.ts';
import { checkNoPrivateKey, privateKeyIn } from '../base/output/private-key.ts';
import type { TrustTarget } from '../trust/targets.ts';

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

/** Greater files are no key files; reading them all would make each export slow. */
const MAX_KEY_FILE_BYTES = 64 * 1024;

/** What is carried of a repository, and the targets that are not, since they hold private keys. */
export interface CollectedTuf {
  readonly entries: readonly CollectedEntry[];
  readonly withheld: readonly string[];
}

/**
 * A repository as published, every file of it but targets that hold a private key: whoever may list targets could
 * stop each export by one if it was refused as a whole.
 * @param trusted targets that verification needs @param folder of the bundle, without a slash
 * @throws StellaError PRIVATE_KEY for one that is needed, FILE_UNREADABLE
 */
export function collectTuf(
  directory: string,
  trusted: readonly TrustTarget[] = [],
  folder = 'tuf',
): CollectedTuf {
  for (const { name, bytes } of trusted) checkNoPrivateKey(bytes, `the target ${excerpt(name)}`);
  const files = filesBelow(directory);
  const withheld = files.filter((path) => {
    const file = join(directory, path);
    if (!path.startsWith('targets/') || fileSize(file) > MAX_KEY_FILE_BYTES) return false;
    return privateKeyIn(readBounded(file, MAX_KEY_FILE_BYTES)) !== undefined;
  });
  const left = new Set(withheld);
  return {
    entries: files
      .filter((path) => !left.has(path))
      .map((path) => ({ path: `${folder}/${path}`, source: { file: join(directory, path) } })),
    withheld: withheld.map((path) => (folder === 'tuf' ? path : `${folder}/${path}`)),
  };
}

/** A file with attestations to carry, as it was named, or as it was found in a directory. */
export type AttestationSource =
  | { readonly name: string; readonly path: string; readonly found?: boolean }
  | SkippedInput;

/** What is carried, and what was found next to it and is no attestation. */
export interface CollectedAttestations {
  readonly carried: readonly CollectedAttestation[];
  readonly skipped: readonly SkippedInput[];
}

/**
 * Attestations to carry along. The same content twice is carried once, under its first name. Of a directory only that is
 * carried which `attest verify` of the directory would judge.
 * @throws StellaError FILE_NOT_FOUND, FILE_UNREADABLE, FILE_TOO_LARGE, PRIVATE_KEY
 */
export function collectAttestations(sources: readonly AttestationSource[]): CollectedAttestations {
  const byDigest = new Map<string, CollectedAttestation>();
  const skipped: SkippedInput[] = [];
  for (const source of sources) {
    if ('skipped' in source) {
      skipped.push(source);
      continue;
    }
    const { name, path, found = false } = source;
    const size = fileSize(path);
    const bytes =
      found && isLongFile({ size }) ? undefined : readBounded(path, ATTESTATION_LIMITS.documentBytes);
    const reason = bytes
      ? skipReasonOf({ name, found, size }, bytes)
      : longSkipReasonOf({ name, path, found, size });
    if (reason !== undefined) {
      skipped.push({ name, skipped: reason });
      continue;
    }
    if (!bytes)
      throw new StellaError(
        'FILE_TOO_LARGE',
        `${name} is larger than ${ATTESTATION_LIMITS.documentBytes} bytes`,
        {
          hint: 'split it: what is carried has to be read at once over there',
        },
      );
    checkNoPrivateKey(bytes, name);
    const sha256 = sha256Hex(bytes);
    if (!byDigest.has(sha256)) byDigest.set(sha256, { name, sha256, bytes });
  }
  return { carried: [...byDigest.values()], skipped };
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

const fileSize = (path: string) => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
