import { StellaError } from '../base/errors.ts';
import { inOrder } from './parallel.ts';
import type { FrameLengths } from './seek-table.ts';
import { compressFrame } from './zstd.ts';

export interface SealedFrame extends FrameLengths {
  readonly bytes: Uint8Array;
}

/**
 * Cuts a tar stream into frames of exactly the given lengths and compresses them, several at once, in order. What
 * follows the last frame in the stream is left out.
 * @param lengths bytes of tar stream for each frame
 * @throws StellaError INTERNAL where the stream is shorter
 */
export async function* sealFrames(
  tar: AsyncIterable<Uint8Array>,
  lengths: readonly number[],
  level: number,
): AsyncGenerator<SealedFrame> {
  const spare: Buffer[] = [];
  yield* inOrder(cut(tar, lengths, spare), async (raw) => {
    const bytes = await compressFrame(raw, level);
    spare.push(raw);
    return { bytes, compressed: bytes.length, decompressed: raw.length };
  });
}

async function* cut(
  tar: AsyncIterable<Uint8Array>,
  lengths: readonly number[],
  spare: Buffer[],
): AsyncGenerator<Buffer> {
  const allocate = (length: number): Buffer => {
    const known = spare.findIndex((buffer) => buffer.length === length);
    return known < 0 ? Buffer.allocUnsafeSlow(length) : spare.splice(known, 1)[0]!;
  };
  let next = 0;
  let frame: Buffer | undefined;
  let filled = 0;
  for await (const piece of tar) {
    for (let at = 0; at < piece.length; ) {
      if (next === lengths.length) return;
      frame ??= allocate(lengths[next]!);
      const count = Math.min(frame.length - filled, piece.length - at);
      frame.set(count === piece.length ? piece : piece.subarray(at, at + count), filled);
      filled += count;
      at += count;
      if (filled === frame.length) {
        yield frame;
        frame = undefined;
        filled = 0;
        next += 1;
      }
    }
    if (next === lengths.length) return;
  }
  throw new StellaError('INTERNAL', 'the tar stream is shorter than its layout');
}
