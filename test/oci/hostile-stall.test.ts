import { existsSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ChunkSize } from '../../src/oci/chunk-size.ts';
import { pullBundle } from '../../src/oci/pull.ts';
import { parseReference } from '../../src/oci/reference.ts';
import { uploadBlob } from '../../src/oci/upload.ts';
import { noise } from '../support/bundle.ts';
import { refusal } from '../support/errors.ts';
import { client, digestOf, fakeRegistry, placeBundle } from '../support/fake-registry.ts';
import { temporaryDirectory } from '../support/temp.ts';

/** Long enough that a registry which is followed for ever shows by the number of its requests. */
const content = noise(2_000_000);
const isBlob = (path: string) => path.includes('/blobs/sha256:');
const RETRIES = 2;

/** Pulls from a registry that answers the `nth` request for content so, and tells how many there were. */
async function pullFrom(answer: (nth: number, from: number, response: ServerResponse) => void) {
  let nth = 0;
  const fake = await fakeRegistry((request, response, path) => {
    if (!isBlob(path)) return false;
    const from = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    nth += 1;
    answer(nth, from, response);
    return true;
  });
  placeBundle(fake, '1', content);
  const out = join(temporaryDirectory(), 'out');
  const registry = client(fake.host, { retries: RETRIES });
  const error = await refusal('FETCH_FAILED', () =>
    pullBundle(registry, { reference: parseReference(`oci://${fake.host}/trust:1`), out }),
  );
  expect(existsSync(out)).toBe(false);
  return { requests: nth, error };
}

/** The beginning of what was asked for, with all that belongs to it, and then no more. */
function piece(response: ServerResponse, from: number, length: number): void {
  const headers =
    from === 0
      ? { 'content-length': content.length }
      : {
          'content-length': content.length - from,
          'content-range': `bytes ${from}-${content.length - 1}/${content.length}`,
        };
  response.writeHead(from === 0 ? 200 : 206, headers);
  response.write(content.subarray(from, from + length), () => setTimeout(() => response.destroy(), 5));
}

describe('a registry that keeps a download going for ever', () => {
  test('by a short 200 and a 416 in turns', async () => {
    const { requests } = await pullFrom((nth, _, response) => {
      if (nth % 2 === 1) piece(response, 0, 2000);
      else response.writeHead(416).end();
    });
    expect(requests).toBeLessThanOrEqual(2 * (RETRIES + 1));
  });

  test('by a 200 that is longer each time and a 416 in turns', async () => {
    const { requests } = await pullFrom((nth, _, response) => {
      if (nth % 2 === 1) piece(response, 0, nth * 2000);
      else response.writeHead(416).end();
    });
    expect(requests).toBeLessThanOrEqual(2 * (RETRIES + 1));
  });

  test('by a range of one byte each', async () => {
    const { requests } = await pullFrom((_, from, response) => piece(response, from, 1));
    expect(requests).toBe(RETRIES + 1);
  });

  test('by a piece, and then the content from its beginning again', async () => {
    const { requests } = await pullFrom((_, __, response) => piece(response, 0, 50_000));
    expect(requests).toBe(RETRIES + 1);
  });

  test('by an answer and a passing failure in turns', async () => {
    const { requests } = await pullFrom((nth, from, response) => {
      if (nth % 2 === 1) piece(response, from, 10);
      else response.writeHead(503).end();
    });
    expect(requests).toBe(RETRIES + 1);
  });
});

test('a slow line that gets further with every try is followed to the end', async () => {
  let nth = 0;
  const fake = await fakeRegistry((request, response, path) => {
    if (!isBlob(path)) return false;
    nth += 1;
    piece(response, Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0), 200_000);
    return true;
  });
  placeBundle(fake, '1', content);
  const out = join(temporaryDirectory(), 'out');
  await pullBundle(client(fake.host, { retries: RETRIES }), {
    reference: parseReference(`oci://${fake.host}/trust:1`),
    out,
  });
  expect(nth).toBeGreaterThanOrEqual(10);
});

describe('a registry that keeps an upload going for ever', () => {
  const CHUNK = 200_000;

  test('by taking a chunk, failing, and knowing nothing of it', async () => {
    let patches = 0;
    const fake = await fakeRegistry((request, response, path) => {
      if (request.method === 'GET' && path.includes('/uploads/')) {
        response.writeHead(204, { location: path, range: '0-0' }).end();
        return true;
      }
      if (request.method !== 'PATCH') return false;
      patches += 1;
      const isTaken = patches % 2 === 1;
      request.resume().on('end', () => {
        response.writeHead(isTaken ? 202 : 503, isTaken ? { location: path } : {}).end();
      });
      return true;
    });
    const registry = client(fake.host, { retries: RETRIES });
    const blob = { digest: digestOf(content), size: content.length, content };
    await refusal('FETCH_FAILED', () => uploadBlob(registry, blob, { chunks: new ChunkSize(CHUNK) }));
    // It is begun once more for each retry, and each of these is given up by itself.
    expect(patches).toBeLessThanOrEqual(2 * (RETRIES + 1) ** 2);
  });

  test('by an answer without end to each chunk', async () => {
    let written = 0;
    const fake = await fakeRegistry((request, response, path) => {
      if (request.method !== 'PATCH' || !path.includes('/uploads/')) return false;
      let received = Buffer.alloc(0);
      request.on('data', (bytes: Buffer) => {
        received = Buffer.concat([received, bytes]);
      });
      request.on('end', () => {
        fake.upload = Buffer.concat([fake.upload, received]);
        response.writeHead(202, { location: path });
        const timer = setInterval(() => {
          written += 10_000;
          response.write('x'.repeat(10_000));
        }, 1);
        response.on('close', () => clearInterval(timer));
      });
      return true;
    });
    const blob = { digest: digestOf(content), size: content.length, content };
    await uploadBlob(client(fake.host), blob, { chunks: new ChunkSize(content.length) });
    let before = -1;
    await expect
      .poll(() => {
        const isQuiet = before === written;
        before = written;
        return isQuiet;
      })
      .toBe(true);
  });
});
