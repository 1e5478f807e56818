import { cpSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { generateKey, signerOf } from '../../src/base/keys.ts';
import { mirrorLog } from '../../src/logs/mirror.ts';
import { tileSource } from '../../src/logs/source.ts';
import { checkCarriedLog } from '../../src/logs/store.ts';
import { appendEntries, loadLog } from '../../src/logs/writer.ts';
import { stella } from '../support/cli.ts';
import { refusal } from '../support/errors.ts';
import { plainFetcher } from '../support/plain-fetcher.ts';
import { real, realIsPresent } from '../support/real.ts';
import { serveDirectory } from '../support/static-server.ts';
import { temporaryDirectory } from '../support/temp.ts';

const numbered = (count: number) => Array.from({ length: count }, (_, i) => `entry ${i}`).join('\n');

test('a log of 1,200 entries made by commands is mirrored over http, carried, and verified by its tiles', async () => {
  const home = temporaryDirectory();
  const log = join(home, 'log');
  expect(await stella(['log', 'init', log, '--origin', 'logs.example.com/journey'])).toMatchObject({
    status: 0,
  });
  expect(statSync(`${log}.key`).mode & 0o777).toBe(0o600);
  writeFileSync(join(home, 'lines'), numbered(1200));
  const appended = await stella(['log', 'append', log, '--lines', join(home, 'lines'), '--json']);
  expect(appended.json()).toEqual({ added: 1200, first_index: 0, size: 1200 });

  const verified = await stella(['log', 'verify', log, '--json']);
  expect(verified.json()).toMatchObject({ size: 1200, entries_proved: 1200, provable_entries: 1200 });

  const server = await serveDirectory(log);
  const { key } = loadLog(log);
  const into = join(home, 'mirror');
  const mirrored = await mirrorLog({
    source: tileSource(server.url, plainFetcher),
    keys: [key],
    depth: 10_000n,
    into,
  });
  expect(mirrored).toMatchObject({ size: 1200n, firstIndex: 0n, fetched: 6 });

  const carried = join(home, 'carried');
  mkdirSync(carried);
  for (const file of mirrored.files) cpSync(join(into, file), join(carried, file));
  const checked = await checkCarriedLog(carried, { keys: [key], origin: 'logs.example.com/journey' });
  expect(checked).toMatchObject({ leaves: 1200n, firstIndex: 0n });
  expect(checked.checkpoint.rootHash).toEqual(mirrored.rootHash);
});

test.runIf(realIsPresent)(
  "log verify opens another implementation's log and proves every entry",
  async () => {
    const result = await stella([
      'log',
      'verify',
      `${real}tile-log`,
      '--key',
      'example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx',
      '--json',
    ]);
    expect(result.json()).toMatchObject({
      origin: 'example.com/log/testdata',
      size: 15,
      entries_proved: 15,
      root_hash: 'aca6c38a90af86e5f5199ee0e4105ef2c03a05b27b8daff59e4e36eefdfcddcb',
    });
  },
);

test('files and lines from stdin are appended, batch after batch', async () => {
  const log = join(temporaryDirectory(), 'log');
  await stella(['log', 'init', log, '--origin', 'logs.example.com/batches']);
  writeFileSync(`${log}.entry`, 'a whole file\nwith two lines\n');
  expect((await stella(['log', 'append', log, `${log}.entry`])).stdout).toBe(
    'appended 1 entry: 0; the log has 1\n',
  );
  for (const count of [254, 1, 1, 255, 300])
    expect((await stella(['log', 'append', log], { stdin: numbered(count) })).status).toBe(0);
  const verified = await stella(['log', 'verify', log, '--json']);
  expect(verified.json()).toMatchObject({ size: 812, entries_proved: 812, provable_entries: 812 });
  expect(readFileSync(join(log, 'tile/entries/000')).subarray(0, 30).toString()).toContain('a whole file');
});

test('only the key of the log appends to it', async () => {
  const log = join(temporaryDirectory(), 'log');
  await stella(['log', 'init', log, '--origin', 'logs.example.com/mine']);
  await refusal('KEY_INVALID', () => appendEntries(log, [new Uint8Array(1)], signerOf(generateKey())));
});
