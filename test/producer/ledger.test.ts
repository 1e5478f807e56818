import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { formatPrivateKey, generateKey } from '../../src/base/keys.ts';
import type { Manifest } from '../../src/base/schema-types.ts';
import {
  exportedHeads,
  loadExportedManifest,
  loadLedger,
  nextSequence,
  recordExport,
  takeSequence,
} from '../../src/producer/ledger.ts';
import { loadSigningKey } from '../../src/producer/signing-key.ts';
import { repeatedDigest } from '../support/digest.ts';
import { refusal } from '../support/errors.ts';
import { temporaryDirectory } from '../support/temp.ts';

const HEX = repeatedDigest('a');
const manifest = (sequence: number, tree_size: number): Manifest => ({
  format: 'stella-bundle/v1',
  sealed_at: '2026-01-25T12:00:00Z',
  sequence,
  producer: { name: 'p', version: '1' },
  stale_after_days: 7,
  tuf: { url: 'https://t.example/', first_root: 1, roles: {} },
  service_map_target: null,
  logs: [
    {
      origin: 'o',
      url: 'https://o.example',
      log_id: HEX,
      tree_size,
      root_hash: HEX,
      first_index: 0,
      consistent_from: [],
    },
  ],
  entries: [],
  entries_root: HEX,
});

test('a sequence number is free until it is taken, and taken once, also by an export that never finished', async () => {
  const store = temporaryDirectory();
  const next = () => nextSequence(loadLedger(store));
  expect([next(), next()]).toEqual([1, 1]);
  takeSequence(store, 1);
  await refusal('STORE_CORRUPT', () => takeSequence(store, 1));
  takeSequence(store, next());
  recordExport(store, manifest(2, 10), HEX);
  expect(next()).toBe(3);
  expect(loadLedger(store).exports.map((one) => one.sequence)).toEqual([2]);
});

test('every state of a log that was exported is remembered once', () => {
  const store = temporaryDirectory();
  for (const [sequence, size] of [
    [1, 300],
    [2, 10],
    [3, 300],
  ] as const)
    recordExport(store, manifest(sequence, size), HEX);
  expect(exportedHeads(loadLedger(store), { origin: 'o' }).map((head) => head.size)).toEqual([300n, 10n]);
  expect(exportedHeads(loadLedger(store), { origin: 'other' })).toEqual([]);
});

test('manifests of recent exports are kept, older ones are not', () => {
  const store = temporaryDirectory();
  for (let sequence = 1; sequence <= 101; sequence += 1)
    recordExport(store, manifest(sequence, sequence), HEX);
  expect(loadExportedManifest(store, 1)).toBeUndefined();
  expect(loadExportedManifest(store, 101)?.sequence).toBe(101);
});

test('a damaged ledger is not taken for an empty one', async () => {
  const store = temporaryDirectory();
  takeSequence(store, 1);
  writeFileSync(join(store, 'producer', 'exports.json'), '{}');
  await refusal('STORE_CORRUPT', () => takeSequence(store, 1));
});

test('the first export makes a key that only its owner can read, the next uses it', () => {
  const store = temporaryDirectory();
  const made = loadSigningKey(store, undefined);
  expect(made.isNew).toBe(true);
  expect(statSync(made.path).mode & 0o777).toBe(0o600);
  const again = loadSigningKey(store, undefined);
  expect(again.isNew).toBe(false);
  expect(again.key.publicKey.id).toBe(made.key.publicKey.id);
});

test('a configured key is used as it is, or the error names it', async () => {
  const store = temporaryDirectory();
  const path = join(store, 'key.pem');
  await refusal('FILE_NOT_FOUND', () => loadSigningKey(store, path));
  const key = generateKey('ecdsa-p256');
  writeFileSync(path, formatPrivateKey(key), { mode: 0o600 });
  expect(loadSigningKey(store, path).key.publicKey.id).toBe(key.publicKey.id);
});
