import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { BufferPool, releaseBuffer } from '../../src/archive/buffers.ts';
import { ByteFile } from '../../src/archive/byte-file.ts';
import { frameLengths } from '../../src/archive/layout.ts';
import { FRAME_LENGTH } from '../../src/archive/limits.ts';
import { inOrder } from '../../src/archive/parallel.ts';
import { SeekableArchive } from '../../src/archive/reader.ts';
import { formatSeekTable, parseSeekTable } from '../../src/archive/seek-table.ts';
import { FrameStream } from '../../src/archive/stream.ts';
import { sealFrames } from '../../src/archive/writer.ts';
import { compressFrame, decompressFrame } from '../../src/archive/zstd.ts';
import { FrameWalker } from '../../src/archive/zstd-frame.ts';
import { noise } from '../support/bundle.ts';
import { refusal } from '../support/errors.ts';
import { temporaryDirectory } from '../support/temp.ts';

const lengths = fc.record({
  compressed: fc.integer({ min: 1, max: FRAME_LENGTH }),
  decompressed: fc.integer({ min: 1, max: FRAME_LENGTH }),
});

describe('seek table', () => {
  test('round-trips', () => {
    fc.assert(
      fc.property(fc.array(lengths, { maxLength: 50 }), (frames) => {
        expect(parseSeekTable(formatSeekTable(frames))).toEqual(frames);
      }),
    );
  });

  test('of two frames, byte by byte', () => {
    const bytes = formatSeekTable([
      { compressed: 10, decompressed: 20 },
      { compressed: 256, decompressed: 512 },
    ]);
    expect(Buffer.from(bytes).toString('hex')).toBe(
      '5e2a4d18' +
        '19000000' +
        '0a000000' +
        '14000000' +
        '00010000' +
        '00020000' +
        '02000000' +
        '00' +
        'b1ea928f',
    );
  });

  test('any altered byte outside of the lengths is refused', async () => {
    const good = Buffer.from(formatSeekTable([{ compressed: 10, decompressed: 20 }]));
    for (const at of [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23, 24]) {
      const bytes = Buffer.from(good);
      bytes[at]! ^= 1;
      expect(() => parseSeekTable(bytes), `byte ${at}`).toThrow();
    }
    await refusal('ARCHIVE_INVALID', () => parseSeekTable(good.subarray(1)));
  });
});

describe('frames', () => {
  test('what is compressed comes out again, and the walker finds its end in pieces of any length', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 300_000 }),
        fc.boolean(),
        fc.integer({ min: 1, max: 70_000 }),
        fc.constantFrom(1, 3, 9),
        async (length, isNoise, step, level) => {
          const raw = isNoise ? noise(length) : Buffer.alloc(length, 'abc');
          const frame = await compressFrame(raw, level);
          expect((await decompressFrame(frame, length)).equals(raw)).toBe(true);
          const walker = new FrameWalker(2 ** 23);
          const followed = Buffer.concat([frame, frame.subarray(0, 3)]);
          let at = 0;
          for (let ended = false; !ended; ) {
            const advanced = walker.advance(followed.subarray(at, at + step));
            expect(advanced.used).toBeGreaterThan(0);
            at += advanced.used;
            ended = advanced.ended;
          }
          expect(at).toBe(frame.length);
          expect(walker.atBoundary).toBe(true);
        },
      ),
      { numRuns: 40 },
    );
  });

  test('a frame must have the length that is claimed, exactly', async () => {
    const frame = await compressFrame(Buffer.alloc(1000), 3);
    await decompressFrame(frame, 1000);
    for (const length of [1, 999, 1001, 4096])
      await refusal('ARCHIVE_INVALID', () => decompressFrame(frame, length));
    await refusal('ARCHIVE_INVALID', () => decompressFrame(Buffer.concat([frame, Buffer.of(0)]), 1000));
    await refusal('ARCHIVE_INVALID', () => decompressFrame(frame.subarray(0, -1), 1000));
    await refusal('ARCHIVE_INVALID', () => decompressFrame(zstdCompressSync(Buffer.alloc(1000)), 1000));
  });

  test('whatever bytes come, the walker throws nothing but refusals and never goes back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, isFrame) => {
        const input = isFrame ? Buffer.concat([Buffer.from('28b52ffd0058', 'hex'), bytes]) : bytes;
        const walker = new FrameWalker(2 ** 27);
        try {
          for (let at = 0; at < input.length; ) at += walker.advance(input.subarray(at)).used;
        } catch (error) {
          expect(error).toHaveProperty('code', expect.stringMatching(/^ARCHIVE_(INVALID|LIMIT)$/));
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('lengths of frames add up and none but the last is less than full', () => {
    expect(frameLengths(0)).toEqual([]);
    expect(frameLengths(FRAME_LENGTH)).toEqual([FRAME_LENGTH]);
    expect(frameLengths(2 * FRAME_LENGTH + 512)).toEqual([FRAME_LENGTH, FRAME_LENGTH, 512]);
  });
});

/** A file of frames of the given lengths over noise. */
async function archiveOf(
  frames: readonly number[],
  parts = 1,
): Promise<{ raw: Buffer; file: Buffer; archive: SeekableArchive }> {
  const raw = noise(
    frames.reduce((sum, length) => sum + length, 0),
    3,
  );
  const sealed = [];
  for await (const frame of sealFrames(pieces(raw, 7001), frames, 3)) sealed.push(frame);
  const file = Buffer.concat([...sealed.map(({ bytes }) => bytes), formatSeekTable(sealed)]);
  const directory = temporaryDirectory();
  const step = Math.ceil(file.length / parts);
  const paths = Array.from({ length: parts }, (_, i) => join(directory, String(i)));
  for (const [i, path] of paths.entries()) writeFileSync(path, file.subarray(i * step, (i + 1) * step));
  const opened = await ByteFile.open('x', paths);
  onTestFinished(() => opened.close());
  const archive = await SeekableArchive.load(opened);
  return { raw, file, archive: archive! };
}

async function* pieces(bytes: Buffer, step: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step);
}

describe('reading', () => {
  const frames = [1000, 4096, 1, 70_000, 512, 9];

  test.each([1, 2, 7])('any piece is read from a file in %d parts', async (parts) => {
    const { raw, archive } = await archiveOf(frames, parts);
    expect(archive.length).toBe(raw.length);
    expect(archive.frames).toBe(frames.length);
    await fc.assert(
      fc.asyncProperty(fc.nat(raw.length), fc.nat(raw.length), async (from, length) => {
        const end = Math.min(from + length, raw.length);
        expect((await archive.read(from, end - from)).equals(raw.subarray(from, end))).toBe(true);
        const streamed: Buffer[] = [];
        for await (const piece of archive.chunks(from, end)) streamed.push(Buffer.from(piece));
        expect(Buffer.concat(streamed).equals(raw.subarray(from, end))).toBe(true);
      }),
      { numRuns: 40 },
    );
    await refusal('ARCHIVE_TRUNCATED', () => archive.read(raw.length - 5, 6));
    await refusal('ARCHIVE_TRUNCATED', () => archive.chunks(0, raw.length + 1).next());
    await archive.close();
  });

  test('a stream in pieces of any length gives the same', async () => {
    const { raw, file, archive } = await archiveOf(frames);
    await archive.close();
    for (const step of [13, 4096, file.length]) {
      const stream = new FrameStream(pieces(file, step));
      const out: Buffer[] = [];
      for await (const piece of stream.bytes()) out.push(Buffer.from(piece));
      expect(Buffer.concat(out).equals(raw)).toBe(true);
      expect(stream.seekTable).toEqual(parseSeekTable(file.subarray(-(17 + 8 * frames.length))));
      await stream.close();
    }
  });

  test('a stream that nobody reads to its end lets go of its source', async () => {
    const { file, archive } = await archiveOf(frames);
    await archive.close();
    let isClosed = false;
    const source = async function* (): AsyncGenerator<Buffer> {
      try {
        yield* pieces(file, 100);
      } finally {
        isClosed = true;
      }
    };
    const stream = new FrameStream(source());
    const bytes = stream.bytes();
    await bytes.next();
    await bytes.return(undefined);
    await stream.close();
    expect(isClosed).toBe(true);
  });

  test('a file that is no archive', async () => {
    const directory = temporaryDirectory();
    const file = async (bytes: Buffer) => {
      writeFileSync(join(directory, 'x'), bytes);
      const opened = await ByteFile.open('x', [join(directory, 'x')]);
      try {
        return await SeekableArchive.load(opened);
      } finally {
        await opened.close();
      }
    };
    await refusal('ARCHIVE_TRUNCATED', () => file(Buffer.alloc(0)));
    expect(await file(Buffer.from('x'))).toBeUndefined();
    expect(await file(Buffer.alloc(100, 'x'))).toBeUndefined();
    await refusal('FILE_UNREADABLE', () => ByteFile.open('x', [directory]));
    await refusal('FILE_NOT_FOUND', () =>
      ByteFile.open('x', [join(directory, 'x'), join(directory, 'absent')]),
    );
  });
});

test('a tar stream shorter than its layout is a fault of ours', async () => {
  await refusal('INTERNAL', () => sealFrames(pieces(noise(100), 10), [200], 3).next());
});

describe('in order, several at once', () => {
  const numbers = Array.from({ length: 50 }, (_, i) => i);

  test('results come in the order of the inputs, with no more under way than allowed', async () => {
    let underWay = 0;
    let most = 0;
    const work = async (n: number): Promise<number> => {
      underWay += 1;
      most = Math.max(most, underWay);
      await new Promise((resolve) => setTimeout(resolve, (n * 7) % 5));
      underWay -= 1;
      return n * n;
    };
    const results: number[] = [];
    for await (const result of inOrder(numbers, work, 4)) results.push(result);
    expect(results).toEqual(numbers.map((n) => n * n));
    expect(most).toBeLessThanOrEqual(4);
  });

  test('the first failure in order is thrown, and nothing is left under way', async () => {
    let underWay = 0;
    const run = async (): Promise<void> => {
      const work = async (n: number): Promise<number> => {
        underWay += 1;
        await new Promise((resolve) => setTimeout(resolve, 10 - n));
        underWay -= 1;
        if (n >= 3) throw new Error(String(n));
        return n;
      };
      for await (const _ of inOrder(numbers, work, 3));
    };
    await expect(run()).rejects.toThrow('3');
    expect(underWay).toBe(0);
  });
});

test('buffers go round, and only large ones of their own are freed', () => {
  const pool = new BufferPool(1024);
  const one = pool.take();
  pool.give(one.subarray(0, 10));
  expect(pool.take()).toBe(one);
  pool.give(Buffer.alloc(10));
  expect(pool.take()).not.toBe(one);
  const large = Buffer.allocUnsafeSlow(100_000);
  const part = large.subarray(0, 50_000);
  releaseBuffer(part);
  expect(part.length).toBe(50_000);
  releaseBuffer(large);
  expect(large.length).toBe(0);
  const small = Buffer.allocUnsafeSlow(100);
  releaseBuffer(small);
  expect(small.length).toBe(100);
});
