/**
 * A TUF client with the command line that the public TUF conformance suite drives, over the code that `stella trust` uses:
 *
 *   tuf-client --metadata-dir D init ROOT
 *   tuf-client --metadata-dir D --metadata-url U refresh
 *   tuf-client --metadata-dir D --metadata-url U --target-name T… --target-base-url U --target-dir D download
 *
 * Trusted metadata is kept in D under plain names (root.json, timestamp.json, …). Exit status 0 or 1.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { seconds, systemClock } from '../../src/base/clock.ts';
import { isStellaError } from '../../src/base/errors.ts';
import { readBounded, readBoundedIfPresent, replaceFile } from '../../src/base/files.ts';
import { networkFetcher } from '../../src/net/fetcher.ts';
import { TufClient } from '../../src/tuf/client.ts';
import { publishedTargetName, urlPath } from '../../src/tuf/layout.ts';
import { metadataFileName } from '../../src/tuf/metadata-file.ts';
import { checkTarget } from '../../src/tuf/target-file.ts';

const MOST_METADATA_BYTES = 5_000_000;
const fetcher = networkFetcher({
  userAgent: 'stella-conformance',
  retries: 0,
  requestTimeout: seconds(60),
  stallTimeout: seconds(30),
});
const withSlash = (url: string) => (url.endsWith('/') ? url : `${url}/`);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    'metadata-dir': { type: 'string' },
    'metadata-url': { type: 'string' },
    'target-name': { type: 'string', multiple: true },
    'target-base-url': { type: 'string' },
    'target-dir': { type: 'string' },
  },
});

function required(name: 'metadata-dir' | 'metadata-url' | 'target-base-url' | 'target-dir'): string {
  const value = values[name];
  if (value === undefined) throw new Error(`--${name} is required`);
  return value;
}

const directory = required('metadata-dir');
const localPath = (role: string) => join(directory, `${encodeURIComponent(role)}.json`);

async function fetchIfPresent(url: string, most: number): Promise<Uint8Array | undefined> {
  try {
    return (await fetcher.fetch(url, { most })).bytes;
  } catch (error) {
    if (isStellaError(error, 'FETCH_NOT_FOUND')) return undefined;
    throw error;
  }
}

async function refresh(): Promise<TufClient> {
  const url = withSlash(required('metadata-url'));
  const client = new TufClient({
    url,
    trustedRoot: readBounded(localPath('root'), MOST_METADATA_BYTES),
    referenceTime: systemClock(),
    source: (role, version, most) =>
      fetchIfPresent(`${url}${metadataFileName(encodeURIComponent(role), version)}`, most),
    held: (role) =>
      role === 'root' ? undefined : readBoundedIfPresent(localPath(role), MOST_METADATA_BYTES),
    onTrusted: (role, _, bytes) => replaceFile(localPath(role), bytes),
  });
  await client.refresh();
  return client;
}

async function download(client: TufClient, name: string): Promise<void> {
  const target = await client.find(name);
  if (!target) throw new Error(`no such target: ${name}`);
  const file = join(required('target-dir'), encodeURIComponent(name));
  try {
    const held = readBoundedIfPresent(file, target.length);
    if (held) {
      checkTarget(target, held, file);
      return;
    }
  } catch {
    // It is another one: the right one is fetched.
  }
  const path = urlPath(publishedTargetName(target, client.consistentSnapshot));
  const url = `${withSlash(required('target-base-url'))}${path}`;
  const { bytes } = await fetcher.fetch(url, { most: target.length });
  checkTarget(target, bytes, url);
  replaceFile(file, bytes);
}

async function main(): Promise<void> {
  const [command, file] = positionals;
  if (command === 'init' && file !== undefined) {
    replaceFile(localPath('root'), readBounded(file, MOST_METADATA_BYTES));
  } else if (command === 'refresh') {
    await refresh();
  } else if (command === 'download') {
    const client = await refresh();
    for (const name of values['target-name'] ?? []) await download(client, name);
  } else {
    throw new Error('a command is needed: init ROOT, refresh or download');
  }
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
