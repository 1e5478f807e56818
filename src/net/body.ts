import type { IncomingMessage } from 'node:http';
import { createGunzip, type Gunzip } from 'node:zlib';
import { excerpt } from '../base/bytes.ts';
import type { Duration } from '../base/clock.ts';
import { StellaError } from '../base/errors.ts';
import { failed, withoutQuery } from './failure.ts';
import type { Answer } from './transport.ts';

/**
 * The body of a small answer. Rejects with what the system says, too.
 * @param max bytes of content, after any content encoding is undone
 * @throws StellaError FETCH_TOO_LARGE, FETCH_FAILED
 */
export async function readBody(answer: Answer, max: number, timeout: Duration): Promise<Buffer> {
  const { response, headers, url } = answer;
  const deadline = setTimeout(
    () => response.destroy(new Error(`not finished after ${timeout / 1000} s`)),
    timeout,
  );
  const tooLarge = () =>
    new StellaError('FETCH_TOO_LARGE', `${excerpt(withoutQuery(url), 200)} has more than ${max} bytes`, {
      details: { url: withoutQuery(url), most: max },
    });
  try {
    const encoding = headers['content-encoding'] ?? 'identity';
    // Tile logs may compress without being asked (C2SP tlog-tiles, "Log entries").
    const isGzip = encoding === 'gzip';
    if (encoding !== 'identity' && !isGzip)
      throw failed(answer, `the server sent content encoding ${excerpt(encoding)} unasked`);
    if (!isGzip && Number(headers['content-length'] ?? 0) > max) throw tooLarge();
    const chunks: Buffer[] = [];
    let total = 0;
    // The bound is on what comes out, so a small body that unpacks into a large one is cut off too.
    const body = isGzip ? unpacked(response) : response;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      total += chunk.length;
      if (total > max) throw tooLarge();
      chunks.push(chunk);
    }
    // Node ends a body that was cut off without an error where the connection says no length.
    if (!response.complete) throw new Error('the connection ended within the answer');
    return Buffer.concat(chunks, total);
  } finally {
    clearTimeout(deadline);
    response.destroy();
  }
}

/** Enough for what registries say along with success. */
const MAX_DISCARDED_BYTES = 64 * 1024;

/** Lets an answer end whose body says nothing, so that its connection can be used again; one that goes on and on is cut off. */
export function discard({ response }: Answer): void {
  let total = 0;
  response.on('data', (chunk: Buffer) => {
    total += chunk.length;
    if (total > MAX_DISCARDED_BYTES) response.destroy();
  });
}

function unpacked(response: IncomingMessage): Gunzip {
  const gunzip = createGunzip();
  response.on('error', (error) => gunzip.destroy(error));
  // Whoever reads it learns of an error by reading; one that comes after that has no reader.
  gunzip.on('error', () => response.destroy());
  return response.pipe(gunzip);
}
