import { StellaError } from '../base/errors.ts';
import { FRAME_LENGTH, MAX_FRAME_COMPRESSED, MAX_FRAMES } from './limits.ts';

/**
 * The seek table of the Zstandard Seekable Format 0.1.0, in a skippable frame at the end of the file. Little endian:
 * `5E 2A 4D 18`, u32 length of what follows; per frame u32 compressed and u32 decompressed length; then the footer:
 * u32 number of frames, one descriptor byte (0: no checksums), `B1 EA 92 8F`.
 */
const SKIPPABLE_MAGIC = 0x184d2a5e;
const FOOTER_MAGIC = 0x8f92eab1;
const HEADER_BYTES = 8;
const ENTRY_BYTES = 8;
export const FOOTER_BYTES = 9;

export interface FrameLengths {
  readonly compressed: number;
  readonly decompressed: number;
}

export function formatSeekTable(frames: readonly FrameLengths[]): Uint8Array {
  const table = Buffer.alloc(seekTableBytes(frames.length));
  table.writeUInt32LE(SKIPPABLE_MAGIC, 0);
  table.writeUInt32LE(table.length - HEADER_BYTES, 4);
  frames.forEach((frame, i) => {
    table.writeUInt32LE(frame.compressed, HEADER_BYTES + ENTRY_BYTES * i);
    table.writeUInt32LE(frame.decompressed, HEADER_BYTES + ENTRY_BYTES * i + 4);
  });
  table.writeUInt32LE(frames.length, table.length - FOOTER_BYTES);
  table.writeUInt8(0, table.length - 5);
  table.writeUInt32LE(FOOTER_MAGIC, table.length - 4);
  return table;
}

/** Length of the whole skippable frame for so many frames, in bytes. */
export function seekTableBytes(frames: number): number {
  return HEADER_BYTES + ENTRY_BYTES * frames + FOOTER_BYTES;
}

/**
 * The footer, the last {@link FOOTER_BYTES} bytes of a file → number of frames, or `undefined` where there is no seek
 * table.
 * @throws StellaError ARCHIVE_LIMIT, ARCHIVE_INVALID
 */
export function parseSeekFooter(footer: Uint8Array): number | undefined {
  const view = Buffer.from(footer.buffer, footer.byteOffset, footer.byteLength);
  if (view.length !== FOOTER_BYTES || view.readUInt32LE(5) !== FOOTER_MAGIC) return undefined;
  const frames = view.readUInt32LE(0);
  if (frames > MAX_FRAMES)
    throw new StellaError(
      'ARCHIVE_LIMIT',
      `the seek table claims ${frames} frames, the most is ${MAX_FRAMES}`,
    );
  if (view.readUInt8(4) !== 0)
    throw new StellaError('ARCHIVE_INVALID', 'the seek table has a descriptor that format v1 does not use');
  return frames;
}

/**
 * A whole skippable frame → the lengths of the frames before it.
 * @throws StellaError ARCHIVE_INVALID, ARCHIVE_LIMIT
 */
export function parseSeekTable(bytes: Uint8Array): FrameLengths[] {
  const table = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = table.length < seekTableBytes(0) ? undefined : parseSeekFooter(table.subarray(-FOOTER_BYTES));
  if (count === undefined)
    throw new StellaError(
      'ARCHIVE_INVALID',
      'a skippable frame is not a seek table: what other tools write into such frames has no place in a bundle',
      {
        hint: [
          'if it was packed again on the way, unpack it and repack it with: tar --zstd -cf NEW.tar.zst manifest.json manifest.cose tuf logs attestations',
          'else copy the file again: it may be damaged',
        ],
      },
    );
  if (
    table.length !== seekTableBytes(count) ||
    table.readUInt32LE(0) !== SKIPPABLE_MAGIC ||
    table.readUInt32LE(4) !== table.length - HEADER_BYTES
  )
    throw new StellaError('ARCHIVE_INVALID', 'the seek table does not have the length that it claims');
  const frames: FrameLengths[] = [];
  for (let i = 0; i < count; i += 1) {
    const at = HEADER_BYTES + ENTRY_BYTES * i;
    const frame = { compressed: table.readUInt32LE(at), decompressed: table.readUInt32LE(at + 4) };
    if (frame.decompressed > FRAME_LENGTH || frame.compressed > MAX_FRAME_COMPRESSED)
      throw new StellaError('ARCHIVE_LIMIT', `frame ${i} is larger than ${FRAME_LENGTH} bytes`);
    if (frame.decompressed === 0 || frame.compressed === 0)
      throw new StellaError('ARCHIVE_INVALID', `frame ${i} is empty`);
    frames.push(frame);
  }
  return frames;
}
