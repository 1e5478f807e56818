import { createHash } from 'node:crypto';
import { createReadStream, realpathSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { sha256Hex } from '../../base/bytes.ts';
import { StellaError } from '../../base/errors.ts';
import { isDirectory, readBounded, readError } from '../../base/files.ts';
import { parseStrictJson } from '../../base/json.ts';
import { FieldReader } from '../../base/json-fields.ts';
import { HASH_LENGTHS, type HashAlgorithm } from '../../base/keys.ts';
import { parseIntegrity } from '../../lockfile/integrity.ts';
import type { Artifact } from './artifact.ts';

/** Artifacts up to this size are kept whole: some signatures can only be checked over the content. */
const MOST_KEPT_BYTES = 16 * 1024 * 1024;
const MOST_INDEX_BYTES = 4 * 1024 * 1024;
const HASHES = Object.keys(HASH_LENGTHS) as HashAlgorithm[];

/**
 * `sha256:HEX`, `sha384:HEX` or `sha512:HEX`, or as lock files write it, `sha512-BASE64` → artifact.
 * @throws StellaError USAGE
 */
export function parseDigest(text: string): Artifact {
  const integrity = parseIntegrity(text);
  if (integrity) return { name: text, digests: { [integrity.algorithm]: integrity.hex } };
  const [, name, hex] = /^(\w+):([0-9a-f]+)$/.exec(text) ?? [];
  const hash = HASHES.find((known) => known === name);
  if (hash === undefined || hex?.length !== 2 * HASH_LENGTHS[hash])
    throw new StellaError('USAGE', `not a digest: ${text}`, {
      hint: 'write it like sha256:HEX, in lowercase, or like sha512-BASE64, as lock files have it',
    });
  return { name: text, digests: { [hash]: hex } };
}

/**
 * Reads an artifact: a file of any size, or an OCI image layout directory, which stands for its manifest.
 * @throws StellaError FILE_NOT_FOUND, FILE_UNREADABLE, USAGE for a layout with several manifests, PARSE_FAILED
 */
export async function loadArtifact(path: string): Promise<Artifact> {
  if (isDirectory(path)) return { ...ociArtifact(path), realPath: realpathSync.native(path) };
  try {
    const isPlace = statSync(path).isFile();
    const artifact = await streamArtifact(path, createReadStream(path, { highWaterMark: 1024 * 1024 }));
    return { ...artifact, realPath: isPlace ? realpathSync.native(path) : null };
  } catch (cause) {
    throw readError(path, cause);
  }
}

/** Reads an artifact from a stream, e.g. standard input. */
export async function streamArtifact(
  name: string,
  stream: AsyncIterable<Buffer | string>,
): Promise<Artifact> {
  const hashes = HASHES.map((hash) => ({
    hash,
    state: createHash(hash),
  }));
  let kept: Buffer[] | undefined = [];
  let total = 0;
  for await (const piece of stream) {
    const chunk = Buffer.isBuffer(piece) ? piece : Buffer.from(piece);
    for (const { state } of hashes) state.update(chunk);
    total += chunk.length;
    if (total > MOST_KEPT_BYTES) kept = undefined;
    kept?.push(chunk);
  }
  const digests: Partial<Record<HashAlgorithm, string>> = {};
  for (const { hash, state } of hashes) digests[hash] = state.digest('hex');
  return { name, digests, ...(kept ? { bytes: Buffer.concat(kept) } : {}) };
}

const read = new FieldReader('PARSE_FAILED');

/** An OCI image layout (image-spec, image-layout.md): the one manifest that its index names, which must be what its digest says. */
function ociArtifact(directory: string): Artifact {
  const index = read.object(
    parseStrictJson(readBounded(join(directory, 'index.json'), MOST_INDEX_BYTES), 'index.json', {
      code: 'PARSE_FAILED',
    }),
    'index.json',
  );
  const manifests = read.array(index['manifests'], 'manifests', 1000).map((item, i) => {
    const digest = read.string(read.object(item, `manifests.${i}`)['digest'], `manifests.${i}.digest`, 200);
    return /^sha256:[0-9a-f]{64}$/.test(digest)
      ? digest
      : read.refuse(`manifests.${i}.digest`, 'is not a SHA-256');
  });
  if (manifests.length !== 1)
    throw new StellaError(
      'USAGE',
      `${directory} holds ${manifests.length} manifests, so it is not one artifact`,
      {
        hint: ['name the one that is meant with --digest:', ...manifests.slice(0, 20)],
      },
    );
  const artifact = parseDigest(manifests[0]!);
  const blob = join(directory, 'blobs', 'sha256', artifact.digests.sha256!);
  const bytes = readBounded(blob, MOST_INDEX_BYTES);
  if (sha256Hex(bytes) !== artifact.digests.sha256)
    throw new StellaError('ARTIFACT_MISMATCH', `the manifest in ${directory} is not what its digest says`);
  return { ...artifact, name: `${directory} (${manifests[0]})`, bytes };
}
