import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { generateKey, signerOf } from '../../src/base/keys.ts';
import { withLock } from '../../src/base/lock.ts';
import { checkGrowth, tileReader } from '../../src/logs/store.ts';
import { verifyLog } from '../../src/logs/verify-log.ts';
import { appendEntries, initLog, loadLog } from '../../src/logs/writer.ts';
import { stella } from '../support/cli.ts';
import { refusal } from '../support/errors.ts';
import { ReferenceTree, referenceLeaf } from '../support/reference-tree.ts';
import { temporaryDirectory } from '../support/temp.ts';

const signer = signerOf(generateKey());
const entry = (i: number) => Buffer.from(`entry ${i}`);
const entries = (from: number, count: number) => Array.from({ length: count }, (_, i) => entry(from + i));

async function emptyLog(origin = 'logs.example.com/writer') {
  const directory = join(temporaryDirectory(), 'log');
  return { directory, ...(await initLog(directory, { origin, signer })) };
}

test.each([['ed25519'], ['ecdsa-p256'], ['rsa']] as const)(
  'a log with a key of type %s is kept and verified',
  async (algorithm) => {
    const directory = join(temporaryDirectory(), 'log');
    const own = signerOf(generateKey(algorithm));
    const { key } = await initLog(directory, { origin: 'logs.example.com/keys', signer: own });
    await appendEntries(directory, entries(0, 3), own);
    expect(await verifyLog(directory, { keys: [key], complete: true })).toMatchObject({ entries: 3n });
  },
);

test('batches of any size give the roots of RFC 6962, and all checkpoints are consistent', async () => {
  const { directory, key } = await emptyLog();
  const tree = new ReferenceTree(entries(0, 1400).map(referenceLeaf));
  let size = 0;
  const heads = [];
  for (const count of [0, 1, 1, 253, 1, 1, 255, 256, 512, 3, 0, 100]) {
    const appended = await appendEntries(directory, entries(size, count), signer);
    expect(appended).toMatchObject({ firstIndex: BigInt(size), size: BigInt(size + count) });
    size += count;
    const { checkpoint } = loadLog(directory);
    expect(Buffer.from(checkpoint.rootHash)).toEqual(Buffer.from(tree.root(size)));
    expect(readFileSync(join(directory, 'checkpoint'))).toEqual(Buffer.from(appended.checkpoint));
    heads.push(checkpoint);
  }
  const verified = await verifyLog(directory, { keys: [key], complete: true });
  expect(verified).toMatchObject({ entries: BigInt(size), firstIndex: 0n });
  for (const head of heads) {
    await checkGrowth('o', head, verified.checkpoint, tileReader(directory, verified.checkpoint));
    await verifyLog(directory, { keys: [key], previous: head });
  }
});

test('partial files go when their full one is there', async () => {
  const { directory } = await emptyLog();
  await appendEntries(directory, entries(0, 200), signer);
  await appendEntries(directory, entries(200, 100), signer);
  expect(readdirSync(join(directory, 'tile/0'))).toEqual(['000', '001.p']);
  expect(readdirSync(join(directory, 'tile/entries'))).toEqual(['000', '001.p']);
});

describe('after a crash', () => {
  /** A log of 300 entries that died while it appended 500: tiles on disk, and a checkpoint not yet published. */
  async function crashed() {
    const { directory, key } = await emptyLog();
    await appendEntries(directory, entries(0, 300), signer);
    const checkpoint = readFileSync(join(directory, 'checkpoint'));
    const kept = join(directory, '..', 'kept');
    cpSync(directory, kept, { recursive: true });
    await appendEntries(directory, entries(300, 500), signer);
    const next = readFileSync(join(directory, 'checkpoint'));
    cpSync(join(kept, 'tile'), join(directory, 'tile'), { recursive: true });
    writeFileSync(join(directory, 'checkpoint'), checkpoint);
    return { directory, key, next };
  }
  const pending = (directory: string) => join(directory, '.checkpoint.next');

  test('before the new checkpoint was signed, the old log is whole and goes on', async () => {
    const { directory, key } = await crashed();
    expect(await verifyLog(directory, { keys: [key], complete: true })).toMatchObject({ entries: 300n });
    expect(await appendEntries(directory, [Buffer.from('other')], signer)).toMatchObject({ size: 301n });
    expect(await verifyLog(directory, { keys: [key], complete: true })).toMatchObject({ entries: 301n });
  });

  test('after it was signed, it is published before anything else is signed', async () => {
    const { directory, key, next } = await crashed();
    writeFileSync(pending(directory), next);
    expect(await verifyLog(directory, { keys: [key], complete: true })).toMatchObject({ entries: 300n });
    expect(await appendEntries(directory, [Buffer.from('other')], signer)).toMatchObject({
      firstIndex: 800n,
      size: 801n,
    });
    expect(existsSync(pending(directory))).toBe(false);
    expect(await verifyLog(directory, { keys: [key], complete: true })).toMatchObject({ entries: 801n });
  });

  test('while it was being written, nobody can have seen it', async () => {
    const { directory, next } = await crashed();
    writeFileSync(pending(directory), next.subarray(0, next.length - 10));
    expect(await appendEntries(directory, [Buffer.from('other')], signer)).toMatchObject({
      firstIndex: 300n,
    });
    expect(existsSync(pending(directory))).toBe(false);
  });
});

describe('refused', () => {
  test('an entry that is too long, and nothing is appended', async () => {
    const { directory } = await emptyLog();
    await refusal('LOG_ENTRY_INVALID', () =>
      appendEntries(directory, [entry(0), new Uint8Array(65_536)], signer),
    );
    expect(loadLog(directory).checkpoint.size).toBe(0n);
    expect(await appendEntries(directory, [new Uint8Array(65_535), new Uint8Array()], signer)).toMatchObject({
      size: 2n,
    });
  });

  test('a second writer at the same time', async () => {
    const { directory } = await emptyLog();
    await withLock(directory, () => refusal('LOCKED', () => appendEntries(directory, [entry(0)], signer)));
  });

  test('a directory that is no log, or is one already', async () => {
    await refusal('LOG_UNKNOWN', () => appendEntries(temporaryDirectory(), [entry(0)], signer));
    const { directory } = await emptyLog();
    await refusal('FILE_EXISTS', () => initLog(directory, { origin: 'logs.example.com/second', signer }));
    await refusal('USAGE', () => initLog(join(temporaryDirectory(), 'log'), { origin: 'two words', signer }));
  });

  test.each([
    ['the tile at the right edge was altered', 'tile/0/001.p/44', 'ROOT_MISMATCH'],
    ['the entries at the right edge were altered', 'tile/entries/001.p/44', 'LOG_ENTRY_INVALID'],
    ['the checkpoint was altered', 'checkpoint', 'CHECKPOINT_SIGNATURE'],
  ] as const)('to go on where %s', async (_, path, code) => {
    const { directory } = await emptyLog();
    await appendEntries(directory, entries(0, 300), signer);
    const bytes = readFileSync(join(directory, path));
    bytes[path === 'checkpoint' ? 0 : 5]! ^= 1;
    writeFileSync(join(directory, path), bytes);
    await refusal(code, () => appendEntries(directory, [entry(300)], signer));
    rmSync(join(directory, path));
    await refusal(
      path === 'checkpoint'
        ? 'FILE_NOT_FOUND'
        : path.includes('entries')
          ? 'LOG_ENTRY_INVALID'
          : 'TILE_INVALID',
      () => appendEntries(directory, [entry(300)], signer),
    );
  });

  test('a log.json that somebody changed', async () => {
    const { directory } = await emptyLog();
    for (const [text, code] of [
      ['{', 'SCHEMA_INVALID'],
      ['{"version":2}', 'SCHEMA_INVALID'],
      ['{"version":1,"origin":"o","verifier_key":"x"}', 'KEY_INVALID'],
    ] as const) {
      writeFileSync(join(directory, 'log.json'), text);
      await refusal(code, () => loadLog(directory));
    }
  });

  test('what verify is asked to find complete and is not', async () => {
    const { directory, key } = await emptyLog();
    await appendEntries(directory, entries(0, 600), signer);
    rmSync(join(directory, 'tile/entries/001'));
    expect(await verifyLog(directory, { keys: [key] })).toMatchObject({ entries: 344n });
    await refusal('LOG_ENTRY_INVALID', () => verifyLog(directory, { keys: [key], complete: true }));
    rmSync(join(directory, 'tile/0/000'));
    await refusal('TILE_INVALID', () => verifyLog(directory, { keys: [key], complete: true }));
  });
});

describe('commands', () => {
  test('init refuses a key inside the served directory, and a second log', async () => {
    const log = join(temporaryDirectory(), 'log');
    const inside = await stella(['log', 'init', log, '--origin', 'o', '--key', join(log, 'key')]);
    expect(inside).toMatchObject({ status: 4 });
    expect(inside.stderr).toContain('[USAGE]');
    expect((await stella(['log', 'init', log, '--origin', 'o'])).stderr).toContain('keep it secret');
    expect((await stella(['log', 'init', log, '--origin', 'o'])).stderr).toContain('[FILE_EXISTS]');
  });

  test('append, checkpoint and verify tell people and programs the same', async () => {
    const log = join(temporaryDirectory(), 'log');
    await stella(['log', 'init', log, '--origin', 'logs.example.com/cli']);
    expect((await stella(['log', 'append', log], { stdin: '' })).stdout).toBe('nothing to append\n');
    expect((await stella(['log', 'append', log], { stdin: 'a\n\nc' })).stdout).toBe(
      'appended 3 entries: 0 to 2; the log has 3\n',
    );
    const checkpoint = await stella(['log', 'checkpoint', log]);
    expect(checkpoint.stdout).toBe(readFileSync(join(log, 'checkpoint'), 'utf8'));
    expect((await stella(['log', 'checkpoint', log, '--json'])).json()).toMatchObject({
      size: 3,
      note: checkpoint.stdout,
    });
    const verified = await stella(['log', 'verify', log]);
    expect(verified).toMatchObject({ status: 0 });
    expect(verified.stdout).toMatch(/size +3\n/);
    expect(verified.stderr).toContain('compare it with one you trust');
    const wrong = await stella(['log', 'append', log, '--lines', join(log, 'missing')]);
    expect(wrong.stderr).toContain('[FILE_NOT_FOUND]');
    expect((await stella(['log', 'append', log], { stdin: 'x'.repeat(70_000) })).stderr).toContain(
      '[LOG_ENTRY_INVALID]',
    );
  });

  test('verify refuses an altered log with exit status 2', async () => {
    const log = join(temporaryDirectory(), 'log');
    await stella(['log', 'init', log, '--origin', 'logs.example.com/cli']);
    await stella(['log', 'append', log], { stdin: 'a\nb\n' });
    writeFileSync(join(log, 'tile/entries/000.p/2'), Buffer.from('\0\x01a\0\x01c'));
    expect(await stella(['log', 'verify', log])).toMatchObject({ status: 2 });
  });
});
