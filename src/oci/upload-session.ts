import { excerpt } from '../base/bytes.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { discard } from '../net/body.ts';
import type { Body } from '../net/exchange.ts';
import { failed, withoutQuery } from '../net/failure.ts';
import { PASSING_STATUSES } from '../net/retry.ts';
import { ANY_STATUS, type Registry, SUCCESSES } from './registry.ts';

/** An upload that the registry knows, and how far it is. */
export interface UploadSession {
  readonly location: URL;
  /** Bytes that the registry has of it. */
  readonly done: number;
  /** Whether the registry has acknowledged that by itself: what its status says is wrong at some registries. */
  readonly isKnown: boolean;
  /** The least that the registry takes at a time, in bytes. */
  readonly minimum: number;
}

const OCTETS = 'application/octet-stream';

/** @throws StellaError FETCH_*, REGISTRY_AUTH */
export async function beginUpload(registry: Registry): Promise<UploadSession> {
  const answer = await registry.request({
    method: 'POST',
    target: registry.path('blobs/uploads/'),
    expect: SUCCESSES,
  });
  discard(answer);
  const minimum = Number(answer.headers['oci-chunk-min-length'] ?? 0);
  return {
    location: registry.address(answer.headers.location, answer),
    done: 0,
    isKnown: true,
    minimum: Number.isSafeInteger(minimum) ? minimum : 0,
  };
}

/** What came of a chunk: where the upload goes on, or why it does not, with the status where that tells more. */
export type SentChunk =
  | { readonly location: URL }
  | { readonly failure: StellaError; readonly status?: 413 | 416 };

/**
 * Sends bytes `start` up to `end`. The specification has 202 for an answer; 201 and 204 come just as well (ECR, pulp,
 * go-containerregistry), and the range that comes along is not believed: at some registries it is of the last chunk, or
 * of the first. The digest at the end tells whether everything has arrived.
 * @throws StellaError {@link ForgottenUpload}, FILE_*
 */
export async function sendChunk(
  registry: Registry,
  location: URL,
  { start, end, body }: { readonly start: number; readonly end: number; readonly body: Body },
): Promise<SentChunk> {
  try {
    const answer = await registry.request({
      method: 'PATCH',
      target: location,
      headers: { 'content-type': OCTETS, 'content-range': `${start}-${end - 1}` },
      body,
      expect: [...SUCCESSES, 413, 416],
      repeat: false,
    });
    const { status } = answer;
    if (status === 413 || status === 416)
      return { failure: await registry.failedBy(answer, end - start), status };
    discard(answer);
    const next = answer.headers.location;
    return { location: next === undefined ? location : registry.address(next, answer) };
  } catch (error) {
    if (isStellaError(error, 'FETCH_NOT_FOUND')) throw new ForgottenUpload(location, 'the upload is gone');
    if (!isStellaError(error) || !/^(?:FETCH_|REGISTRY_AUTH)/.test(error.code)) throw error;
    return { failure: error };
  }
}

/**
 * Asks how far an upload is. Whatever is no answer to that means that it has to begin again: many registries have no such
 * answer (405, 501), or have one only for others (403, 200).
 * @param size bytes of the blob
 * @throws StellaError {@link ForgottenUpload}, FETCH_*, REGISTRY_AUTH where no login helps
 */
export async function statusOfUpload(
  registry: Registry,
  location: URL,
  size: number,
): Promise<UploadSession> {
  const answer = await registry.repeated(withoutQuery(location), async (attempt) => {
    const asked = await registry.request({
      method: 'GET',
      target: location,
      expect: ANY_STATUS,
      repeat: false,
    });
    if (PASSING_STATUSES.has(asked.status) && attempt < registry.retries)
      throw await registry.failedBy(asked);
    return asked;
  });
  if (answer.status === 204) discard(answer);
  // Whatever it sends instead, e.g. a page for people, may be long.
  else answer.response.destroy();
  if (answer.status !== 204) {
    throw new ForgottenUpload(
      location,
      `the registry answered ${answer.status} to the question how far the upload is`,
    );
  }
  const [, last] = /^(?:bytes=)?0-(\d{1,15})$/.exec(answer.headers.range ?? '') ?? [];
  // `0-0` is what registries say of an upload without content, too; that it was one byte is settled by a 416.
  const done = last === undefined || last === '0' ? 0 : Number(last) + 1;
  if (done > size) throw new ForgottenUpload(location, 'the registry has more of the upload than was sent');
  const next = answer.headers.location;
  return {
    location: next === undefined ? location : registry.address(next, answer),
    done,
    isKnown: false,
    minimum: 0,
  };
}

/**
 * Ends an upload. 201 says that the digest was checked; where any other success is all there is, or the answer got lost,
 * the registry has to show that it has the blob.
 * @throws StellaError BLOB_DIGEST, {@link ForgottenUpload}, FETCH_*, REGISTRY_AUTH
 */
export async function finishUpload(registry: Registry, location: URL, digest: string): Promise<void> {
  const separator = location.search === '' ? '?' : '&';
  const target = new URL(`${location.href}${separator}digest=${encodeURIComponent(digest)}`);
  try {
    const answer = await registry.request({
      method: 'PUT',
      target,
      headers: { 'content-type': OCTETS },
      expect: SUCCESSES,
    });
    discard(answer);
    const stored = storedDigest(answer.headers['docker-content-digest']);
    if (stored !== undefined && stored !== digest) {
      throw new StellaError(
        'BLOB_DIGEST',
        `the registry stored the blob as ${excerpt(stored, 80)}, not as ${digest}`,
        { details: { expected: digest, found: stored } },
      );
    }
    if (answer.status === 201 || stored === digest) return;
    await registry.repeated(`blobs/${digest}`, async () => {
      if (await holdsBlob(registry, digest)) return;
      throw failed(answer, `the registry answered ${answer.status}, and does not have the blob`, {
        retry: {},
      });
    });
  } catch (error) {
    if (!isStellaError(error, 'FETCH_NOT_FOUND')) throw error;
    // Where the answer to the first try was lost, the upload is there no more, but the blob is.
    if (!(await holdsBlob(registry, digest))) throw new ForgottenUpload(location, 'the upload is gone');
  }
}

/** The digest in a registry's `Docker-Content-Digest`, where it is one that can be compared. */
export function storedDigest(header: string | readonly string[] | undefined): string | undefined {
  return typeof header === 'string' && header.startsWith('sha256:') ? header : undefined;
}

/** Whether the repository has a blob; some registries answer only GET. @throws StellaError FETCH_*, REGISTRY_AUTH */
export async function holdsBlob(registry: Registry, digest: string): Promise<boolean> {
  for (const method of ['HEAD', 'GET'] as const) {
    const answer = await registry.request({
      method,
      target: registry.path(`blobs/${digest}`),
      expect: [200, 404, 405, 501],
    });
    if (method === 'HEAD') discard(answer);
    else answer.response.destroy();
    if (answer.status < 405) return answer.status === 200;
  }
  return false;
}

/** Whether the registry will have nothing of this upload any more; a line that is down says nothing of the kind. */
export function isRefused(error: unknown): error is StellaError {
  return (
    isStellaError(error) &&
    /^(?:FETCH_|REGISTRY_AUTH)/.test(error.code) &&
    (!error.retry || error instanceof ForgottenUpload)
  );
}

/** FETCH_FAILED of an upload that the registry does not know, or not as it should be: it has to be started from the beginning. */
export class ForgottenUpload extends StellaError {
  /** @param why in words, or what was refused of an upload that may be at another place than was thought */
  constructor(location: URL, why: string | StellaError) {
    const url = withoutQuery(location);
    super(
      'FETCH_FAILED',
      typeof why === 'string' ? `cannot send to ${excerpt(url, 200)}: ${why}` : why.message,
      { retry: {}, details: { url }, ...(typeof why === 'string' ? {} : { cause: why }) },
    );
  }
}
