import { createReadStream } from 'node:fs';
import { formatHex, sha256Hex, sha256Stream } from '../base/bytes.ts';
import { readError } from '../base/files.ts';
import type { Body } from '../net/exchange.ts';
import { ChunkSize } from './chunk-size.ts';
import type { Registry } from './registry.ts';
import { TOO_LONG_HINTS } from './registry-error.ts';
import type { UploadRecord } from './upload-memory.ts';
import {
  beginUpload,
  ForgottenUpload,
  finishUpload,
  holdsBlob,
  isRefused,
  sendChunk,
  statusOfUpload,
  type UploadSession,
} from './upload-session.ts';

/** Content to be uploaded. */
export interface Blob {
  /** `sha256:HEX`; where it is not known beforehand, it is taken from the bytes on their way. */
  readonly digest?: string;
  readonly size: number;
  /** Bytes, or a file from an offset on (0 unless told otherwise). */
  readonly content: Uint8Array | { readonly file: string; readonly offset?: number };
}

export interface Uploaded {
  readonly digest: string;
  /** Bytes that the registry had already. */
  readonly held: number;
}

export interface UploadOptions {
  /** Where the upload goes on in another run if this one is cut off. */
  readonly record?: UploadRecord | undefined;
  /** What is lost when a connection breaks is at most a chunk. */
  readonly chunks?: ChunkSize;
  readonly onProgress?: (done: number, total: number) => void;
}

const READ_PIECE = 1024 * 1024;

/**
 * Uploads a blob unless its digest is known and the repository has it. Content goes in chunks, which get smaller where the
 * registry, or a proxy before it, takes no such requests; after a failure the registry is asked how far it got, and the
 * upload goes on from there, or starts again where the registry does not say. So does an upload that an earlier run has left
 * unfinished. What the registry then has is proved by the digest that it checks.
 * @throws StellaError FETCH_FAILED, REGISTRY_AUTH, BLOB_DIGEST, FILE_*, …
 */
export async function uploadBlob(
  registry: Registry,
  blob: Blob,
  options: UploadOptions = {},
): Promise<Uploaded> {
  if (blob.digest !== undefined && (await holdsBlob(registry, blob.digest)))
    return { digest: blob.digest, held: blob.size };
  const chunks = options.chunks ?? new ChunkSize();
  const held = await recalled(registry, blob, options.record);
  if (held) {
    try {
      return { digest: await send(registry, blob, held, { ...options, chunks }), held: held.done };
    } catch (error) {
      // What an earlier run has left may be gone, or of other content: neither may stand in the way for ever.
      if (!(error instanceof ChunkTooLong) && !isRefused(error)) throw error;
      options.record?.forget();
    }
  }
  const digest = await registry.repeated(`the upload of ${blob.digest ?? 'a blob'}`, () =>
    sendFromTheBeginning(registry, blob, { ...options, chunks }),
  );
  return { digest, held: 0 };
}

type SendOptions = UploadOptions & { readonly chunks: ChunkSize };

/** Begins again at once where only the chunks were too long, which happens no more often than there are sizes. */
async function sendFromTheBeginning(registry: Registry, blob: Blob, options: SendOptions): Promise<string> {
  for (;;) {
    try {
      return await send(registry, blob, await beginUpload(registry), options);
    } catch (error) {
      if (!(error instanceof ChunkTooLong)) throw error;
    }
  }
}

/** Where an earlier run was cut off, if that can be trusted and the registry remembers it, too. */
async function recalled(
  registry: Registry,
  blob: Blob,
  record: UploadRecord | undefined,
): Promise<UploadSession | undefined> {
  const text = record?.recall();
  if (text === undefined) return undefined;
  // The file says where to send content and credentials: nowhere but to the registry itself.
  if (URL.canParse(text) && registry.isOwn(new URL(text))) {
    try {
      return await statusOfUpload(registry, new URL(text), blob.size);
    } catch (error) {
      if (!isRefused(error)) throw error;
      // The registry may know it again in a while: only an upload that has begun takes its place.
      return undefined;
    }
  }
  record?.forget();
  return undefined;
}

async function send(
  registry: Registry,
  blob: Blob,
  session: UploadSession,
  { record, chunks, onProgress }: SendOptions,
): Promise<string> {
  const passing = blob.digest === undefined ? new PassingDigest() : undefined;
  const { minimum } = session;
  let { location, done, isKnown } = session;
  let isStraight = isKnown;
  const progress = registry.progress(done);
  const reach = (next: Pick<UploadSession, 'location' | 'done' | 'isKnown'>) => {
    ({ location, done, isKnown } = next);
    progress.reach(done);
    if (registry.isOwn(location)) record?.remember(location.href);
    else record?.forget();
    onProgress?.(done, blob.size);
  };
  reach(session);
  while (done < blob.size) {
    const end = done + chunks.next(blob.size - done, minimum, isKnown);
    const sent = await sendChunk(registry, location, {
      start: done,
      end,
      body: slice(blob, done, end, passing),
    });
    if ('location' in sent) {
      chunks.take(end - done);
      reach({ location: sent.location, done: end, isKnown: true });
      continue;
    }
    const { failure, status } = sent;
    if (status === 413 || (status === 416 && isKnown && !chunks.hasTaken(end - done))) {
      if (!chunks.shrinkBelow(end - done, minimum)) throw failure.with({ hint: TOO_LONG_HINTS });
      isStraight = false;
      const next = await placeAfterRefusal(registry, location, done, blob.size);
      reach(next.done === done ? { ...next, isKnown } : next);
      continue;
    }
    if (status === undefined && !failure.retry) {
      // Where content was sent twice, or after another run, it may be the place that is refused, and not the content.
      throw isStraight || !isRefused(failure) ? failure : new ForgottenUpload(location, failure);
    }
    isStraight = false;
    if (status === undefined) chunks.shrinkAfterBreak(end - done, minimum);
    const failures = progress.fail();
    if (failures === undefined) throw failure;
    await registry.pause(`the upload of ${blob.digest ?? 'a blob'}`, failure, failures - 1);
    const next = await statusOfUpload(registry, location, blob.size);
    // 416 is how a registry says that it has got more, or less, than was thought.
    if (status === 416 && next.done === done)
      throw new ForgottenUpload(
        location,
        `the registry does not take the upload from byte ${done}, where it says it is`,
      );
    reach(next);
  }
  const digest = blob.digest ?? passing?.digestOf(blob.size) ?? (await digestOfContent(blob));
  try {
    await finishUpload(registry, location, digest);
  } catch (error) {
    throw isStraight || !isRefused(error) ? error : new ForgottenUpload(location, error);
  }
  record?.forget();
  return digest;
}

/** Where to go on after a chunk was too long. @throws {@link ChunkTooLong} to begin again */
async function placeAfterRefusal(
  registry: Registry,
  location: URL,
  done: number,
  size: number,
): Promise<UploadSession> {
  // From the beginning, a new upload costs no more than the question how this one is.
  if (done === 0) throw new ChunkTooLong();
  try {
    return await statusOfUpload(registry, location, size);
  } catch (error) {
    throw error instanceof ForgottenUpload ? new ChunkTooLong() : error;
  }
}

/** Not for people: the upload is to be begun again with smaller chunks. */
class ChunkTooLong extends Error {}

function slice(blob: Blob, start: number, end: number, passing: PassingDigest | undefined): Body {
  return { length: end - start, open: () => piecesOf(blob, start, end, passing) };
}

async function* piecesOf(
  { content }: Blob,
  start: number,
  end: number,
  passing: PassingDigest | undefined,
): AsyncGenerator<Uint8Array> {
  const isInOrder = passing?.begin(start) ?? false;
  const pieces =
    content instanceof Uint8Array
      ? [content.subarray(start, end)]
      : (readRange(content, start, end) as AsyncIterable<Buffer>);
  for await (const piece of pieces) {
    if (isInOrder) passing?.update(piece);
    yield piece;
  }
}

function readRange({ file, offset = 0 }: Exclude<Blob['content'], Uint8Array>, start: number, end: number) {
  return createReadStream(file, {
    start: offset + start,
    end: offset + end - 1,
    highWaterMark: READ_PIECE,
  });
}

/** The digest of bytes that pass in order, as long as they do: what is sent twice must not be counted twice. */
class PassingDigest {
  readonly #hash = sha256Stream();
  #passed = 0;
  #broken = false;

  begin(offset: number): boolean {
    if (offset !== this.#passed) this.#broken = true;
    return !this.#broken;
  }

  update(piece: Uint8Array): void {
    this.#hash.update(piece);
    this.#passed += piece.length;
  }

  /** `undefined` where not exactly `size` bytes have passed in order. */
  digestOf(size: number): string | undefined {
    return this.#broken || this.#passed !== size ? undefined : `sha256:${formatHex(this.#hash.digest())}`;
  }
}

/** @throws StellaError FILE_NOT_FOUND, FILE_UNREADABLE */
export async function digestOfContent({ content, size }: Pick<Blob, 'content' | 'size'>): Promise<string> {
  if (content instanceof Uint8Array) return `sha256:${sha256Hex(content)}`;
  const hash = sha256Stream();
  try {
    if (size > 0)
      for await (const piece of readRange(content, 0, size) as AsyncIterable<Buffer>) hash.update(piece);
  } catch (cause) {
    throw readError(content.file, cause);
  }
  return `sha256:${formatHex(hash.digest())}`;
}
