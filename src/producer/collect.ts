import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { formatHex, sha256Hex } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import type { Fetcher } from '../base/fetcher.ts';
import { readBounded, readError } from '../base/files.ts';
import type { PublicKey } from '../base/keys.ts';
import type { ExportLedger, Manifest } from '../base/schema-types.ts';
import type { LogEndpoint } from '../config/service-map.ts';
import { type MirroredLog, type MirrorProgress, mirrorLog } from '../logs/mirror.ts';
import { tileSource } from '../logs/source.ts';
import { logDirectory } from '../logs/store.ts';
import { logIdOf, verifierKeyOf } from '../tlog/verifier-key.ts';
import { exportedHeads } from './ledger.ts';

/** One file of the bundle: where it goes, and where it is now. */
export interface CollectedEntry {
  readonly path: string;
  readonly source: { readonly file: string } | Uint8Array;
}

/** An attestation that is carried along, under the name it had. */
export interface CarriedAttestation {
  readonly name: string;
  readonly sha256: string;
  readonly bytes: Uint8Array;
}

const MOST_ATTESTATION_BYTES = 64 * 1024 * 1024;

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
 * @throws StellaError FILE_NOT_FOUND, FILE_UNREADABLE, FILE_TOO_LARGE
 */
export function collectAttestations(
  files: readonly { readonly name: string; readonly path: string }[],
): CarriedAttestation[] {
  const byDigest = new Map<string, CarriedAttestation>();
  for (const { name, path } of files) {
    const bytes = readBounded(path, MOST_ATTESTATION_BYTES);
    const sha256 = sha256Hex(bytes);
    if (!byDigest.has(sha256)) byDigest.set(sha256, { name, sha256, bytes });
  }
  return [...byDigest.values()];
}

export interface CollectLogOptions {
  readonly fetcher: Fetcher;
  /** The log keys that TUF distributes. */
  readonly keys: readonly PublicKey[];
  readonly ledger: ExportLedger;
  /** `logs/` of the trust store: tiles that are there already are not fetched again. */
  readonly logsDirectory: string;
  readonly depth: bigint;
  readonly entries: boolean;
  readonly onProgress?: ((origin: string, progress: MirrorProgress) => void) | undefined;
}

export interface CollectedLog {
  readonly manifest: Manifest['logs'][number];
  readonly entries: readonly CollectedEntry[];
  readonly mirrored: MirroredLog;
}

/**
 * Mirrors the needed part of a tile log into the trust store and lists what of it belongs into the bundle.
 * @throws StellaError CHECKPOINT_*, TILE_INVALID, ROOT_MISMATCH, LOG_ROLLBACK, LOG_FORK, FETCH_*, OFFLINE
 */
export async function collectLog(endpoint: LogEndpoint, options: CollectLogOptions): Promise<CollectedLog> {
  const { url } = endpoint;
  const origin = endpoint.origin ?? originOf(url);
  const keys = options.keys.filter(
    (key) => endpoint.logId === undefined || [key.id, logIdOf(origin, key)].includes(endpoint.logId),
  );
  if (keys.length === 0)
    throw new StellaError(
      'CHECKPOINT_SIGNATURE',
      `no Rekor key that TUF distributes is the key of log ${origin}`,
    );
  const directory = logDirectory(options.logsDirectory, origin);
  const mirrored = await mirrorLog({
    source: tileSource(url, options.fetcher),
    keys: keys.map((key) => verifierKeyOf(origin, key)),
    origin,
    depth: options.depth,
    consistentFrom: exportedHeads(options.ledger, origin),
    into: directory,
    entries: options.entries,
    ...(options.onProgress ? { onProgress: (progress) => options.onProgress!(origin, progress) } : {}),
  });
  const signer = keys.find((key) => mirrored.signedBy.some((by) => by.publicKey.id === key.id))!;
  return {
    mirrored,
    manifest: {
      origin,
      url,
      log_id: logIdOf(origin, signer),
      tree_size: Number(mirrored.size),
      root_hash: formatHex(mirrored.rootHash),
      first_index: Number(mirrored.firstIndex),
      consistent_from: mirrored.consistentFrom.map(Number),
    },
    entries: mirrored.files.map((path) => ({
      path: `logs/${sha256Hex(Buffer.from(origin))}/${path}`,
      source: { file: join(directory, path) },
    })),
  };
}

/** The name that a log signs as by convention: its URL without scheme and trailing slashes. */
function originOf(url: string): string {
  return url.replace(/^[a-z]+:\/\//i, '').replace(/\/+$/, '');
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
