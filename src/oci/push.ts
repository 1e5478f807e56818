import { statSync } from 'node:fs';
import { basename } from 'node:path';
import { excerpt, type Sha256Hex, sha256Hex } from '../base/bytes.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { readError } from '../base/files.ts';
import { discard } from '../net/body.ts';
import { bodyOf } from '../net/exchange.ts';
import { type BundleFacts, formatAnnotations } from './annotations.ts';
import { ChunkSize } from './chunk-size.ts';
import { digestOfTag, fetchManifest } from './fetch-manifest.ts';
import { listBundles } from './list.ts';
import {
  type Descriptor,
  EMPTY_CONFIG,
  formatBundleManifest,
  LAYER_TYPE,
  type Layer,
  MANIFEST_TYPE,
  MAX_VOLUMES,
  VOLUME_TYPE,
} from './manifest.ts';
import { addReferrer } from './referrers.ts';
import { type Registry, SUCCESSES } from './registry.ts';
import { type Blob, digestOfContent, uploadBlob } from './upload.ts';
import type { UploadMemory, UploadRecord } from './upload-memory.ts';
import { storedDigest } from './upload-session.ts';

export interface PushOptions {
  /** The bundle, or its volumes in order. */
  readonly files: readonly string[];
  /** The most bytes of one layer: a greater bundle goes as volumes. Without it, a file is a layer. */
  readonly layerSize?: number | undefined;
  readonly tag: string;
  /** What the bundle says of itself. */
  readonly facts: BundleFacts;
  /** Where it is kept how far an upload came, for the run after one that was cut off. */
  readonly memory?: UploadMemory | undefined;
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
  /** Why the registry's list of what refers to the base could not be added to, if so. */
  readonly problem: StellaError | undefined;
}

/** Bytes below which reading twice goes unnoticed. */
const WORTH_ASKING = 64 * 1024 * 1024;

/**
 * Pushes a bundle: its content, then the manifest under the tag, so that a tag never names what is not there.
 * @throws StellaError FILE_*, FETCH_*, REGISTRY_AUTH, BLOB_DIGEST
 */
export async function pushBundle(registry: Registry, options: PushOptions): Promise<Pushed> {
  const { facts } = options;
  const parts = partsOf(options);
  const total = parts.reduce((sum, { size }) => sum + size, 0);
  // Whether the registry has it already can only be asked by digest, which costs a reading of its own.
  const askFirst = parts.length > 1 || total < WORTH_ASKING || (await holdsBundle(registry, options));
  const layers: Layer[] = [];
  const chunks = new ChunkSize();
  let [passed, uploaded] = [0, 0];
  for (const { title, ...part } of parts) {
    const { size } = part;
    const blob: Blob = askFirst ? { ...part, digest: await digestOfContent(part) } : part;
    const report = (done: number) => options.onProgress?.(passed + done, total);
    // The digest of a great file is known only once it has passed: the bundle and the length stand for it.
    const content = blob.digest ?? `${facts.manifestSha256}, ${size} bytes`;
    const subject = { registry: registry.origin, repository: registry.repository, content };
    const upload = (record?: UploadRecord) =>
      uploadBlob(registry, blob, { record, chunks, onProgress: report });
    const { digest, held } = await (options.memory?.with(subject, upload) ?? upload());
    layers.push({ mediaType: parts.length > 1 ? VOLUME_TYPE : LAYER_TYPE, digest, size, title });
    passed += size;
    uploaded += size - held;
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
    body: bodyOf(bytes),
    expect: SUCCESSES,
  });
  discard(answer);
  // Where the registry does not say what it has stored, it has to show it.
  const stored =
    storedDigest(answer.headers['docker-content-digest']) ?? (await digestOfTag(registry, options.tag));
  if (stored !== digest) {
    throw new StellaError(
      'BLOB_DIGEST',
      `the registry stored ${stored === undefined ? 'no manifest' : `the manifest as ${excerpt(stored, 80)}`}, not as ${digest}`,
      { details: { expected: digest, found: stored ?? null } },
    );
  }
  // The tag names the bundle by now, whatever becomes of lists that others share.
  const problem =
    subject === undefined || answer.headers['oci-subject'] !== undefined
      ? undefined
      : await addReferrer(registry, subject.digest, {
          digest,
          size: bytes.length,
          annotations: formatAnnotations(facts),
        }).then(() => undefined, asProblem);
  return { digest, layers, uploaded, subject, problem };
}

function asProblem(error: unknown): StellaError {
  if (isStellaError(error)) return error;
  throw error;
}

/** What becomes a layer each, in order. @throws StellaError USAGE, FILE_* */
function partsOf({ files, layerSize }: PushOptions): (Blob & { readonly title: string })[] {
  const [file] = files;
  const size = sizeOf(file!);
  if (layerSize === undefined || (files.length === 1 && size <= layerSize))
    return files.map((path) => ({ content: { file: path }, size: sizeOf(path), title: basename(path) }));
  if (files.length > 1)
    throw new StellaError('USAGE', 'the bundle is split already', { hint: 'leave out --split-size' });
  const count = Math.ceil(size / layerSize);
  if (count > MAX_VOLUMES) {
    throw new StellaError('USAGE', `there would be ${count} layers, the most is ${MAX_VOLUMES}`, {
      hint: `choose at least ${Math.ceil(size / MAX_VOLUMES)} bytes`,
    });
  }
  return Array.from({ length: count }, (_, i) => ({
    content: { file: file!, offset: i * layerSize },
    size: Math.min(layerSize, size - i * layerSize),
    title: `${basename(file!)}.${String(i + 1).padStart(3, '0')}`,
  }));
}

function sizeOf(file: string): number {
  try {
    const stat = statSync(file);
    if (!stat.isFile()) throw new StellaError('FILE_UNREADABLE', `${file} is not a regular file`);
    return stat.size;
  } catch (cause) {
    throw readError(file, cause);
  }
}

/** Whether the tag names this bundle by now, going by what the registry says. */
async function holdsBundle(registry: Registry, { tag, facts }: PushOptions): Promise<boolean> {
  try {
    const { bundle } = await fetchManifest(registry, tag);
    return bundle.facts.manifestSha256 === facts.manifestSha256;
  } catch (error) {
    if (isStellaError(error, 'FETCH_NOT_FOUND') || isStellaError(error, 'OCI_MANIFEST')) return false;
    throw error;
  }
}

/** The descriptor of the base's OCI manifest, by which registries list the deltas that refer to it. */
async function findBase(registry: Registry, manifestSha256: Sha256Hex): Promise<Descriptor | undefined> {
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
