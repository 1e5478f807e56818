import { createReadStream } from 'node:fs';
import { isStellaError, type StellaError } from '../base/errors.ts';
import type { Body } from './exchange.ts';
import { isPassing, type Registry, requestFailed } from './registry.ts';

/** Content to be uploaded; its digest is known beforehand. */
export interface Blob {
  /** `sha256:HEX` */
  readonly digest: string;
  readonly size: number;
  readonly content: Uint8Array | { readonly file: string };
}

/** What is lost when a connection breaks is at most this. */
const CHUNK = 64 * 1024 * 1024;
const READ_PIECE = 1024 * 1024;
const OCTETS = 'application/octet-stream';

/**
 * Uploads a blob unless the repository has it. Content goes in chunks; after a failure the registry is asked how far it
 * got, and the upload goes on from there, or starts anew where the registry has forgotten it.
 * @returns whether anything had to be sent
 * @throws StellaError FETCH_FAILED, REGISTRY_AUTH, …
 */
export async function uploadBlob(
  registry: Registry,
  blob: Blob,
  onProgress?: (done: number, total: number) => void,
): Promise<boolean> {
  const known = await registry.request({
    method: 'HEAD',
    target: registry.path(`blobs/${blob.digest}`),
    expect: [200, 404],
  });
  known.response.resume();
  if (known.status === 200) return false;
  await registry.repeated(`the upload of ${blob.digest}`, () => uploadOnce(registry, blob, onProgress));
  return true;
}

async function uploadOnce(
  registry: Registry,
  blob: Blob,
  onProgress: ((done: number, total: number) => void) | undefined,
): Promise<void> {
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
        body: slice(blob, done, end),
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
  const separator = location.search === '' ? '?' : '&';
  const finished = await registry.request({
    method: 'PUT',
    target: new URL(`${location.href}${separator}digest=${encodeURIComponent(blob.digest)}`),
    headers: { 'content-type': OCTETS },
    expect: [201],
    repeat: false,
  });
  finished.response.resume();
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

function slice(blob: Blob, start: number, end: number): Body {
  const { content } = blob;
  return {
    length: end - start,
    open: () =>
      content instanceof Uint8Array
        ? content.subarray(start, end)
        : createReadStream(content.file, { start, end: end - 1, highWaterMark: READ_PIECE }),
  };
}
