import { padded } from '../archive/layout.ts';
import { FRAME_LENGTH, MAX_BUNDLE_MANIFEST_BYTES, MAX_BUNDLE_SIGNATURE_BYTES } from '../archive/limits.ts';
import type { SeekableArchive } from '../archive/reader.ts';
import { BLOCK, parseTarHeader } from '../archive/tar-header.ts';
import { excerpt } from '../base/bytes.ts';
import type { CoseSign } from '../base/cose.ts';
import { StellaError } from '../base/errors.ts';
import { MANIFEST_PATH, type Manifest, parseManifest, SIGNATURE_PATH } from './manifest.ts';
import { parseManifestSignature } from './signature.ts';

/** What a bundle begins with. */
export interface Head {
  readonly manifest: Manifest;
  readonly manifestBytes: Uint8Array;
  readonly signatures: CoseSign;
  /** Bytes of tar stream that it takes. */
  readonly length: number;
  /** Modification time of its entries, seconds since the epoch. */
  readonly mtime: number;
}

type HeadPath = typeof MANIFEST_PATH | typeof SIGNATURE_PATH;

const HEAD_LIMITS: Readonly<Record<HeadPath, number>> = {
  [MANIFEST_PATH]: MAX_BUNDLE_MANIFEST_BYTES,
  [SIGNATURE_PATH]: MAX_BUNDLE_SIGNATURE_BYTES,
};

/**
 * Judges that an entry at the head of an archive is the one that must be there, before any of it is kept.
 * @throws StellaError MANIFEST_MISSING, ARCHIVE_LIMIT
 */
export function checkHeadEntry(expected: HeadPath, path: string, size: number): void {
  if (path !== expected) throw headMissing(expected, path);
  if (size > HEAD_LIMITS[expected])
    throw new StellaError(
      'ARCHIVE_LIMIT',
      `${expected} claims ${size} bytes, the most is ${HEAD_LIMITS[expected]}`,
    );
}

export function headMissing(expected: HeadPath, path?: string): StellaError {
  const place = expected === MANIFEST_PATH ? 'first' : 'second';
  const found = path === undefined ? '' : `; it is ${excerpt(path)}`;
  return new StellaError('MANIFEST_MISSING', `the ${place} entry of the archive is not ${expected}${found}`);
}

/**
 * Reads manifest.json and manifest.cose from the first frames.
 * @param checkedManifest as `OpenOptions` has it
 * @throws StellaError as `openBundle`
 */
export async function readHead(archive: SeekableArchive, checkedManifest?: string): Promise<Head> {
  const manifest = await readHeadEntry(archive, 0, MANIFEST_PATH);
  const signature = await readHeadEntry(archive, manifest.end, SIGNATURE_PATH);
  if (manifest.mtime !== signature.mtime)
    throw new StellaError('ARCHIVE_INVALID', 'the first two entries carry different times');
  const frames = Math.ceil(signature.end / FRAME_LENGTH);
  for (let i = 1; i <= Math.min(frames, archive.frames); i += 1) {
    if (archive.offsetOf(i) !== Math.min(i * FRAME_LENGTH, signature.end))
      throw new StellaError(
        'ARCHIVE_INVALID',
        'manifest.json and manifest.cose are not alone in the first frame',
      );
  }
  return {
    manifest: parseManifest(manifest.bytes, checkedManifest),
    manifestBytes: manifest.bytes,
    signatures: parseManifestSignature(signature.bytes),
    length: signature.end,
    mtime: manifest.mtime,
  };
}

async function readHeadEntry(
  archive: SeekableArchive,
  offset: number,
  expected: HeadPath,
): Promise<{ bytes: Uint8Array; end: number; mtime: number }> {
  const block = await archive.read(offset, BLOCK);
  if (block.every((byte) => byte === 0)) throw headMissing(expected);
  const header = parseTarHeader(block);
  if (header.type !== 'file') throw headMissing(expected, header.name);
  checkHeadEntry(expected, header.name, header.size);
  if (header.canonicalMtime === undefined)
    throw new StellaError('ARCHIVE_INVALID', `the tar header of ${expected} is not as format v1 has it`);
  const content = await archive.read(offset + BLOCK, padded(header.size));
  if (content.subarray(header.size).some((byte) => byte !== 0))
    throw new StellaError('ARCHIVE_INVALID', 'the padding after an entry is not zero');
  const view = content.subarray(0, header.size);
  // What is held on to must not hold a whole frame.
  const bytes = content.length < content.buffer.byteLength ? Buffer.from(view) : view;
  return { bytes, end: offset + BLOCK + content.length, mtime: header.canonicalMtime };
}
