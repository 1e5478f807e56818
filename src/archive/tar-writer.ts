import { type Pack, pack } from 'tar-stream';
import type { BufferPool } from './buffers.ts';

export interface TarSource {
  readonly path: string;
  /** Bytes of content; the content must have exactly this length. */
  readonly size: number;
  readonly content: Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

/** tar-stream holds seconds in 32 bits with a sign; later times are written as the last it can. */
const MOST_MTIME = 2 ** 31 - 1;

/** Seconds that a bundle's entries carry for an instant in milliseconds. */
export function tarMtime(instant: number): number {
  return Math.min(Math.max(Math.floor(instant / 1000), 0), MOST_MTIME);
}

/**
 * A tar stream of regular files, mode 0644, owner 0:0 without names, all of one modification time, pax headers only for
 * paths that ustar cannot hold. Ends with two zero blocks.
 * Each piece is valid until the next is asked for.
 * @param mtime seconds since the epoch
 * @param pool where the pieces of content go back to
 */
export async function* writeTar(
  sources: Iterable<TarSource> | AsyncIterable<TarSource>,
  mtime: number,
  pool?: BufferPool,
): AsyncGenerator<Uint8Array> {
  const tar = pack();
  const feeding = feed(tar, sources, new Date(mtime * 1000)).catch((error: unknown) => {
    tar.destroy(error as Error);
  });
  for await (const piece of tar as AsyncIterable<Uint8Array>) {
    yield piece;
    pool?.give(piece);
  }
  await feeding;
}

async function feed(
  tar: Pack,
  sources: Iterable<TarSource> | AsyncIterable<TarSource>,
  mtime: Date,
): Promise<void> {
  for await (const { path, size, content } of sources) {
    await new Promise<void>((resolve, reject) => {
      const header = { name: path, size, mode: 0o644, uid: 0, gid: 0, mtime, type: 'file' as const };
      const sink = tar.entry(header, (error) => (error ? reject(error) : resolve()));
      // The callback is told as well; without a listener the event would end the process.
      sink.once('error', () => {});
      void pour(content, sink).catch((error: unknown) => sink.destroy(error as Error));
    });
  }
  tar.finalize();
}

async function pour(
  content: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  sink: ReturnType<Pack['entry']>,
): Promise<void> {
  let held: Uint8Array | undefined;
  for await (const bytes of content) {
    if (sink.destroyed) return;
    if (held && !sink.write(held)) await roomIn(sink);
    held = bytes;
  }
  // The last piece needs no waiting: the entry is over only once all of it has been taken.
  sink.end(held);
}

/** Until a stream takes more, or is closed. */
async function roomIn(sink: ReturnType<Pack['entry']>): Promise<void> {
  await new Promise<void>((resolve) => {
    const goOn = (): void => {
      sink.off('drain', goOn);
      sink.off('close', goOn);
      resolve();
    };
    sink.on('drain', goOn);
    sink.on('close', goOn);
  });
}
