import { createReadStream } from 'node:fs';
import { formatHex, sha256Hex, sha256Stream } from '../base/bytes.ts';
import { isStellaError, type StellaError } from '../base/errors.ts';
import { readError } from '../base/files.ts';
import type { Body } from './exchange.ts';
import { isPassing, type Registry, requestFailed } from './registry.ts';
import type { UploadRecord } from './upload-memory.ts';

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
  /** What is lost when a connection breaks is at most this. */
  readonly chunk?: number;
  readonly onProgress?: (done: number, total: number) => void;
}

/** An upload that the registry knows, and how far it is. */
interface Session {
  readonly location: URL;
  readonly done: number;
  /** The least that the registry takes at a time. */
  readonly least?: number;
}

const CHUNK = 64 * 1024 * 1024;
const READ_PIECE = 1024 * 1024;
const OCTETS = 'application/octet-stream';

/**
 * Uploads a blob unless its digest is known and the repository has it. Content goes in chunks; after a failure the
 * registry is asked how far it got, and the upload goes on from there, or starts anew where it has been forgotten. So does
 * an upload that an earlier run has left unfinished. What the registry then has is proved by the digest that it checks.
 * @throws StellaError FETCH_FAILED, REGISTRY_AUTH, FILE_*, …
 */
export async function uploadBlob(
  registry: Registry,
  blob: Blob,
  options: UploadOptions = {},
): Promise<Uploaded> {
  if (blob.digest !== undefined && (await holds(registry, blob.digest)))
    return { digest: blob.digest, held: blob.size };
  const held = await recalled(registry, blob, options.record);
  if (held) {
    try {
      return { digest: await send(registry, blob, held, options), held: held.done };
    } catch (error) {
      // What an earlier run has left may be gone, or of other content: neither may stand in the way for ever.
      if (!isRefused(error)) throw error;
      options.record?.forget();
    }
  }
  const digest = await registry.repeated(`the upload of ${blob.digest ?? 'a blob'}`, async () =>
    send(registry, blob, await begin(registry), options),
  );
  return { digest, held: 0 };
}

/** Where an earlier run was cut off, if that can be trusted and the registry remembers it, too. */
async function recalled(
  registry: Registry,
  blob: Blob,
  record: UploadRecord | undefined,
): Promise<Session | undefined> {
  const text = record?.recall();
  if (text === undefined) return undefined;
  // The file says where to send content and credentials: nowhere but to the registry itself.
  if (URL.canParse(text) && registry.isOwn(new URL(text))) {
    try {
      return await progressOf(registry, new URL(text), blob);
    } catch (error) {
      if (!isRefused(error)) throw error;
    }
  }
  record?.forget();
  return undefined;
}

/** Whether the registry will have nothing of this upload any more; a line that is down says nothing of the kind. */
function isRefused(error: unknown): boolean {
  return (
    isStellaError(error) &&
    /^(?:FETCH_|REGISTRY_AUTH)/.test(error.code) &&
    (!isPassing(error) || error.details?.['forgotten'] === true)
  );
}

async function begin(registry: Registry): Promise<Session> {
  const answer = await registry.request({
    method: 'POST',
    target: registry.path('blobs/uploads/'),
    expect: [202],
  });
  answer.response.resume();
  return {
    location: registry.address(answer.headers.location, answer.url),
    done: 0,
    least: Number(answer.headers['oci-chunk-min-length'] ?? 0),
  };
}

async function send(
  registry: Registry,
  blob: Blob,
  session: Session,
  { record, chunk = CHUNK, onProgress }: UploadOptions,
): Promise<string> {
  const passing = blob.digest === undefined ? new PassingDigest() : undefined;
  const length = Math.max(chunk, Number.isSafeInteger(session.least) ? session.least! : 0);
  let { location, done } = session;
  const reach = (next: Pick<Session, 'location' | 'done'>) => {
    ({ location, done } = next);
    if (registry.isOwn(location)) record?.remember(location.href);
    else record?.forget();
    onProgress?.(done, blob.size);
  };
  reach(session);
  for (let failures = 0; done < blob.size; ) {
    const end = Math.min(done + length, blob.size);
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
      reach({ location: registry.address(answer.headers.location, answer.url), done: end });
      failures = 0;
    } catch (error) {
      if (isStellaError(error, 'FETCH_NOT_FOUND')) throw forgotten(location, 'the upload is gone');
      // 416 is how a registry says that it has got more, or less, than was thought.
      const outOfStep = isStellaError(error, 'FETCH_FAILED') && error.details?.['status'] === 416;
      if (!isPassing(error) && !outOfStep) throw error;
      failures += 1;
      if (failures > registry.retries) throw error;
      await registry.wait(`the upload of ${blob.digest ?? 'a blob'}`, error, failures - 1);
      const next = await progressOf(registry, location, blob);
      if (outOfStep && next.done === done)
        throw forgotten(
          location,
          `the registry does not take the upload from byte ${done}, where it says it is`,
        );
      reach(next);
    }
  }
  const digest = blob.digest ?? passing?.digestOf(blob.size) ?? (await digestOfContent(blob));
  await finish(registry, location, digest);
  record?.forget();
  return digest;
}

async function finish(registry: Registry, location: URL, digest: string): Promise<void> {
  const separator = location.search === '' ? '?' : '&';
  try {
    const finished = await registry.request({
      method: 'PUT',
      target: new URL(`${location.href}${separator}digest=${encodeURIComponent(digest)}`),
      headers: { 'content-type': OCTETS },
      expect: [201],
    });
    finished.response.resume();
  } catch (error) {
    // Where the answer to the first try was lost, the upload is there no more, but the blob is.
    if (!isStellaError(error, 'FETCH_NOT_FOUND') || !(await holds(registry, digest))) throw error;
  }
}

async function holds(registry: Registry, digest: string): Promise<boolean> {
  const answer = await registry.request({
    method: 'HEAD',
    target: registry.path(`blobs/${digest}`),
    expect: [200, 404],
  });
  answer.response.resume();
  return answer.status === 200;
}

/** @throws StellaError FETCH_FAILED (details.forgotten, passing: to be started anew) where the registry does not know it */
async function progressOf(registry: Registry, location: URL, blob: Blob): Promise<Session> {
  const answer = await registry.request({ method: 'GET', target: location, expect: [204, 400, 404, 416] });
  answer.response.resume();
  if (answer.status !== 204) throw forgotten(location, 'the registry has forgotten the upload');
  const [, last] = /^(?:bytes=)?0-(\d{1,15})$/.exec(answer.headers.range ?? '') ?? [];
  // `0-0` is what registries say of an upload without content, too; that it was one byte is settled by a 416.
  const done = last === undefined || last === '0' ? 0 : Number(last) + 1;
  if (done > blob.size) throw forgotten(location, 'the registry has more of the upload than was sent');
  const next = answer.headers.location;
  return { location: next === undefined ? location : registry.address(next, answer.url), done };
}

/** To be begun anew. */
function forgotten(location: URL, why: string): StellaError {
  return requestFailed(location, why, true, undefined, { forgotten: true });
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
      const stream = readRange(content, start, end);
      if (passing?.begin(start)) stream.on('data', (piece) => passing.update(piece as Buffer));
      return stream;
    },
  };
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
