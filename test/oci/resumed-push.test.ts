import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { DAY, instant, systemClock } from '../../src/base/clock.ts';
import { ChunkSize } from '../../src/oci/chunk-size.ts';
import type { Credentials } from '../../src/oci/credentials.ts';
import { pushBundle } from '../../src/oci/push.ts';
import { uploadBlob } from '../../src/oci/upload.ts';
import { UploadMemory, type UploadRecord } from '../../src/oci/upload-memory.ts';
import { noise } from '../support/bundle.ts';
import { refusal } from '../support/errors.ts';
import {
  client,
  digestOf,
  type FakeRegistry,
  fakeRegistry,
  type Intercept,
  someFacts,
} from '../support/fake-registry.ts';
import { temporaryDirectory } from '../support/temp.ts';

const content = noise(500_000);
const CHUNK = 200_000;
const user: Credentials = { from: 'a test', kind: 'password', username: 'carrier', password: 'secret' };

/** Bytes of content that the registry was offered. */
const offered = (fake: FakeRegistry, from = 0) =>
  fake.requests
    .slice(from)
    .filter(({ method }) => method === 'PATCH')
    .reduce((sum, { headers }) => sum + Number(headers['content-length']), 0);

/** A push that ended after two chunks of three, and what the next run does. */
async function interrupted(intercept: Intercept = () => false, user?: Credentials) {
  let [chunks, isDown] = [0, true];
  const fake = await fakeRegistry((request, response, path) => {
    if (isDown && request.method === 'PATCH') {
      chunks += 1;
      if (chunks > 2) {
        request.resume();
        response.writeHead(503).end();
        return true;
      }
    }
    return !isDown && intercept(request, response, path);
  });
  const directory = temporaryDirectory();
  const file = join(directory, 'blob');
  writeFileSync(file, content);
  const memory = join(directory, 'uploads');
  const subject = { registry: `http://${fake.host}`, repository: 'trust', content: digestOf(content) };
  const run = async (retries = 2) =>
    new UploadMemory(memory, systemClock()).with(subject, (record) =>
      uploadBlob(
        client(fake.host, { retries, ...(user ? { user } : {}) }),
        { digest: digestOf(content), size: content.length, content: { file } },
        { record, chunks: new ChunkSize(CHUNK) },
      ),
    );
  await refusal('FETCH_FAILED', () => run(0));
  expect(fake.upload).toHaveLength(2 * CHUNK);
  isDown = false;
  const [name] = readdirSync(memory);
  const path = join(memory, name!, 'upload.json');
  const before = fake.requests.length;
  return { fake, run, before, memory, path };
}

const right = (fake: FakeRegistry) => fake.blobs.get(digestOf(content))?.equals(content);

test('the next run asks how far the last one came, and sends the rest', async () => {
  const { fake, run, before, memory } = await interrupted();
  expect(await run()).toEqual({ digest: digestOf(content), held: 2 * CHUNK });
  expect(right(fake)).toBe(true);
  expect(fake.requests.slice(before).map(({ method }) => method)).toEqual(['HEAD', 'GET', 'PATCH', 'PUT']);
  expect(offered(fake, before)).toBe(content.length - 2 * CHUNK);
  expect(readdirSync(memory)).toEqual([]);
});

test('a record that is whole already needs only the closing', async () => {
  const { fake, run, before } = await interrupted();
  fake.upload = content;
  await run();
  expect(offered(fake, before)).toBe(0);
  expect(right(fake)).toBe(true);
});

test('the record can be read by its owner only', async () => {
  const { path, memory } = await interrupted();
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(statSync(memory).mode & 0o777).toBe(0o700);
});

test('a location that moves is followed', async () => {
  const { fake, run, before } = await interrupted((request, response, path) => {
    if (request.method !== 'GET' || !path.includes('/uploads/1?')) return false;
    response.writeHead(204, { location: '/v2/trust/blobs/uploads/2?state=b', range: `0-${2 * CHUNK - 1}` });
    response.end();
    return true;
  });
  await run();
  expect(right(fake)).toBe(true);
  expect(fake.requests.slice(before).find(({ method }) => method === 'PATCH')!.path).toContain('/uploads/2');
});

describe('begins again, with the whole content,', () => {
  test.each([200, 400, 403, 404, 405, 416, 500, 501])('where the registry answers %i', async (status) => {
    const { fake, run, before } = await interrupted((request, response, path) => {
      if (request.method !== 'GET' || !path.includes('/uploads/')) return false;
      response.writeHead(status).end();
      return true;
    });
    expect(await run()).toMatchObject({ held: 0 });
    expect(right(fake)).toBe(true);
    expect(offered(fake, before)).toBe(content.length);
  });

  test('but not before it can: a registry that is out of order may remember the upload tomorrow', async () => {
    const { fake, run, path } = await interrupted((request, response) => {
      if (request.method === 'HEAD') return false;
      request.resume();
      response.writeHead(503).end();
      return true;
    });
    const before = readFileSync(path, 'utf8');
    await refusal('FETCH_FAILED', run);
    expect(readFileSync(path, 'utf8')).toBe(before);
    expect(fake.upload).toHaveLength(2 * CHUNK);
  });

  test('where it has more than there is', async () => {
    const { fake, run, before } = await interrupted();
    fake.upload = Buffer.concat([content, content]);
    await run();
    expect(right(fake)).toBe(true);
    expect(offered(fake, before)).toBe(content.length);
  });

  test('where the upload is gone after all', async () => {
    let gone = false;
    const { fake, run } = await interrupted((request, response) => {
      if (request.method !== 'PATCH' || gone) return false;
      gone = true;
      request.resume();
      response.writeHead(404).end();
      return true;
    });
    await run();
    expect(gone).toBe(true);
    expect(right(fake)).toBe(true);
  });

  test('where what is there is of other content: the registry tells by the digest', async () => {
    const { fake, run, before } = await interrupted();
    fake.upload = noise(2 * CHUNK, 7);
    expect(await run()).toMatchObject({ held: 0 });
    expect(right(fake)).toBe(true);
    expect(fake.requests.slice(before).filter(({ method }) => method === 'PUT')).toHaveLength(2);
  });

  test.each([
    ['no JSON', 'x'],
    ['of another form', '{"format":"stella-upload/v2"}'],
    ['too long', ' '.repeat(70_000)],
  ])('where the record is %s', async (_, text) => {
    const { fake, run, path, before } = await interrupted();
    writeFileSync(path, text);
    await run();
    expect(right(fake)).toBe(true);
    expect(offered(fake, before)).toBe(content.length);
  });

  test.each(['repository', 'registry', 'content'])('where the record is of another %s', async (name) => {
    const { fake, run, path, before } = await interrupted();
    const record = JSON.parse(readFileSync(path, 'utf8')) as Record<string, string>;
    writeFileSync(path, JSON.stringify({ ...record, [name]: 'other' }));
    await run();
    expect(offered(fake, before)).toBe(content.length);
    expect(right(fake)).toBe(true);
  });

  test.each([
    (host: string) => `http://${host}/v2/trust/blobs/uploads/1?state=a`,
    () => 'file:///etc/passwd',
    () => 'nonsense',
  ])('where the record names another host, which hears nothing (%#)', async (address) => {
    const elsewhere = await fakeRegistry();
    elsewhere.upload = Buffer.from(content.subarray(0, 2 * CHUNK));
    const { fake, run, path, before } = await interrupted(undefined, user);
    const record = JSON.parse(readFileSync(path, 'utf8')) as Record<string, string>;
    writeFileSync(path, JSON.stringify({ ...record, location: address(elsewhere.host) }));
    await run();
    expect(elsewhere.requests).toEqual([]);
    expect(right(fake)).toBe(true);
    expect(offered(fake, before)).toBe(content.length);
  });
});

test('an upload to a store that is not the registry is not remembered', async () => {
  const store = await fakeRegistry((request, response) => {
    request.resume();
    response.writeHead(503).end();
    return true;
  });
  const fake = await fakeRegistry((request, response) => {
    if (request.method !== 'POST') return false;
    response.writeHead(202, { location: `http://${store.host}/up?signature=secret` }).end();
    return true;
  });
  const memory = join(temporaryDirectory(), 'uploads');
  const subject = { registry: `http://${fake.host}`, repository: 'trust', content: 'x' };
  const blob = { digest: digestOf(content), size: content.length, content };
  await refusal('FETCH_FAILED', () =>
    new UploadMemory(memory, instant(0)).with(subject, (record) =>
      uploadBlob(client(fake.host, { retries: 0 }), blob, { record }),
    ),
  );
  expect(readdirSync(memory)).toEqual([]);
});

test('two pushes of the same at once do not share a record; what is a week old goes', async () => {
  const directory = temporaryDirectory();
  const memory = new UploadMemory(directory, systemClock());
  const subject = { registry: 'http://x', repository: 'trust', content: 'x' };
  const records: (UploadRecord | undefined)[] = [];
  await memory.with(subject, async (first) => {
    first!.remember('http://x/1');
    await new UploadMemory(directory, systemClock()).with(subject, async (second) => {
      records.push(first, second);
    });
  });
  expect(records.map((record) => record === undefined)).toEqual([false, true]);
  const [name] = readdirSync(directory);
  const path = join(directory, name!, 'upload.json');
  utimesSync(path, new Date(), new Date(Date.now() - 8 * DAY));
  new UploadMemory(directory, systemClock());
  expect(readdirSync(directory)).toEqual([]);
});

test('a memory that cannot be written is no obstacle', async () => {
  const file = join(temporaryDirectory(), 'blob');
  writeFileSync(file, content);
  const fake = await fakeRegistry();
  const problems: string[] = [];
  const memory = new UploadMemory(join(file, 'uploads'), instant(0), (problem) => problems.push(problem));
  await pushBundle(client(fake.host), { files: [file], tag: '1', facts: someFacts, memory });
  expect(right(fake)).toBe(true);
  expect(problems[0]).toContain('not remembering');
});

test('an answer to the closing that is lost: the blob is there all the same', async () => {
  let lost = false;
  const fake = await fakeRegistry((request, response, path) => {
    if (request.method !== 'PUT' || !path.includes('/uploads/')) return false;
    if (lost) {
      response.writeHead(404).end();
      return true;
    }
    lost = true;
    fake.blobs.set(digestOf(fake.upload), fake.upload);
    response.writeHead(502, { connection: 'close' }).end();
    return true;
  });
  await uploadBlob(client(fake.host), { digest: digestOf(content), size: content.length, content });
  expect(fake.requests.filter(({ method }) => method === 'PATCH')).toHaveLength(1);
  expect(right(fake)).toBe(true);
});
