import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { pushBundle } from '../../src/oci/push.ts';
import { uploadBlob } from '../../src/oci/upload.ts';
import { noise } from '../support/bundle.ts';
import { repeatedDigest } from '../support/digest.ts';
import { refusal } from '../support/errors.ts';
import { client, digestOf, fakeRegistry, type Intercept, someFacts } from '../support/fake-registry.ts';
import { temporaryDirectory } from '../support/temp.ts';

const content = noise(500_000);

async function setting(intercept?: Intercept) {
  const fake = await fakeRegistry(intercept);
  const file = join(temporaryDirectory(), 'bundle.tar.zst');
  writeFileSync(file, content);
  const push = () => pushBundle(client(fake.host), { files: [file], tag: '1', facts: someFacts });
  return { fake, push };
}

test('500 in the middle of a chunk: the registry is asked how far it got, and gets the rest', async () => {
  let failed = false;
  const { fake, push } = await setting((request, response) => {
    if (request.method !== 'PATCH' || failed) return false;
    failed = true;
    let received = Buffer.alloc(0);
    request.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 100_000 || response.headersSent) return;
      fake.upload = received;
      response.writeHead(500, { connection: 'close' }).end();
    });
    return true;
  });
  await push();
  expect(fake.blobs.get(digestOf(content))?.equals(content)).toBe(true);
  const chunks = fake.requests
    .filter(({ method }) => method === 'PATCH')
    .map(({ headers }) => headers['content-range']);
  expect(chunks[0]).toBe('0-499999');
  expect(chunks[1]).toMatch(/^[1-9]\d+-499999$/);
});

test('a broken connection in the middle of a chunk', async () => {
  let failed = false;
  const { fake, push } = await setting((request, response) => {
    if (request.method !== 'PATCH' || failed) return false;
    failed = true;
    request.once('data', () => response.destroy());
    return true;
  });
  await push();
  expect(fake.blobs.get(digestOf(content))?.equals(content)).toBe(true);
});

test('an upload that the registry has forgotten is started anew', async () => {
  let failures = 0;
  const { fake, push } = await setting((request, response, path) => {
    const isAsked = request.method === 'GET' && path.includes('/uploads/');
    if ((request.method !== 'PATCH' && !isAsked) || failures > 1) return false;
    failures += 1;
    request.resume();
    response.writeHead(isAsked ? 404 : 503).end();
    return true;
  });
  await push();
  expect(fake.blobs.get(digestOf(content))?.equals(content)).toBe(true);
  expect(
    fake.requests.filter(({ method, path }) => method === 'POST' && path.endsWith('/uploads/')),
  ).toHaveLength(3);
});

test.each([
  ['one byte, which it says as if it were none', 1],
  ['nothing, and knows nothing of it', 0],
])('a registry that has of the upload %s: it is started anew', async (_, kept) => {
  let failed = 0;
  const { fake, push } = await setting((request, response) => {
    if (request.method !== 'PATCH' || failed > 0) return false;
    failed += 1;
    request.resume().on('end', () => {
      fake.upload = Buffer.from(content.subarray(0, kept));
      response.writeHead(kept > 0 ? 500 : 404).end();
    });
    return true;
  });
  await push();
  expect(fake.blobs.get(digestOf(content))?.equals(content)).toBe(true);
  expect(
    fake.requests.filter(({ method, path }) => method === 'POST' && path.endsWith('/uploads/')),
  ).toHaveLength(3);
});

test('a registry that fails and fails: the tag is not made', async () => {
  const { fake, push } = await setting((request, response) => {
    if (request.method !== 'PATCH') return false;
    request.resume();
    response.writeHead(500).end();
    return true;
  });
  await refusal('FETCH_FAILED', push);
  expect(fake.manifests.size).toBe(0);
});

test('layers: a bundle that fits is one, what would be a thousand is refused, and so is what is split already', async () => {
  const { fake } = await setting();
  const directory = temporaryDirectory();
  const file = join(directory, 'bundle.tar.zst');
  writeFileSync(file, content);
  const push = (layerSize: number, files = [file]) =>
    pushBundle(client(fake.host), { files, tag: '1', facts: someFacts, layerSize });
  expect((await push(content.length)).layers).toMatchObject([
    { size: content.length, title: 'bundle.tar.zst' },
  ]);
  expect((await push(content.length - 1)).layers.map(({ size }) => size)).toEqual([content.length - 1, 1]);
  expect((await refusal('USAGE', () => push(500))).hints.join()).toContain('choose at least 501 bytes');
  await refusal('USAGE', () => push(1000, [file, file]));
});

test('a registry that stores another manifest', async () => {
  const { push } = await setting((request, response, path) => {
    if (request.method !== 'PUT' || !path.includes('/manifests/')) return false;
    request.resume();
    response.writeHead(201, { 'docker-content-digest': `sha256:${repeatedDigest('00')}` }).end();
    return true;
  });
  await refusal('BLOB_DIGEST', push);
});

test('a registry that does not let this user push', async () => {
  const { push } = await setting((request, response) => {
    if (request.method !== 'POST') return false;
    response.writeHead(403).end('{"errors":[{"code":"DENIED","message":"read only"}]}');
    return true;
  });
  const error = await refusal('REGISTRY_AUTH', push);
  expect(error.message).toContain('DENIED: read only');
});

test('a digest that is taken on the way is right, also after a failure', async () => {
  let failed = true;
  const fake = await fakeRegistry((request, response) => {
    if (request.method !== 'PATCH' || failed) return false;
    failed = true;
    request.once('data', (chunk: Buffer) => {
      fake.upload = chunk;
      response.writeHead(502, { connection: 'close' }).end();
    });
    return true;
  });
  const file = join(temporaryDirectory(), 'blob');
  writeFileSync(file, content);
  const sent = { digest: digestOf(content), held: 0 };
  expect(await uploadBlob(client(fake.host), { size: content.length, content: { file } })).toEqual(sent);
  failed = false;
  expect(await uploadBlob(client(fake.host), { size: content.length, content: { file } })).toEqual(sent);
  expect(fake.blobs.get(sent.digest)?.equals(content)).toBe(true);
});
