import { type FileHandle, open } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { BufferPool, releaseBuffer } from '../archive/buffers.ts';
import { checkEntryPaths } from '../archive/entry-path.ts';
import { frameLengths } from '../archive/layout.ts';
import { MAX_ARCHIVE_ENTRY_BYTES, MAX_BUNDLE_MANIFEST_BYTES, MAX_ENTRIES } from '../archive/limits.ts';
import { type FrameLengths, formatSeekTable } from '../archive/seek-table.ts';
import { type TarSource, tarMtime, writeTar } from '../archive/tar-writer.ts';
import { type SealedFrame, sealFrames } from '../archive/writer.ts';
import { DEFAULT_LEVEL, MOST_LEVEL } from '../archive/zstd.ts';
import { compareBytewise, formatSha256, type Sha256Hex, sha256Hex } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import { STAGING_PREFIX, withStagingAsync, writeError } from '../base/files.ts';
import { letInterruptsIn } from '../base/interrupt.ts';
import type { Signer } from '../base/keys.ts';
import { filePlace, publishOutput } from '../base/output/output-file.ts';
import { checkSchema } from '../base/schema.ts';
import { bodyFrames, headBytes } from './layout.ts';
import {
  checkFolders,
  checkManifestFacts,
  entriesRoot,
  formatManifest,
  formatOf,
  MANIFEST_PATH,
  type Manifest,
  type ManifestEntry,
  SIGNATURE_PATH,
  sealedAt,
} from './manifest.ts';
import { formatManifestSignature } from './signature.ts';
import { type EntrySource, PIECE_BYTES, readSource, sourceSize } from './source.ts';

/** What to seal, and how. */
export interface SealOptions {
  /** The file to make, in one step once all is written. */
  readonly out: string;
  /** Whether a file that is there already is replaced. */
  readonly replace?: boolean;
  /** Called when the bundle is on the disk and only its name is still to be given; what it throws leaves nothing. */
  readonly beforePublish?: () => void;
  readonly manifest: Omit<Manifest, 'format' | 'entries' | 'entries_root'>;
  /** In any order. Files must not change while they are sealed. */
  readonly entries: readonly { readonly path: string; readonly source: EntrySource }[];
  /** Ed25519 or ECDSA P-256. */
  readonly signers: readonly Signer[];
  /** zstd level, 1 to 15; 3 unless told otherwise. */
  readonly level?: number;
  /** Told how many bytes of content have been sealed, of how many. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** A bundle that was made. */
export interface Sealed {
  readonly manifest: Manifest;
  /** SHA-256 of manifest.json, hexadecimal: the name of this bundle's content. */
  readonly manifestSha256: Sha256Hex;
  /** Bytes of the file. */
  readonly size: number;
}

/** Before the bytes have gone by. */
const NOT_YET = sha256Hex(new Uint8Array());

interface Sized extends ManifestEntry {
  sha256: Sha256Hex;
  readonly source: EntrySource;
}

/**
 * Seals entries into a bundle, of format v1 where it says all. Every source is read once: its digest is taken from the very bytes that are
 * compressed. Equal inputs, `sealed_at`, level and Ed25519 signers give equal bytes. Needs space for the bundle twice
 * beside `out` while it works; memory does not grow with the content.
 * @throws StellaError ENTRY_PATH, ENTRY_DUPLICATE, ARCHIVE_LIMIT, MANIFEST_INVALID, KEY_INVALID, SIGNER_FAILED,
 * FILE_NOT_FOUND, FILE_UNREADABLE (also: changed meanwhile), FILE_EXISTS, WRITE_FAILED, USAGE
 */
export async function sealBundle(options: SealOptions): Promise<Sealed> {
  const level = options.level ?? DEFAULT_LEVEL;
  if (!Number.isInteger(level) || level < 1 || level > MOST_LEVEL)
    throw new StellaError('USAGE', `the zstd level must be 1 to ${MOST_LEVEL}`);
  filePlace(options.out, { replace: options.replace ?? false });
  const entries = sizedEntries(options);
  const mtime = tarMtime(sealedAt(options.manifest));
  // What can be refused is refused before anything is written; the entries' own fields are made here.
  checkManifestFacts(checkSchema('manifest', complete(options, []), MANIFEST_PATH, 'MANIFEST_INVALID'));
  return await withStagingAsync(dirname(options.out), STAGING_PREFIX, async (staging) => {
    const bodyPath = join(staging, 'body');
    const bodyTable = await writeFrames(bodyPath, sealBody(options, entries, mtime, level));
    const manifest = complete(options, entries);
    const manifestBytes = formatManifest(manifest);
    if (manifestBytes.length > MAX_BUNDLE_MANIFEST_BYTES)
      throw new StellaError('ARCHIVE_LIMIT', `the manifest would have ${manifestBytes.length} bytes`);
    const signature = await formatManifestSignature(manifestBytes, options.signers);
    const head = await sealHead(manifestBytes, signature, mtime, level);
    const sealed = join(staging, basename(options.out));
    const body = await open(bodyPath, 'r');
    let size: number;
    try {
      size = await writeBundle(sealed, head, fileChunks(body), bodyTable);
    } finally {
      await body.close();
    }
    await letInterruptsIn();
    options.beforePublish?.();
    publishOutput(sealed, options.out, { replace: options.replace ?? false });
    return { manifest, manifestSha256: sha256Hex(manifestBytes), size };
  });
}

function sizedEntries({ entries, manifest: { repositories } }: SealOptions): Sized[] {
  if (entries.length > MAX_ENTRIES)
    throw new StellaError('ARCHIVE_LIMIT', `a bundle holds ${MAX_ENTRIES} entries, not ${entries.length}`);
  const sorted = [...entries].sort((a, b) => compareBytewise(a.path, b.path));
  checkEntryPaths(sorted.map(({ path }) => path));
  checkFolders(sorted, repositories);
  return sorted.map(({ path, source }) => {
    const size = sourceSize(source);
    if (size > MAX_ARCHIVE_ENTRY_BYTES)
      throw new StellaError(
        'ARCHIVE_LIMIT',
        `an entry holds ${MAX_ARCHIVE_ENTRY_BYTES} bytes, not ${size}: ${path}`,
      );
    return { path, size, sha256: NOT_YET, source };
  });
}

function complete(options: SealOptions, entries: readonly ManifestEntry[]): Manifest {
  const listed = entries.map(({ path, size, sha256 }) => ({ path, size, sha256 }));
  return {
    ...options.manifest,
    format: formatOf(options.manifest),
    entries: listed,
    entries_root: entriesRoot(listed),
  };
}

/** Compresses the entries, filling in their digests on the way. */
function sealBody(
  options: SealOptions,
  entries: Sized[],
  mtime: number,
  level: number,
): AsyncGenerator<SealedFrame> {
  const total = entries.reduce((sum, { size }) => sum + size, 0);
  const pool = new BufferPool(PIECE_BYTES);
  let done = 0;
  const onRead = (bytes: number): void => {
    done += bytes;
    options.onProgress?.(done, total);
  };
  const sources = function* (): Generator<TarSource> {
    for (const entry of entries) {
      const onDigest = (sha256: Uint8Array): void => {
        entry.sha256 = formatSha256(sha256);
      };
      yield {
        path: entry.path,
        size: entry.size,
        content: readSource(entry.source, entry.size, pool, onRead, onDigest),
      };
    }
  };
  return sealFrames(writeTar(sources(), mtime, pool), bodyFrames(entries), level);
}

/**
 * The frames of manifest.json and manifest.cose.
 * @param mtime seconds since the epoch
 */
export async function sealHead(
  manifestBytes: Uint8Array,
  signature: Uint8Array,
  mtime: number,
  level: number,
): Promise<SealedFrame[]> {
  const sources = [
    { path: MANIFEST_PATH, size: manifestBytes.length, content: [manifestBytes] },
    { path: SIGNATURE_PATH, size: signature.length, content: [signature] },
  ];
  const lengths = frameLengths(headBytes(manifestBytes.length, signature.length));
  const frames: SealedFrame[] = [];
  for await (const frame of sealFrames(writeTar(sources, mtime), lengths, level)) frames.push(frame);
  return frames;
}

async function writeFrames(path: string, frames: AsyncIterable<SealedFrame>): Promise<FrameLengths[]> {
  const table: FrameLengths[] = [];
  const file = await openNew(path);
  try {
    for await (const { bytes, compressed, decompressed } of frames) {
      await writeAll(file, path, bytes);
      releaseBuffer(bytes);
      table.push({ compressed, decompressed });
    }
  } finally {
    await file.close();
  }
  return table;
}

/**
 * Puts a bundle file together: head, body, seek table; on the disk on return.
 * @returns its size in bytes
 */
export async function writeBundle(
  path: string,
  head: readonly SealedFrame[],
  body: AsyncIterable<Uint8Array>,
  bodyTable: readonly FrameLengths[],
): Promise<number> {
  const file = await openNew(path);
  let size = 0;
  const write = async (bytes: Uint8Array): Promise<void> => {
    await writeAll(file, path, bytes);
    size += bytes.length;
  };
  try {
    for (const { bytes } of head) await write(bytes);
    for await (const bytes of body) await write(bytes);
    await write(formatSeekTable([...head, ...bodyTable]));
    await file.sync();
    return size;
  } catch (cause) {
    throw writeError(path, cause);
  } finally {
    await file.close();
  }
}

async function openNew(path: string): Promise<FileHandle> {
  return await open(path, 'wx', 0o644).catch((cause: unknown) => {
    throw writeError(path, cause);
  });
}

async function writeAll(file: FileHandle, path: string, bytes: Uint8Array): Promise<void> {
  try {
    for (let done = 0; done < bytes.length; )
      done += (await file.write(bytes, done, bytes.length - done)).bytesWritten;
  } catch (cause) {
    throw writeError(path, cause);
  }
}

async function* fileChunks(file: FileHandle): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.allocUnsafeSlow(4 * 1024 * 1024);
  for (let at = 0; ; ) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
    at += bytesRead;
  }
}
