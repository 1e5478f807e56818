import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { excerpt, formatHex, sha256Hex, sha256Stream } from '../base/bytes.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { readError, writeError } from '../base/files.ts';
import { parseStrictJson } from '../base/json.ts';
import { FieldReader, isPresent } from '../base/json-fields.ts';
import type { FetchedManifest } from './fetch-manifest.ts';
import { formatLayoutReference, type LayoutReference } from './layout-reference.ts';
import {
  bundleSize,
  type Descriptor,
  MANIFEST_TYPE,
  MAX_MANIFEST_BYTES,
  parseBundleManifest,
} from './manifest.ts';
import { isDigest, isTag } from './reference.ts';

/** A bundle that an image layout names. */
export interface LayoutBundle extends FetchedManifest {
  /** `TAG`, or `sha256:HEX` where the index gives it no name. */
  readonly name: string;
}

const LAYOUT_FILE = 'oci-layout';
const INDEX_FILE = 'index.json';
const REF_NAME = 'org.opencontainers.image.ref.name';
const MAX_LAYOUT_FILE_BYTES = 4096;
const MAX_INDEX_BYTES = 4 * 1024 * 1024;
const MAX_MANIFESTS = 1000;
/** Bytes of all manifests, as when the tags of a repository are listed. */
const MAX_MANIFESTS_BYTES = 128 * 1024 * 1024;
const MAX_NAMED = 10;
const PIECE = 1024 * 1024;

const read = new FieldReader('OCI_MANIFEST');

/**
 * The one bundle of an image layout (image specification, image-layout.md) that the reference names. Every manifest that
 * is looked at is what its digest says.
 * @throws StellaError FILE_*, OCI_MANIFEST, BLOB_DIGEST, USAGE where there are several
 */
export async function findLayoutBundle(reference: LayoutReference): Promise<LayoutBundle> {
  const { directory } = reference;
  await checkLayout(directory);
  const index = await readIndex(directory);
  const entries = index.filter(
    ({ names, digest }) =>
      (reference.tag === undefined || names.has(reference.tag)) &&
      (reference.digest === undefined || digest === reference.digest),
  );
  if (entries.length === 0) throw none(reference, namesOf(index.map(nameOf)));
  const bundles: LayoutBundle[] = [];
  const others: string[] = [];
  let size = 0;
  for (const entry of entries) {
    if (bundles.some(({ digest }) => digest === entry.digest)) continue;
    if (entry.mediaType !== MANIFEST_TYPE || !isDigest(entry.digest)) {
      others.push(`${nameOf(entry)} of type ${excerpt(entry.mediaType)}`);
      continue;
    }
    const bytes = await readBlob(directory, entry);
    size += bytes.length;
    if (size > MAX_MANIFESTS_BYTES)
      throw none(reference, `its manifests have more than ${MAX_MANIFESTS_BYTES} bytes together`);
    try {
      const bundle = parseBundleManifest(bytes, entry.mediaType);
      bundles.push({ bundle, digest: entry.digest, size: bytes.length, name: nameOf(entry) });
    } catch (error) {
      if (!isStellaError(error, 'OCI_MANIFEST')) throw error;
      others.push(`${nameOf(entry)} (${error.message})`);
    }
  }
  const [bundle] = bundles;
  if (!bundle) throw none(reference, namesOf(others));
  if (bundles.length > 1) throw several(directory, bundles);
  return bundle;
}

/**
 * Checks every blob of a bundle, and gives the file that has its content: the layer itself, or the volumes joined.
 * @param staging a directory that belongs to the caller
 * @throws StellaError FILE_*, BLOB_DIGEST, WRITE_FAILED
 */
export async function readLayoutBundle(
  directory: string,
  { bundle }: LayoutBundle,
  staging: string,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<string> {
  const { config, layers } = bundle;
  await readBlob(directory, config);
  const total = bundleSize(bundle);
  let passed = 0;
  const pass = (bytes: number) => {
    passed += bytes;
    onProgress(passed, total);
  };
  const [first, ...rest] = layers;
  if (rest.length === 0) {
    for await (const piece of checkedBlob(directory, first!)) pass(piece.length);
    return blobPath(directory, first!.digest);
  }
  const path = join(staging, 'joined.tar.zst');
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      for (const layer of layers) {
        for await (const piece of checkedBlob(directory, layer)) {
          await file.writeFile(piece);
          pass(piece.length);
        }
      }
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw writeError(path, cause);
  }
  return path;
}

async function checkLayout(directory: string): Promise<void> {
  const path = join(directory, LAYOUT_FILE);
  let bytes: Uint8Array;
  try {
    bytes = await readSmall(path, MAX_LAYOUT_FILE_BYTES);
  } catch (error) {
    if (!isStellaError(error, 'FILE_NOT_FOUND')) throw error;
    throw new StellaError(
      'FILE_UNREADABLE',
      `${directory} is no OCI image layout: it has no file ${LAYOUT_FILE}`,
      {
        hint: [
          'give the bundle itself (NAME.tar.zst, or NAME.parts.json of a split one)',
          'or a layout as skopeo writes it: skopeo copy docker://HOST/REPOSITORY:TAG oci:DIRECTORY:TAG',
        ],
      },
    );
  }
  const layout = read.object(parseStrictJson(bytes, path, { code: 'OCI_MANIFEST' }), path);
  const version = read.string(layout['imageLayoutVersion'], `${path}: imageLayoutVersion`, 64);
  if (version !== '1.0.0') read.refuse(path, `is of layout version ${excerpt(version)}, not 1.0.0`);
}

interface IndexEntry extends Pick<Descriptor, 'mediaType' | 'digest' | 'size'> {
  /** What the index calls it, and the tag alone of a full name, as oras-go and crane write it. */
  readonly names: ReadonlySet<string>;
}

async function readIndex(directory: string): Promise<IndexEntry[]> {
  const path = join(directory, INDEX_FILE);
  const bytes = await readSmall(path, MAX_INDEX_BYTES);
  const index = read.object(parseStrictJson(bytes, path, { code: 'OCI_MANIFEST' }), path);
  return read.array(index['manifests'], `${path}: manifests`, MAX_MANIFESTS).map((item, i) => {
    const where = `${path}: manifests.${i}`;
    const { mediaType, digest, size, annotations } = read.object(item, where);
    const table = isPresent(annotations) ? read.object(annotations, `${where}.annotations`) : {};
    const name = Object.hasOwn(table, REF_NAME)
      ? read.string(table[REF_NAME], `${where}.annotations.${REF_NAME}`, 512)
      : undefined;
    if (!Number.isSafeInteger(size) || (size as number) < 0) read.refuse(`${where}.size`, 'is not a size');
    return {
      mediaType: read.string(mediaType, `${where}.mediaType`, 255),
      digest: read.string(digest, `${where}.digest`, 255),
      size: size as number,
      names: new Set(name === undefined ? [] : [name, ...name.split(':').slice(-1)]),
    };
  });
}

function nameOf({ names, digest }: Pick<IndexEntry, 'names' | 'digest'>): string {
  const tag = [...names].findLast(isTag);
  return tag ?? (isDigest(digest) ? digest : excerpt(digest));
}

function namesOf(names: readonly string[]): string {
  const more = names.length > MAX_NAMED ? ` and ${names.length - MAX_NAMED} more` : '';
  return names.length === 0
    ? 'its index is empty'
    : `there is ${names.slice(0, MAX_NAMED).join(', ')}${more}`;
}

function none({ directory, tag, digest }: LayoutReference, why: string): StellaError {
  const wanted = tag ?? digest;
  return new StellaError(
    'OCI_MANIFEST',
    `${directory} has no sealed bundle${wanted === undefined ? '' : ` ${wanted}`}: ${why}`,
    { hint: 'copy the bundle again: skopeo copy docker://HOST/REPOSITORY:TAG oci:DIRECTORY:TAG' },
  );
}

function several(directory: string, bundles: readonly LayoutBundle[]): StellaError {
  const described = bundles.map(
    ({ name, bundle: { facts } }) =>
      `${name} (said to be number ${facts.sequence}, sealed at ${facts.sealedAt})`,
  );
  const [{ name, digest }] = bundles as [LayoutBundle];
  // A name that several have does not tell them apart.
  const isName = !isDigest(name) && bundles.filter((one) => one.name === name).length === 1;
  const place = isName ? { tag: name, digest: undefined } : { tag: undefined, digest };
  return new StellaError('USAGE', `${directory} has ${bundles.length} bundles: ${namesOf(described)}`, {
    hint: `name one of them in place of the directory, e.g. ${formatLayoutReference({ directory, ...place })}`,
    details: { bundles: bundles.map(({ name, digest }) => ({ name, digest })) },
  });
}

function blobPath(directory: string, digest: string): string {
  if (!isDigest(digest)) throw new StellaError('OCI_MANIFEST', `not a SHA-256 digest: ${excerpt(digest)}`);
  return join(directory, 'blobs', 'sha256', digest.slice('sha256:'.length));
}

/** A small blob. */
async function readBlob(
  directory: string,
  { digest, size }: Pick<Descriptor, 'digest' | 'size'>,
): Promise<Buffer> {
  const path = blobPath(directory, digest);
  if (size > MAX_MANIFEST_BYTES) {
    throw new StellaError(
      'OCI_MANIFEST',
      `${digest} claims ${size} bytes, the most is ${MAX_MANIFEST_BYTES}`,
    );
  }
  let bytes: Buffer;
  try {
    bytes = await readSmall(path, MAX_MANIFEST_BYTES);
  } catch (error) {
    throw blobError(path, error);
  }
  const found = `sha256:${sha256Hex(bytes)}`;
  if (found !== digest || bytes.length !== size) throw damaged(path, digest, found, bytes.length, size);
  return bytes;
}

/** The content of a blob of any size. Nothing of it counts before the end has come. */
async function* checkedBlob(directory: string, { digest, size }: Descriptor): AsyncGenerator<Buffer> {
  const path = blobPath(directory, digest);
  const hash = sha256Stream();
  let total = 0;
  try {
    const { file, length } = await openRegular(path);
    try {
      if (length !== size) throw damaged(path, digest, undefined, length, size);
      const stream = file.createReadStream({ highWaterMark: PIECE, autoClose: false });
      for await (const piece of stream as AsyncIterable<Buffer>) {
        total += piece.length;
        if (total > size) throw damaged(path, digest, undefined, total, size);
        hash.update(piece);
        yield piece;
      }
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw blobError(path, cause);
  }
  const found = `sha256:${formatHex(hash.digest())}`;
  if (found !== digest || total !== size) throw damaged(path, digest, found, total, size);
}

/** Opens a file on a medium, where a pipe without a writer must not hold it up, and a device is not read. */
async function openRegular(path: string): Promise<{ readonly file: FileHandle; readonly length: number }> {
  // On Windows there is no such flag, which counts as none here.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new StellaError('FILE_UNREADABLE', `${path} is not a regular file`);
    return { file, length: stat.size };
  } catch (cause) {
    await file.close();
    throw cause;
  }
}

/** @throws StellaError FILE_NOT_FOUND, FILE_UNREADABLE, FILE_TOO_LARGE */
async function readSmall(path: string, max: number): Promise<Buffer> {
  try {
    const { file, length } = await openRegular(path);
    try {
      if (length > max) throw new StellaError('FILE_TOO_LARGE', `${path} is larger than ${max} bytes`);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw readError(path, cause);
  }
}

function blobError(path: string, cause: unknown): StellaError {
  const error = readError(path, cause);
  return error.code === 'FILE_NOT_FOUND'
    ? error.with({
        hint: 'the layout lacks that blob: check that the medium is mounted, or copy the layout again',
      })
    : error;
}

function damaged(
  path: string,
  expected: string,
  found: string | undefined,
  length: number,
  size: number,
): StellaError {
  const what = length === size ? `is ${found}` : `has ${length} bytes, not ${size}`;
  return new StellaError('BLOB_DIGEST', `${path} ${what}: it is not the blob ${expected}`, {
    details: { expected, ...(found === undefined ? {} : { found }) },
    hint: 'the layout is damaged or altered: copy it again, then report it if that is so again',
  });
}
