import { dirname, join } from 'node:path';
import { excerpt, formatUtf8, parseHex } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import { makeDirectory, replaceFile, writeError } from '../base/files.ts';
import type { PublicKey } from '../base/keys.ts';
import { parseJson } from '../base/schema.ts';
import type { Fetcher } from '../net/types.ts';
import { openCheckpoint, parseCheckpoint } from '../tlog/checkpoint.ts';
import { consistencyProofPath, formatConsistencyProof } from '../tlog/consistency-proof.ts';
import { HASH_BYTES } from '../tlog/hash.ts';
import { logIdOf, logKeysOf } from '../tlog/note.ts';
import type { NamedLog } from '../tlog/origin.ts';
import { checkWitnessPolicy, type WitnessPolicy, witnessKeys } from '../tlog/witness-policy.ts';
import type { MirroredLog } from './mirror.ts';
import { logUrl } from './source.ts';
import { checkGrowthBy, type TreeHead } from './store.ts';

const MOST_ANSWER_BYTES = 4 * 1024 * 1024;

export interface RekorV1Options {
  /** The instance's address, e.g. https://rekor.sigstore.dev */
  readonly url: string;
  readonly fetcher: Fetcher;
  /** Public keys of the instance; each shard must be signed by one. */
  readonly keys: readonly PublicKey[];
  readonly policy?: WitnessPolicy | undefined;
  /** Heads of a shard, whatever name each was signed under, from which growth is to be proved. */
  readonly consistentFrom?: (shard: NamedLog) => readonly TreeHead[];
  /** The directory that a shard's files go into, by origin. */
  readonly into: (origin: string) => string;
  readonly signal?: AbortSignal;
}

interface Shard {
  readonly treeID: string;
  readonly signedTreeHead: string;
}

/**
 * Mirrors a Rekor v1 instance: it serves no tiles, so what is carried of each shard is its signed checkpoint and a proof
 * of growth from each of the earlier heads. The depth of a mirror does not matter here; no entry becomes provable.
 * @returns the active shard first, then the inactive ones
 * @throws StellaError SCHEMA_INVALID, CHECKPOINT_*, NOTE_INVALID, WITNESS_QUORUM, LOG_ROLLBACK, LOG_FORK, and what the
 * fetcher throws
 */
export async function mirrorRekorV1(options: RekorV1Options): Promise<MirroredLog[]> {
  const address = logUrl(options.url, 'api/v1/log');
  const answer = await options.fetcher.fetch(address, bounded(options));
  const { inactiveShards, ...active } = parseJson('rekor-v1-log', answer.bytes, address);
  const mirrored: MirroredLog[] = [];
  for (const shard of [active, ...(inactiveShards ?? [])]) mirrored.push(await mirrorShard(shard, options));
  return mirrored;
}

function bounded({ signal }: RekorV1Options): { most: number; signal?: AbortSignal } {
  return signal ? { most: MOST_ANSWER_BYTES, signal } : { most: MOST_ANSWER_BYTES };
}

async function mirrorShard(shard: Shard, options: RekorV1Options): Promise<MirroredLog> {
  const checkpointBytes = formatUtf8(shard.signedTreeHead);
  const { origin } = parseCheckpoint(checkpointBytes);
  if (!origin.endsWith(` - ${shard.treeID}`)) {
    throw new StellaError(
      'CHECKPOINT_ORIGIN',
      `the checkpoint of shard ${shard.treeID} is of ${excerpt(origin)}`,
      { details: { origin, tree_id: shard.treeID } },
    );
  }
  // The name before the tree is that of the pod that signed: key id and signature tell whose checkpoint it is.
  const keys = options.keys.flatMap((key) => logKeysOf(origin, key));
  const opened = openCheckpoint(checkpointBytes, [...keys, ...witnessKeys(options.policy)], { origin });
  checkWitnessPolicy(options.policy, opened);
  const { checkpoint, signedBy } = opened;
  const into = options.into(origin);
  const signer = signedBy.find(({ type }) => type !== 'cosignature/v1')!;
  const earlier = options.consistentFrom?.({ origin, log_id: logIdOf(origin, signer.publicKey) }) ?? [];
  const proofs = new Map<string, Uint8Array>();
  for (const head of earlier) {
    await checkGrowthBy(origin, head, { ...checkpoint, checkpointBytes }, async () => {
      if (head.size === 0n) return [];
      const proof = await fetchProof(shard, head.size, checkpoint.size, options);
      proofs.set(consistencyProofPath(head.size, checkpoint.size), formatConsistencyProof(proof));
      return proof;
    });
  }
  for (const [path, bytes] of proofs) write(join(into, path), bytes);
  write(join(into, 'checkpoint'), checkpointBytes);
  return {
    origin,
    size: checkpoint.size,
    rootHash: checkpoint.rootHash,
    checkpointBytes,
    signedBy,
    firstIndex: checkpoint.size,
    consistentFrom: [...new Set(earlier.map(({ size }) => size))].sort((a, b) => (a < b ? -1 : 1)),
    files: ['checkpoint', ...proofs.keys()],
    fetched: proofs.size,
  };
}

async function fetchProof(
  shard: Shard,
  oldSize: bigint,
  newSize: bigint,
  options: RekorV1Options,
): Promise<Uint8Array[]> {
  const query = `firstSize=${oldSize}&lastSize=${newSize}&treeID=${shard.treeID}`;
  const address = logUrl(options.url, `api/v1/log/proof?${query}`);
  const { bytes } = await options.fetcher.fetch(address, bounded(options));
  const { hashes } = parseJson('rekor-v1-proof', bytes, address);
  return (hashes ?? []).map((hash) => parseHex(hash, HASH_BYTES));
}

function write(path: string, bytes: Uint8Array): void {
  try {
    makeDirectory(dirname(path));
  } catch (cause) {
    throw writeError(path, cause);
  }
  replaceFile(path, bytes);
}
