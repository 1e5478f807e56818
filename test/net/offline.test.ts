import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { checkOnline, fetcherFor, offlineFetcher } from '../../src/net/offline.ts';
import { refusal } from '../support/errors.ts';
import { impatientFetcher as fetcher, serve } from '../support/loopback.ts';
import { temporaryDirectory } from '../support/temp.ts';

const MAX = { most: 1000 };

describe('file URLs', () => {
  test('are read, bounded, and missing ones told', async () => {
    const directory = temporaryDirectory();
    writeFileSync(join(directory, 'a b'), 'content');
    writeFileSync(join(directory, '1.a%2Fb.json'), 'encoded');
    const base = pathToFileURL(directory).href;
    for (const each of [offlineFetcher(), fetcher()]) {
      expect(Buffer.from((await each.fetch(`${base}/a%20b`, MAX)).bytes).toString()).toBe('content');
      expect(Buffer.from((await each.fetch(`${base}/1.a%2Fb.json`, MAX)).bytes).toString()).toBe('encoded');
      await refusal('FETCH_NOT_FOUND', () => each.fetch(`${base}/missing`, MAX));
      await refusal('FETCH_TOO_LARGE', () => each.fetch(`${base}/a%20b`, { most: 3 }));
      await refusal('FETCH_FAILED', () => each.fetch(base, MAX));
    }
  });

  test.each(['file://server/share', 'ftp://x/', 'nonsense', 'javascript:0'])('%s is refused', async (url) => {
    await refusal('URL_INVALID', () => fetcher().fetch(url, MAX));
    await refusal('URL_INVALID', () => offlineFetcher().fetch(url, MAX));
  });
});

test('without a network every other URL is refused before anything is sent', async () => {
  let asked = false;
  const url = await serve((_, response) => {
    asked = true;
    response.end();
  });
  const error = await refusal('OFFLINE', () => offlineFetcher().fetch(url, MAX));
  expect(error.exit).toBe(3);
  expect(asked).toBe(false);
});

test('offline mode decides: what reaches servers is not even made', async () => {
  let connected = 0;
  const connect = async () => {
    connected += 1;
    return fetcher();
  };
  const offline = await fetcherFor({ offlineMode: true }, connect);
  await refusal('OFFLINE', () => offline.fetch('https://tuf.example/', MAX));
  expect(connected).toBe(0);
  await fetcherFor({ offlineMode: false }, connect);
  expect(connected).toBe(1);
  const error = await refusal('OFFLINE', () => checkOnline({ offlineMode: true }, 'the registry r.example'));
  expect(error.message).toBe('the registry r.example is needed, but offline mode forbids the network');
  checkOnline({ offlineMode: false }, 'the registry r.example');
});
