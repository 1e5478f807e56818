import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseHex, type Sha256Hex } from '../base/bytes.ts';
import { formatCanonicalJson } from '../base/canonical-json.ts';
import { StellaError } from '../base/errors.ts';
import { readOwnIfPresent, replaceFile } from '../base/files.ts';
import { parseJson } from '../base/schema.ts';
import type { ExportLedger, Manifest } from '../base/schema-types.ts';
import { formatManifest } from '../bundle/manifest.ts';
import type { TreeHead } from '../logs/store.ts';
import { isSameLog, type NamedLog, rekorV1Tree } from '../tlog/origin.ts';

type ExportRecord = ExportLedger['exports'][number];

const MAX_BYTES = 64 * 1024 * 1024;
/** Sites that are further behind than this many exports prove consistency from a later checkpoint. */
const KEPT_EXPORTS = 1000;

/** Deltas build on recent bundles; each manifest may have megabytes. */
const KEPT_MANIFESTS = 100;

const pathOf = (store: string) => join(store, 'producer', 'exports.json');
const manifestPath = (store: string, sequence: number) =>
  join(store, 'producer', 'manifests', `${sequence}.json`);

/**
 * What this producer has sealed so far.
 * @throws StellaError STORE_CORRUPT
 */
export function loadLedger(store: string): ExportLedger {
  const bytes = readOwnIfPresent(pathOf(store), MAX_BYTES);
  if (!bytes) return { format: 'stella-exports/v1', last_sequence: 0, exports: [] };
  return parseJson('exports', bytes, pathOf(store), 'STORE_CORRUPT');
}

function writeLedger(store: string, ledger: ExportLedger): void {
  replaceFile(pathOf(store), Buffer.from(`${formatCanonicalJson(ledger)}\n`));
}

/** The number of the next bundle. It is free until it is taken: call both with the store's lock held. */
export function nextSequence(ledger: ExportLedger): number {
  return ledger.last_sequence + 1;
}

/**
 * Takes a sequence number for good. It is on the disk before a bundle that bears it can be seen, so that no two ever bear the
 * same; and not earlier, so that an export that fails uses none up.
 * @throws StellaError STORE_CORRUPT, WRITE_FAILED
 */
export function takeSequence(store: string, sequence: number): void {
  const ledger = loadLedger(store);
  if (sequence !== nextSequence(ledger))
    throw new StellaError('STORE_CORRUPT', `bundle number ${sequence} is taken in ${pathOf(store)}`, {
      hint: 'let only one process at a time write the trust store, then export again',
    });
  writeLedger(store, { ...ledger, last_sequence: sequence });
}

/** Remembers a finished export: later ones prove growth from its checkpoints, and deltas may build on it. */
export function recordExport(store: string, manifest: Manifest, manifestSha256: Sha256Hex): void {
  const ledger = loadLedger(store);
  const { sequence, sealed_at, logs } = manifest;
  const record: ExportRecord = {
    sequence,
    manifest_sha256: manifestSha256,
    sealed_at,
    logs: logs.map(({ origin, tree_size, root_hash, log_id }) => ({
      origin,
      tree_size,
      root_hash,
      ...(rekorV1Tree(origin) === undefined ? {} : { log_id }),
    })),
  };
  replaceFile(manifestPath(store, sequence), formatManifest(manifest));
  writeLedger(store, { ...ledger, exports: [...ledger.exports, record].slice(-KEPT_EXPORTS) });
  const expired = ledger.exports.at(-KEPT_MANIFESTS);
  if (expired) rmSync(manifestPath(store, expired.sequence), { force: true });
}

/** The manifest of an earlier export; `undefined` where it is kept no longer. @throws StellaError STORE_CORRUPT */
export function loadExportedManifest(store: string, sequence: number): Manifest | undefined {
  const path = manifestPath(store, sequence);
  const bytes = readOwnIfPresent(path, MAX_BYTES);
  return bytes && parseJson('manifest', bytes, path, 'STORE_CORRUPT');
}

/**
 * The states of a log that were ever exported: some site may hold any of them, and has to be shown that it only grew. Of
 * Rekor v1 those of the same tree count, whichever pod signed.
 */
export function exportedHeads(ledger: ExportLedger, named: NamedLog): TreeHead[] {
  const heads = new Map<string, TreeHead>();
  for (const { logs } of ledger.exports) {
    for (const { tree_size, root_hash } of logs.filter((log) => isSameLog(log, named))) {
      heads.set(`${tree_size} ${root_hash}`, {
        size: BigInt(tree_size),
        rootHash: parseHex(root_hash, 32, 'STORE_CORRUPT'),
      });
    }
  }
  return [...heads.values()];
}
