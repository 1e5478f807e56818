import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { ChunkSize } from '../../src/oci/chunk-size.ts';
import type { Credentials } from '../../src/oci/credentials.ts';
import { pushBundle } from '../../src/oci/push.ts';
import { uploadBlob } from '../../src/oci/upload.ts';
import { noise } from '../support/bundle.ts';
import { refusal } from '../support/errors.ts';
import { client, digestOf, fakeRegistry, someFacts } from '../support/fake-registry.ts';
import { nginxIsPresent, serveWithNginx } from '../support/nginx.ts';
import { REGISTRY_KINDS, registryLike } from '../support/registry-kinds.ts';
import { temporaryDirectory, temporaryTree } from '../support/temp.ts';

const MIB = 1024 * 1024;
const content = noise(5 * MIB);
const digest = digestOf(content);
let file: string;
beforeAll(() => {
  file = join(temporaryTree(), 'bundle.tar.zst');
  writeFileSync(file, content);
});
const user: Credentials = { from: 'a test', kind: 'password', username: 'carrier', password: 'secret' };

describe.each(REGISTRY_KINDS)('$name', (kind) => {
  // Only limits need content beyond them.
  const bytes = kind.most ? content : content.subarray(0, 250_000);
  const size = kind.most ? MIB : 100_000;

  test('takes a bundle', async () => {
    const { fake, taken } = await registryLike(kind);
    const place = join(temporaryDirectory(), 'bundle.tar.zst');
    writeFileSync(place, bytes);
    const pushed = await pushBundle(client(fake.host, { user }), {
      files: [place],
      tag: '1',
      facts: someFacts,
    });
    expect(fake.blobs.get(digestOf(bytes))?.equals(bytes)).toBe(true);
    expect(digestOf(fake.manifests.get('1')!)).toBe(pushed.digest);
    // The last is the empty configuration.
    expect(taken).toEqual([...(kind.sent ?? [bytes.length]), 2]);
  });

  test('takes a blob whose second chunk is cut off', async () => {
    const { fake, cutChunk, begun } = await registryLike(kind);
    cutChunk(2);
    await uploadBlob(
      client(fake.host, { user }),
      { digest: digestOf(bytes), size: bytes.length, content: bytes },
      { chunks: new ChunkSize(size) },
    );
    expect(fake.blobs.get(digestOf(bytes))?.equals(bytes)).toBe(true);
    expect(begun()).toBe(kind.begun);
  });
});

const blob = { digest, size: content.length, content };

describe('a registry that refuses', () => {
  test.each([
    [413, 'however short a chunk is'],
    [416, 'a chunk at the place that it has just named'],
  ])(
    'with %i %s: it is asked no more often than there are sizes, and the hint says what to change',
    async (status) => {
      const lengths: number[] = [];
      const fake = await fakeRegistry((request, response) => {
        if (request.method !== 'PATCH') return false;
        lengths.push(Number(request.headers['content-length']));
        request.resume();
        response.writeHead(status).end('{"errors":[{"code":"SIZE_INVALID","message":"no"}]}');
        return true;
      });
      const error = await refusal('FETCH_FAILED', () => uploadBlob(client(fake.host), blob));
      expect(lengths).toEqual([content.length, 4 * MIB, MIB, MIB / 4, MIB / 16]);
      expect(error.message).toContain(`${status} ("SIZE_INVALID: no") to ${MIB / 16} bytes`);
      expect(error.hints.join(' ')).toMatch(/client_max_body_size 0;.*--split-size/);
    },
  );

  test('what it took before with 413, as one that limits layers does: at once', async () => {
    let taken = 0;
    const fake = await fakeRegistry((request, response) => {
      if (request.method !== 'PATCH') return false;
      taken += 1;
      if (taken <= 2) return false;
      request.resume();
      response.writeHead(413).end();
      return true;
    });
    const chunks = new ChunkSize(MIB);
    const error = await refusal('FETCH_FAILED', () => uploadBlob(client(fake.host), blob, { chunks }));
    expect(taken).toBe(3);
    expect(error.hints.join('\n')).toContain('--split-size');
  });

  test('less than what it says is the least that it takes: no less is tried', async () => {
    const lengths: number[] = [];
    const fake = await fakeRegistry((request, response) => {
      if (request.method === 'POST') {
        response.writeHead(202, { location: '/v2/trust/blobs/uploads/1', 'oci-chunk-min-length': 2 * MIB });
        response.end();
        return true;
      }
      if (request.method !== 'PATCH') return false;
      lengths.push(Number(request.headers['content-length']));
      request.resume();
      response.writeHead(413).end();
      return true;
    });
    await refusal('FETCH_FAILED', () => uploadBlob(client(fake.host), blob));
    expect(lengths).toEqual([content.length, 4 * MIB]);
  });

  test('every other chunk, with another place each time: it ends', async () => {
    let patches = 0;
    const fake = await fakeRegistry((request, response, path) => {
      if (request.method === 'GET' && path.includes('/uploads/')) {
        response.writeHead(204, { range: `0-${65_535 * (patches % 3)}` }).end();
        return true;
      }
      if (request.method !== 'PATCH') return false;
      patches += 1;
      request.resume().on('end', () => {
        if (patches % 2 === 1) response.writeHead(202, { location: path }).end();
        else response.writeHead(patches % 4 === 0 ? 413 : 416).end();
      });
      return true;
    });
    await refusal('FETCH_FAILED', () =>
      uploadBlob(client(fake.host), blob, { chunks: new ChunkSize(MIB / 4) }),
    );
    expect(patches).toBeLessThan(200);
  });

  test('a manifest with 413', async () => {
    const fake = await fakeRegistry((request, response, path) => {
      if (request.method !== 'PUT' || !path.includes('/manifests/')) return false;
      request.resume();
      response.writeHead(413).end();
      return true;
    });
    const push = () => pushBundle(client(fake.host), { files: [file], tag: '1', facts: someFacts });
    expect((await refusal('FETCH_FAILED', push)).hints.join('\n')).toContain('client_max_body_size');
  });
});

describe('a registry that says it has what it has not', () => {
  test.each([200, 202, 204])('by %i to the end of an upload', async (status) => {
    const fake = await fakeRegistry((request, response, path) => {
      if (request.method !== 'PUT' || !path.includes('/uploads/')) return false;
      response.writeHead(status).end();
      return true;
    });
    const error = await refusal('FETCH_FAILED', () => uploadBlob(client(fake.host), blob));
    expect(error.message).toContain(`answered ${status}, and does not have the blob`);
  });

  test('by another digest', async () => {
    const fake = await fakeRegistry((request, response, path) => {
      if (request.method !== 'PUT' || !path.includes('/uploads/')) return false;
      response.writeHead(201, { 'docker-content-digest': digestOf(Buffer.from('other')) }).end();
      return true;
    });
    await refusal('BLOB_DIGEST', () => uploadBlob(client(fake.host), blob));
  });

  test('by any success to a manifest that is not there then', async () => {
    const fake = await fakeRegistry((request, response, path) => {
      if (request.method !== 'PUT' || !path.includes('/manifests/')) return false;
      request.resume();
      response.writeHead(204).end();
      return true;
    });
    const push = () => pushBundle(client(fake.host), { files: [file], tag: '1', facts: someFacts });
    expect((await refusal('BLOB_DIGEST', push)).message).toContain('stored no manifest');
  });
});

test('a registry that answers HEAD with 405 is asked with GET whether it has a blob', async () => {
  const fake = await fakeRegistry((request, response) => {
    if (request.method !== 'HEAD') return false;
    response.writeHead(405).end();
    return true;
  });
  fake.blobs.set(digest, content);
  expect(await uploadBlob(client(fake.host), blob)).toEqual({ digest, held: content.length });
});

test('a server that hangs up on long requests without a word gets shorter ones', async () => {
  const fake = await fakeRegistry((request, response) => {
    if (request.method !== 'PATCH' || Number(request.headers['content-length']) <= MIB) return false;
    response.destroy();
    return true;
  });
  await uploadBlob(client(fake.host), blob);
  expect(fake.blobs.get(digest)?.equals(content)).toBe(true);
});

test('a blob that a registry loses at the end is sent once more (jib#4301)', async () => {
  let closed = 0;
  const fake = await fakeRegistry((request, response, path) => {
    if (request.method !== 'PUT' || !path.includes('/uploads/')) return false;
    closed += 1;
    if (closed > 1) return false;
    response.writeHead(404).end('{"errors":[{"code":"BLOB_UNKNOWN"}]}');
    return true;
  });
  await uploadBlob(client(fake.host), blob);
  expect(fake.blobs.get(digest)?.equals(content)).toBe(true);
  expect(closed).toBe(2);
});

test('chunks only ever get smaller, end, and never exceed what is left', () => {
  const bytes = fc.integer({ min: 1, max: 2 ** 40 });
  fc.assert(
    fc.property(bytes, fc.array(fc.tuple(fc.boolean(), fc.boolean())), fc.nat(), (left, turns, minimum) => {
      const chunks = new ChunkSize();
      let before = Number.POSITIVE_INFINITY;
      for (const [isRefused, isKnown] of turns) {
        const length = chunks.next(left, minimum, isKnown);
        expect(length).toBeGreaterThan(0);
        expect(length).toBeLessThanOrEqual(left);
        if (isRefused) chunks.shrinkBelow(length, minimum);
        else chunks.take(length);
        const after = chunks.next(left, minimum, true);
        expect(after).toBeLessThanOrEqual(before);
        before = after;
      }
      let refused = 0;
      while (chunks.shrinkBelow(chunks.next(left, minimum, true), minimum)) refused += 1;
      expect(refused).toBeLessThan(6);
    }),
  );
});

test.skipIf(!nginxIsPresent)('a real nginx that takes 1 MiB', async () => {
  const fake = await fakeRegistry();
  const { port } = await serveWithNginx(temporaryDirectory(), {
    server: `location / { proxy_pass http://${fake.host}; proxy_set_header Host $http_host; proxy_request_buffering off; }`,
  });
  await uploadBlob(client(`127.0.0.1:${port}`), blob);
  expect(fake.blobs.get(digest)?.equals(content)).toBe(true);
});
