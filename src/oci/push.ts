import { createReadStream, statSync } from 'node:fs';
import { basename } from 'node:path';
import { excerpt, formatHex, sha256Hex, sha256Stream } from '../base/bytes.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { readError } from '../base/files.ts';
import type { BundleFacts } from './annotations.ts';
import { listBundles } from './list.ts';
import {
  type Descriptor,
  EMPTY_CONFIG,
  formatBundleManifest,
  LAYER_TYPE,
  type Layer,
  MANIFEST_TYPE,
  VOLUME_TYPE,
} from './manifest.ts';
import type { Registry } from './registry.ts';
import { uploadBlob } from './upload.ts';

export interface PushOptions {
  /** The bundle, or its volumes in order. */
  readonly files: readonly string[];
  readonly tag: string;
  /** What the bundle says of itself. */
  readonly facts: BundleFacts;
  /** Told how many bytes are uploaded, of how many. */
  readonly onProgress?: (done: number, total: number) => void;
}

export interface Pushed {
  /** `sha256:HEX` of the OCI manifest. */
  readonly digest: string;
  readonly layers: readonly Layer[];
  /** Bytes that had to be sent; the registry had the rest already. */
  readonly uploaded: number;
  /** The OCI manifest of a delta's base, where it is in the repository. */
  readonly subject: Descriptor | undefined;
}

/**
 * Pushes a bundle: its content, then the manifest under the tag, so that a tag never names what is not there.
 * @throws StellaError FILE_*, FETCH_*, REGISTRY_AUTH, BLOB_DIGEST
 */
export async function pushBundle(registry: Registry, options: PushOptions): Promise<Pushed> {
  const { files, facts } = options;
  const layers: Layer[] = [];
  for (const file of files) layers.push(await describeFile(file, files.length > 1));
  const total = layers.reduce((sum, { size }) => sum + size, 0);
  let [passed, uploaded] = [0, 0];
  for (const [i, { digest, size }] of layers.entries()) {
    const blob = { digest, size, content: { file: files[i]! } };
    const report = (done: number) => options.onProgress?.(passed + done, total);
    if (await uploadBlob(registry, blob, report)) uploaded += size;
    passed += size;
  }
  await uploadBlob(registry, {
    digest: `sha256:${sha256Hex(EMPTY_CONFIG)}`,
    size: EMPTY_CONFIG.length,
    content: EMPTY_CONFIG,
  });
  const subject = facts.base && (await findBase(registry, facts.base.manifestSha256));
  const bytes = formatBundleManifest({ layers, facts, subject });
  const digest = `sha256:${sha256Hex(bytes)}`;
  const answer = await registry.request({
    method: 'PUT',
    target: registry.path(`manifests/${options.tag}`),
    headers: { 'content-type': MANIFEST_TYPE },
    body: { length: bytes.length, open: () => bytes },
    expect: [201],
  });
  answer.response.resume();
  const stored = answer.headers['docker-content-digest'];
  if (typeof stored === 'string' && stored.startsWith('sha256:') && stored !== digest) {
    throw new StellaError(
      'BLOB_DIGEST',
      `the registry stored the manifest as ${excerpt(stored, 80)}, not as ${digest}`,
      { details: { expected: digest, found: stored } },
    );
  }
  return { digest, layers, uploaded, subject };
}

async function describeFile(file: string, isVolume: boolean): Promise<Layer> {
  const hash = sha256Stream();
  let size = 0;
  try {
    if (!statSync(file).isFile()) throw new StellaError('FILE_UNREADABLE', `${file} is not a regular file`);
    for await (const piece of createReadStream(file, {
      highWaterMark: 1024 * 1024,
    }) as AsyncIterable<Buffer>) {
      hash.update(piece);
      size += piece.length;
    }
  } catch (cause) {
    throw readError(file, cause);
  }
  return {
    mediaType: isVolume ? VOLUME_TYPE : LAYER_TYPE,
    title: basename(file),
    digest: `sha256:${formatHex(hash.digest())}`,
    size,
  };
}

/** The descriptor of the base's OCI manifest, by which registries list the deltas that refer to it. */
async function findBase(registry: Registry, manifestSha256: string): Promise<Descriptor | undefined> {
  try {
    const { bundles } = await listBundles(registry);
    const base = bundles.find(({ bundle }) => bundle.facts.manifestSha256 === manifestSha256);
    return base && { mediaType: MANIFEST_TYPE, digest: base.digest, size: base.size };
  } catch (error) {
    // A repository without any tag is not known to registries.
    if (isStellaError(error, 'FETCH_NOT_FOUND')) return undefined;
    throw error;
  }
}
