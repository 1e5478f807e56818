import {
  closeSync,
  constants,
  createReadStream,
  fdatasync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  writeSync,
} from 'node:fs';
import { equalBytes, formatHex, parseHex, sha256Stream } from '../base/bytes.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { readError, writeError } from '../base/files.ts';
import { connectionReason, failed } from '../net/failure.ts';
import { guardFlow, type TransferProgress } from '../net/progress.ts';
import type { Answer } from '../net/transport.ts';
import type { Descriptor } from './manifest.ts';
import type { Registry } from './registry.ts';

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_RDWR } = constants;
/** As `a+`, but never through a link to somewhere else. */
const APPEND = O_APPEND | O_CREAT | O_NOFOLLOW | O_RDWR;
const FLUSH_EVERY = 64 * 1024 * 1024;

/**
 * Downloads a blob into a file, going on after what the file holds already. The digest is taken from the bytes on their
 * way; on return the file has exactly the blob's content, synced to disk.
 * @throws StellaError BLOB_DIGEST (the file is then empty), WRITE_FAILED, FETCH_* (the file keeps what arrived)
 */
export async function downloadBlob(
  registry: Registry,
  blob: Descriptor,
  file: string,
  onProgress?: (done: number, total: number) => void,
): Promise<void> {
  const download = await Download.begin(blob, file);
  const progress = registry.progress(download.done);
  try {
    while (download.done < blob.size) {
      try {
        await receive(registry, blob, { download, progress, onProgress });
      } catch (error) {
        if (!isStellaError(error) || !error.retry) throw error;
        progress.reach(download.done);
        const failures = progress.fail();
        if (failures === undefined) throw error;
        await registry.pause(`blobs/${blob.digest}`, error, failures - 1);
      }
    }
    download.finish();
  } finally {
    await download.close();
  }
}

interface Receiving {
  readonly download: Download;
  readonly progress: TransferProgress;
  readonly onProgress: ((done: number, total: number) => void) | undefined;
}

/** One try. What it throws away is a step back, whatever comes after it. */
async function receive(
  registry: Registry,
  blob: Descriptor,
  { download, progress, onProgress }: Receiving,
): Promise<void> {
  const from = download.done;
  const answer = await registry.request({
    method: 'GET',
    target: registry.path(`blobs/${blob.digest}`),
    headers: from === 0 ? {} : { range: `bytes=${from}-${blob.size - 1}` },
    expect: from === 0 ? [200] : [200, 206, 416],
    repeat: false,
  });
  const restart = () => {
    download.restart();
    progress.reach(0);
  };
  let came = 0;
  const endGuard = guardFlow(
    'came',
    () => came,
    registry.stallTimeout,
    (error) => answer.response.destroy(error),
  );
  try {
    // A server without ranges sends everything again; one that sends another range is asked for everything.
    if (answer.status === 200) restart();
    else if (answer.status === 416 || rangeStart(answer) !== from) {
      restart();
      throw failed(answer, `it does not give the content from byte ${from} on`, { retry: {} });
    }
    for await (const piece of answer.response as AsyncIterable<Buffer>) {
      came += piece.length;
      if (download.done + piece.length > blob.size) {
        download.restart();
        throw new StellaError(
          'BLOB_DIGEST',
          `the registry sent more than the ${blob.size} bytes of ${blob.digest}`,
        );
      }
      download.write(piece);
      onProgress?.(download.done, blob.size);
    }
  } catch (cause) {
    if (isStellaError(cause)) throw cause;
    throw failed(answer, connectionReason(cause), { cause, retry: {} });
  } finally {
    endGuard();
    answer.response.destroy();
  }
  if (download.done < blob.size)
    throw failed(answer, `it ended after ${download.done} of ${blob.size} bytes`, { retry: {} });
}

function rangeStart({ headers }: Answer): number | undefined {
  const [, start] = /^bytes (\d{1,16})-\d{1,16}\/(?:\d{1,16}|\*)$/.exec(headers['content-range'] ?? '') ?? [];
  return start === undefined ? undefined : Number(start);
}

/** A file that grows, and the digest over what it holds. */
class Download {
  readonly #blob: Descriptor;
  readonly #file: string;
  readonly #fd: number;
  #hash = sha256Stream();
  #flushed = 0;
  #flushing: Promise<void> | undefined;
  done = 0;

  private constructor(blob: Descriptor, file: string, fd: number) {
    this.#blob = blob;
    this.#file = file;
    this.#fd = fd;
  }

  /** What an earlier try left in the file counts. */
  static async begin(blob: Descriptor, file: string): Promise<Download> {
    let fd: number;
    try {
      fd = openSync(file, APPEND, 0o644);
    } catch (cause) {
      throw writeError(file, cause);
    }
    const download = new Download(blob, file, fd);
    try {
      const held = fstatSync(fd).size;
      if (held > blob.size) download.restart();
      else if (held > 0) await download.#rehash();
      return download;
    } catch (cause) {
      await download.close();
      throw readError(file, cause);
    }
  }

  async #rehash(): Promise<void> {
    for await (const piece of createReadStream(this.#file, {
      highWaterMark: 1024 * 1024,
    }) as AsyncIterable<Buffer>) {
      this.#hash.update(piece);
      this.done += piece.length;
    }
  }

  write(piece: Uint8Array): void {
    try {
      for (let at = 0; at < piece.length; ) {
        const count = writeSync(this.#fd, piece, at, piece.length - at);
        this.#hash.update(piece.subarray(at, at + count));
        at += count;
        this.done += count;
      }
      this.#flushMeanwhile();
    } catch (cause) {
      throw writeError(this.#file, cause);
    }
  }

  /** Hands what was written to the disk while more arrives, so that the sync at the end finds little to do. */
  #flushMeanwhile(): void {
    if (this.done - this.#flushed < FLUSH_EVERY || this.#flushing) return;
    this.#flushed = this.done;
    this.#flushing = new Promise((resolve) => {
      fdatasync(this.#fd, () => {
        this.#flushing = undefined;
        resolve();
      });
    });
  }

  restart(): void {
    try {
      ftruncateSync(this.#fd, 0);
    } catch (cause) {
      throw writeError(this.#file, cause);
    }
    this.#hash = sha256Stream();
    this.done = 0;
    this.#flushed = 0;
  }

  finish(): void {
    const { digest } = this.#blob;
    const found = this.#hash.digest();
    if (!equalBytes(found, parseHex(digest.slice('sha256:'.length)))) {
      this.restart();
      throw new StellaError('BLOB_DIGEST', `the registry sent sha256:${formatHex(found)} as ${digest}`, {
        details: { expected: digest, found: `sha256:${formatHex(found)}` },
      });
    }
    try {
      fsyncSync(this.#fd);
    } catch (cause) {
      throw writeError(this.#file, cause);
    }
  }

  async close(): Promise<void> {
    // A descriptor that is still being flushed must not become another file's.
    await this.#flushing;
    closeSync(this.#fd);
  }
}
