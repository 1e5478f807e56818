import { FRAME_LENGTH } from '../../src/archive/limits.ts';
import {
  formatSeekTable,
  parseSeekFooter,
  parseSeekTable,
  seekTableBytes,
} from '../../src/archive/seek-table.ts';
import { compressFrame, decompressFrame } from '../../src/archive/zstd.ts';

/** Whole numbers below `most`, the same for the same seed. */
export type Random = (most: number) => number;

export function randomOf(seed: number): Random {
  let state = (seed * 2654435761 + 1) >>> 0 || 1;
  return (most) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state = (state ^ (state << 5)) >>> 0;
    return state % most;
  };
}

const INTERESTING = [0, 1, 0x7f, 0x80, 0xff, 0x2f, 0x2e, 0x5c, 0x20, 0x30, 0x39];

/** Changes of bytes that know nothing of what they mean. `other` lends pieces. */
const CHANGES: readonly ((bytes: Buffer, random: Random, other: Buffer) => Buffer)[] = [
  (bytes, random) => {
    bytes[random(bytes.length)]! ^= 1 << random(8);
    return bytes;
  },
  (bytes, random) => {
    bytes[random(bytes.length)] = INTERESTING[random(INTERESTING.length)]!;
    return bytes;
  },
  (bytes, random) => bytes.subarray(0, random(bytes.length)),
  (bytes, random) => {
    const at = random(bytes.length);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random(16))]);
  },
  (bytes, random) => {
    const at = random(bytes.length);
    const added = Buffer.alloc(1 + random(16), random(256));
    return Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at)]);
  },
  (bytes, random) => {
    const [from, length, to] = [random(bytes.length), 1 + random(600), random(bytes.length)];
    return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from, from + length), bytes.subarray(to)]);
  },
  (bytes, random) => {
    const [from, length, to] = [random(bytes.length), 1 + random(64), random(bytes.length)];
    bytes.subarray(from, from + length).copy(bytes, to);
    return bytes;
  },
  (bytes, random, other) => {
    const [from, length, to] = [random(other.length), 1 + random(600), random(bytes.length)];
    other.subarray(from, from + length).copy(bytes, to);
    return bytes;
  },
  (bytes, random, other) =>
    Buffer.concat([bytes.subarray(0, random(bytes.length)), other.subarray(random(other.length))]),
  (bytes, random) => {
    const at = random(Math.max(bytes.length - 4, 1));
    if (bytes.length >= at + 4) bytes.writeUInt32LE([0, 1, 0x7fffffff, 0xffffffff, 4 << 20][random(5)]!, at);
    return bytes;
  },
];

/** 1 to 4 changes of a copy. */
function change(bytes: Uint8Array, random: Random, other: Buffer): Buffer {
  let changed: Buffer = Buffer.from(bytes);
  for (let n = 1 + (random(3) === 0 ? random(4) : 0); n > 0 && changed.length > 0; n -= 1)
    changed = CHANGES[random(CHANGES.length)]!(changed, random, other);
  return changed;
}

/** Sets the checksum of a tar header right, so that what was changed in it is looked at. */
function mendChecksum(tar: Buffer, at: number): void {
  const block = tar.subarray(at, at + 512);
  if (block.length < 512) return;
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')} \0`, 148, 8, 'latin1');
}

/**
 * A changed bundle: of half, the file's own bytes are changed; of the others, the tar stream of a frame, put back with a
 * seek table (and mostly a checksum) that fits.
 */
export async function mutate(good: Buffer, other: Buffer, random: Random): Promise<Buffer> {
  const count = parseSeekFooter(good.subarray(-9));
  if (count === undefined || random(2) === 0) return change(good, random, other);
  const tableBytes = seekTableBytes(count);
  const table = parseSeekTable(good.subarray(-tableBytes));
  const frames: Buffer[] = [];
  for (let i = 0, at = 0; i < table.length; at += table[i]!.compressed, i += 1)
    frames.push(good.subarray(at, at + table[i]!.compressed));
  const chosen = random(frames.length);
  let tar: Buffer = await decompressFrame(frames[chosen]!, table[chosen]!.decompressed);
  if (random(2) === 0) {
    const header = 512 * random(Math.max(Math.floor(tar.length / 512), 1));
    const block = change(tar.subarray(header, header + 512), random, other);
    tar = Buffer.concat([tar.subarray(0, header), block, tar.subarray(header + 512)]);
    if (random(8) > 0) mendChecksum(tar, header);
  } else tar = change(tar, random, other);
  if (tar.length === 0 || tar.length > FRAME_LENGTH) return change(good, random, other);
  const frame = await compressFrame(tar, 3);
  frames[chosen] = frame;
  table[chosen] = { compressed: frame.length, decompressed: tar.length };
  return Buffer.concat([...frames, formatSeekTable(table)]);
}
