import { createReadStream } from 'node:fs';
import { formatHex, sha256Hex, sha256Stream } from '../base/bytes.ts';
import { isStellaError, type StellaError } from '../base/errors.ts';
import { readError } from '../base/files.ts';
import type { Body } from './exchange.ts';
import { isPassing, type Registry, requestFailed } from './registry.ts';

/** Content to be uploaded. */
export interface Blob {
  /** `sha256:HEX`; where it is not known beforehand, it is taken from the bytes on their way. */
  readonly digest?: string;
  readonly size: number;
  readonly content: Uint8Array | { readonly file: string };
}

export interface Uploaded {
  readonly digest: string;
  /** Whether anything had to be sent. */
  readonly sent: boolean;
}

/** What is lost when a connection breaks is at most this. */
const CHUNK = 64 * 1024 * 1024;
const READ_PIECE = 1024 * 1024;
const OCTETS = 'application/octet-stream';

/**
 * Uploads a blob unless its digest is known and the repository has it. Content goes in chunks; after a failure the
 * registry is asked how far it got, and the upload goes on from there, or starts anew where it has been forgotten.
 * @throws StellaError FETCH_FAILED, REGISTRY_AUTH, FILE_*, …
 */
export async function uploadBlob(
  registry: Registry,
  blob: Blob,
  onProgress?: (done: number, total: number) => void,
): Promise<Uploaded> {
  if (blob.digest !== undefined) {
    const known = await registry.request({
      method: 'HEAD',
      target: registry.path(`blobs/${blob.digest}`),
      expect: [200, 404],
    });
    known.response.resume();
    if (known.status === 200) return { digest: blob.digest, sent: false };
  }
  const digest = await registry.repeated(`the upload of ${blob.digest ?? 'a blob'}`, () =>
    uploadOnce(registry, blob, onProgress),
  );
  return { digest, sent: true };
}

async function uploadOnce(
  registry: Registry,
  blob: Blob,
  onProgress: ((done: number, total: number) => void) | undefined,
): Promise<string> {
  const passing = blob.digest === undefined ? new PassingDigest() : undefined;
  const begun = await registry.request({
    method: 'POST',
    target: registry.path('blobs/uploads/'),
    expect: [202],
  });
  begun.response.resume();
  let location = registry.address(begun.headers.location, begun.url);
  const least = Number(begun.headers['oci-chunk-min-length'] ?? 0);
  const chunk = Math.max(CHUNK, Number.isSafeInteger(least) ? least : 0);
  let failures = 0;
  for (let done = 0; done < blob.size; ) {
    const end = Math.min(done + chunk, blob.size);
    let error: StellaError | undefined;
    try {
      const answer = await registry.request({
        method: 'PATCH',
        target: location,
        headers: { 'content-type': OCTETS, 'content-range': `${done}-${end - 1}` },
        body: slice(blob, done, end, passing),
        expect: [202],
        repeat: false,
      });
      answer.response.resume();
      location = registry.address(answer.headers.location, answer.url);
      done = end;
      failures = 0;
      onProgress?.(done, blob.size);
      continue;
    } catch (thrown) {
      // 416 is how a registry says that it has got more, or less, than was thought.
      const outOfStep = isStellaError(thrown, 'FETCH_FAILED') && thrown.details?.['status'] === 416;
      if (!isPassing(thrown) && !outOfStep) throw thrown;
      error = thrown as StellaError;
    }
    failures += 1;
    if (failures > registry.retries) throw error;
    await registry.wait(location.href, error, failures - 1);
    ({ location, done } = await resume(registry, location, blob));
  }
  const digest = blob.digest ?? passing?.digestOf(blob.size) ?? (await digestOfContent(blob.content));
  const separator = location.search === '' ? '?' : '&';
  const finished = await registry.request({
    method: 'PUT',
    target: new URL(`${location.href}${separator}digest=${encodeURIComponent(digest)}`),
    headers: { 'content-type': OCTETS },
    expect: [201],
    repeat: false,
  });
  finished.response.resume();
  return digest;
}

/** @throws StellaError FETCH_FAILED (passing: to be started anew) where the registry has forgotten the upload */
async function resume(
  registry: Registry,
  location: URL,
  blob: Blob,
): Promise<{ location: URL; done: number }> {
  const answer = await registry.request({ method: 'GET', target: location, expect: [204, 400, 404, 416] });
  answer.response.resume();
  if (answer.status !== 204) throw requestFailed(location, 'the registry has forgotten the upload', true);
  const [, last] = /^(?:bytes=)?0-(\d{1,15})$/.exec(answer.headers.range ?? '') ?? [];
  // `0-0` is what registries say of an upload without content, too; one byte more or less is settled by the 416.
  const done = last === undefined || last === '0' ? 0 : Number(last) + 1;
  if (done > blob.size)
    throw requestFailed(location, 'the registry has more of the upload than was sent', true);
  const next = answer.headers.location;
  return { location: next === undefined ? location : registry.address(next, answer.url), done };
}

function slice(blob: Blob, start: number, end: number, passing: PassingDigest | undefined): Body {
  const { content } = blob;
  return {
    length: end - start,
    open: () => {
      if (content instanceof Uint8Array) {
        const bytes = content.subarray(start, end);
        passing?.begin(start);
        passing?.update(bytes);
        return bytes;
      }
      const stream = createReadStream(content.file, { start, end: end - 1, highWaterMark: READ_PIECE });
      if (passing?.begin(start)) stream.on('data', (piece) => passing.update(piece as Buffer));
      return stream;
    },
  };
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
export async function digestOfContent(content: Blob['content']): Promise<string> {
  if (content instanceof Uint8Array) return `sha256:${sha256Hex(content)}`;
  const hash = sha256Stream();
  try {
    const stream = createReadStream(content.file, { highWaterMark: READ_PIECE });
    for await (const piece of stream as AsyncIterable<Buffer>) hash.update(piece);
  } catch (cause) {
    throw readError(content.file, cause);
  }
  return `sha256:${formatHex(hash.digest())}`;
}
