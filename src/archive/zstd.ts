import { createRequire } from 'node:module';
import { constants, zstdDecompress } from 'node:zlib';
import { StellaError } from '../base/errors.ts';
import { MAX_FRAME_WINDOW } from './limits.ts';
import { FrameWalker } from './zstd-frame.ts';

/** The native half of @mongodb-js/zstd. */
export interface ZstdBinding {
  compress(data: Buffer, level: number): Promise<Buffer>;
}

// The package's own entry point drops the level on its way to the binding.
let loadBinding = (): ZstdBinding =>
  createRequire(import.meta.url)('@mongodb-js/zstd/bindings.js') as ZstdBinding;
let binding: ZstdBinding | undefined;

/** Has the compressor come from elsewhere than the package, e.g. out of the executable. Call it before the first use. */
export function embedZstd(load: () => ZstdBinding): void {
  loadBinding = load;
}

export const DEFAULT_LEVEL = 3;
/** The libzstd in the package that compresses, which cannot be asked for it. */
export const COMPRESSOR_VERSION = '1.5.2';
/** The compressor of libzstd 1.5.2, which the package carries, can corrupt data, rarely, at levels 16 and up. */
export const MOST_LEVEL = 15;

/** One frame without content size or checksum. Equal bytes and level give equal frames: the library is pinned. */
export function compressFrame(bytes: Buffer, level: number): Promise<Buffer> {
  binding ??= loadBinding();
  return binding.compress(bytes, level);
}

/**
 * Opens one frame that must be whole, alone, plain (no content size, checksum or dictionary) and of known length.
 * @param length the exact number of bytes that must come out
 * @throws StellaError ARCHIVE_INVALID, ARCHIVE_LIMIT (window)
 */
export function decompressFrame(frame: Uint8Array, length: number): Promise<Buffer> {
  const walker = new FrameWalker(MAX_FRAME_WINDOW);
  const head = walker.advance(frame.subarray(0, 6));
  const header = walker.header;
  if (head.ended || header?.kind !== 'frame' || header.hasContentSize || header.hasChecksum)
    throw new StellaError('ARCHIVE_INVALID', 'a frame has a form that format v1 does not use');
  const { used, ended } = walker.advance(frame.subarray(6));
  if (!ended || used !== frame.length - 6)
    throw new StellaError('ARCHIVE_INVALID', 'a frame does not have the length that the seek table gives');
  return new Promise((resolve, reject) => {
    // One byte more than expected is enough to tell that there is too much.
    const options = {
      maxOutputLength: length + 1,
      chunkSize: Math.max(length + 1, 64),
      params: { [constants.ZSTD_d_windowLogMax]: Math.log2(MAX_FRAME_WINDOW) },
    };
    zstdDecompress(frame, options, (cause, output) => {
      if (!cause && output.length === length) resolve(output);
      else
        reject(
          new StellaError(
            'ARCHIVE_INVALID',
            cause && !('code' in cause && cause.code === 'ERR_BUFFER_TOO_LARGE')
              ? 'a frame is damaged: zstd cannot decompress it'
              : `a frame does not decompress to the ${length} bytes that the seek table gives`,
            { cause: cause ?? undefined },
          ),
        );
    });
  });
}
