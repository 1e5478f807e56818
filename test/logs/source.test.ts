import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import { milliseconds, SECOND } from '../../src/base/clock.ts';
import { generateKey, signerOf } from '../../src/base/keys.ts';
import { findLogApi } from '../../src/logs/log-api.ts';
import { mirrorLog } from '../../src/logs/mirror.ts';
import { tileSource } from '../../src/logs/source.ts';
import { checkCarriedLog } from '../../src/logs/store.ts';
import { verifyLog } from '../../src/logs/verify-log.ts';
import { appendEntries, initLog } from '../../src/logs/writer.ts';
import { networkFetcher } from '../../src/net/fetcher.ts';
import { ctLogKeyOf } from '../../src/tlog/note.ts';
import { refusal } from '../support/errors.ts';
import { serveDirectory } from '../support/static-server.ts';
import { temporaryDirectory } from '../support/temp.ts';

const fetcher = networkFetcher({
  userAgent: 'stella-test',
  requestTimeout: milliseconds(5 * SECOND),
  stallTimeout: milliseconds(2 * SECOND),
  retries: 0,
});
const signer = signerOf(generateKey());

async function logOf(...batches: number[]) {
  const directory = join(temporaryDirectory(), 'log');
  const { key } = await initLog(directory, { origin: 'logs.example.com/source', signer });
  let n = 0;
  for (const count of batches)
    await appendEntries(
      directory,
      Array.from({ length: count }, () => Buffer.from(`entry ${n++}`)),
      signer,
    );
  return { directory, key };
}

describe('tile logs', () => {
  test('are read from file:// URLs', async () => {
    const { directory, key } = await logOf(700);
    const into = temporaryDirectory();
    const source = tileSource(pathToFileURL(directory).href, fetcher);
    await mirrorLog({ source, keys: [key], into, entries: true });
    expect(await verifyLog(into, { keys: [key] })).toMatchObject({ entries: 700n });
  });

  test('are read from servers that compress what they send', async () => {
    const { directory, key } = await logOf(300);
    const server = await serveDirectory(directory, (_, response, path) => {
      response
        .writeHead(200, { 'content-encoding': 'gzip' })
        .end(gzipSync(readFileSync(join(directory, path))));
      return true;
    });
    const into = temporaryDirectory();
    await mirrorLog({ source: tileSource(server.url, fetcher), keys: [key], into, entries: true });
    expect(await verifyLog(into, { keys: [key] })).toMatchObject({ entries: 300n });
  });

  test('a compressed body that unpacks into too much, or is cut off, is refused', async () => {
    const { directory, key } = await logOf(300);
    for (const [code, body] of [
      ['FETCH_TOO_LARGE', gzipSync(Buffer.alloc(64 * 1024 * 1024))],
      ['FETCH_FAILED', gzipSync(Buffer.alloc(1408)).subarray(0, 20)],
      ['FETCH_FAILED', Buffer.alloc(100, 7)],
    ] as const) {
      const server = await serveDirectory(directory, (_, response, path) => {
        if (!path.endsWith('.p/44')) return false;
        response.writeHead(200, { 'content-encoding': 'gzip' }).end(body);
        return true;
      });
      const source = tileSource(server.url, fetcher);
      await refusal(code, () => mirrorLog({ source, keys: [key], into: temporaryDirectory() }));
    }
  });

  test('a prefix needs no slash at its end', async () => {
    const { directory, key } = await logOf(3);
    const server = await serveDirectory(join(directory, '..'));
    for (const url of [`${server.url}log`, `${server.url}log/`]) {
      const into = temporaryDirectory();
      await mirrorLog({ source: tileSource(url, fetcher), keys: [key], into });
    }
  });

  test('a partial tile and entry bundle that are gone are cut from the full ones', async () => {
    const { directory, key } = await logOf(500);
    const old = join(temporaryDirectory(), 'old');
    cpSync(directory, old, { recursive: true });
    await appendEntries(
      directory,
      Array.from({ length: 300 }, () => Buffer.from('more')),
      signer,
    );
    // The log has gone on and cleaned up, but a cache still answers with the checkpoint from before.
    writeFileSync(join(directory, 'checkpoint'), readFileSync(join(old, 'checkpoint')));
    const server = await serveDirectory(directory);
    const into = temporaryDirectory();
    await mirrorLog({ source: tileSource(server.url, fetcher), keys: [key], into, entries: true });
    expect(server.requests).toContain('tile/0/001.p/244');
    expect(server.requests).toContain('tile/0/001');
    expect(await verifyLog(into, { keys: [key] })).toMatchObject({ entries: 500n, leaves: 500n });
  });

  test('a tile that is nowhere is reported by its own address', async () => {
    const { directory, key } = await logOf(500);
    rmSync(join(directory, 'tile/0'), { recursive: true });
    const server = await serveDirectory(directory);
    const error = await refusal('FETCH_NOT_FOUND', () =>
      mirrorLog({ source: tileSource(server.url, fetcher), keys: [key], into: temporaryDirectory() }),
    );
    expect(error.message).toContain('tile/0/001.p/244');
  });

  test.each([
    ['checkpoint', 2 * 1024 * 1024],
    ['tile/0/001.p/244', 9000],
    ['tile/entries/001.p/244', 20 * 1024 * 1024],
  ])('an endless body instead of %s is cut off', async (victim, sent) => {
    const { directory, key } = await logOf(500);
    const server = await serveDirectory(directory, (_, response, path) => {
      if (path !== victim) return false;
      response.writeHead(200);
      for (let done = 0; done < sent; done += 4096) response.write(Buffer.alloc(4096));
      return true; // and never ends
    });
    const into = temporaryDirectory();
    await refusal('FETCH_TOO_LARGE', () =>
      mirrorLog({ source: tileSource(server.url, fetcher), keys: [key], into, entries: true }),
    );
  });
});

test('connections are kept between requests, and one that the server closes meanwhile does no harm', async () => {
  let connections = 0;
  const server = createServer((_, response) => response.end('x'));
  server.on('connection', (socket) => {
    connections += 1;
    // Answers once more, then closes without a word.
    let answered = 0;
    socket.on('data', () => {
      answered += 1;
      if (answered === 3) socket.resetAndDestroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  for (let i = 0; i < 20; i += 1) expect((await fetcher.fetch(url, { most: 1 })).bytes).toHaveLength(1);
  expect(connections).toBeLessThan(20);
});

test("a static CT log's hashes are read, under its tree head signature", async () => {
  const { directory } = await logOf(400);
  const ctKey = generateKey('ecdsa-p256');
  const origin = 'ct.example.com/2026';
  const key = ctLogKeyOf(origin, ctKey.publicKey);
  // The same tiles, but with data tiles for entries and a checkpoint of C2SP static-ct-api.
  const [, size, root] = readFileSync(join(directory, 'checkpoint'), 'utf8').split('\n');
  const head = Buffer.alloc(2 + 8 + 8);
  head.writeUInt16BE(0x0001);
  head.writeBigUInt64BE(1_700_000_000_000n, 2);
  head.writeBigUInt64BE(BigInt(size!), 10);
  const signature = await signerOf(ctKey).sign(Buffer.concat([head, Buffer.from(root!, 'base64')]));
  const digitallySigned = Buffer.from([4, 3, 0, signature.length]);
  const note = Buffer.concat([key.keyId, head.subarray(2, 10), digitallySigned, signature]);
  const text = `${origin}\n${size}\n${root}\n`;
  const write = (body: string, signed: Buffer) =>
    writeFileSync(join(directory, 'checkpoint'), `${body}\n— ${origin} ${signed.toString('base64')}\n`);
  mkdirSync(join(directory, 'tile/data'));
  renameSync(join(directory, 'tile/entries'), join(directory, 'tile/data/000'));
  const server = await serveDirectory(directory);
  const source = tileSource(server.url, fetcher);
  const mirror = () => {
    const into = temporaryDirectory();
    return mirrorLog({ source, keys: [key], into }).then(() => into);
  };

  write(text, note);
  expect(await checkCarriedLog(await mirror(), { keys: [key] })).toMatchObject({ leaves: 400n });
  const bad = Buffer.from(note);
  bad[8]! ^= 1; // the time is signed too
  write(text, bad);
  await refusal('CHECKPOINT_SIGNATURE', mirror);
  write(`${text}extension\n`, note);
  await refusal('CHECKPOINT_SIGNATURE', mirror);
  write(text, note.subarray(0, 10));
  await refusal('CHECKPOINT_SIGNATURE', mirror);
});

test('which interface a log has is found out by asking', async () => {
  const { directory } = await logOf(1);
  const tiles = await serveDirectory(directory);
  expect(await findLogApi(tiles.url, fetcher)).toMatchObject({ api: 'tiles', prefix: tiles.url });
  const root = temporaryDirectory();
  mkdirSync(join(root, 'api/v1'), { recursive: true });
  const server = await serveDirectory(root);
  await refusal('FETCH_NOT_FOUND', () => findLogApi(server.url, fetcher));
  writeFileSync(join(root, 'api/v1/log'), '{}');
  expect(await findLogApi(server.url, fetcher)).toEqual({ api: 'v1' });
  expect(await findLogApi('https://nowhere.test', fetcher, 'v1')).toEqual({ api: 'v1' });
  await refusal('FETCH_NOT_FOUND', () => findLogApi(server.url, fetcher, 'tiles'));
  // Some servers answer whatever is asked.
  writeFileSync(join(root, 'checkpoint'), '<html>');
  expect(await findLogApi(server.url, fetcher)).toEqual({ api: 'v1' });
  await refusal('NOTE_INVALID', () => findLogApi(server.url, fetcher, 'tiles'));
  // Rekor v2 serves its tiles below its address.
  cpSync(directory, join(root, 'api/v2'), { recursive: true });
  const found = await findLogApi(server.url, fetcher);
  expect(found).toMatchObject({ api: 'tiles', prefix: `${server.url.replace(/\/$/, '')}/api/v2` });
});
