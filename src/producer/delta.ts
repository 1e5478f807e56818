import { tmpdir } from 'node:os';
import { StellaError } from '../base/errors.ts';
import { readBounded, readStart, withStagingAsync } from '../base/files.ts';
import type { ExportLedger, Manifest } from '../base/schema-types.ts';
import { openBundle } from '../bundle/open.ts';
import { foundBundle, isVolumePath } from '../bundle/volumes.ts';
import { MAX_RECEIPT_BYTES, parseReceipt } from '../trust/receipt.ts';
import type { CollectedEntry } from './collect.ts';
import { loadExportedManifest } from './ledger.ts';

const OPENING_BRACE = 0x7b;

/** The bundle that a delta builds on. */
export interface DeltaBase {
  readonly base: NonNullable<Manifest['base']>;
  /** What the base carried and a delta may leave out: content that never changes under its name. */
  readonly carried: ReadonlySet<string>;
}

/**
 * The base of a delta: a bundle that this store has exported, named by its file or by the receipt of a site.
 * @throws StellaError BASE_MISSING when this store has not exported it, FILE_*, and what opening a bundle throws
 */
export async function loadDeltaBase(store: string, ledger: ExportLedger, file: string): Promise<DeltaBase> {
  const manifestSha256 = await manifestOf(file);
  const record = ledger.exports.find((one) => one.manifest_sha256 === manifestSha256);
  const manifest = record && loadExportedManifest(store, record.sequence);
  if (!record || !manifest) {
    throw new StellaError(
      'BASE_MISSING',
      `${file} is of a bundle that this store has not exported, or no longer remembers`,
      {
        hint: 'export without --since: a full bundle needs no base',
      },
    );
  }
  return {
    base: { sequence: record.sequence, manifest_sha256: record.manifest_sha256 },
    carried: new Set(manifest.entries.map(({ path }) => path).filter(isImmutable)),
  };
}

/** Leaves out what the base carried. Trust metadata, checkpoints and proofs are always whole. */
export function withoutCarried(
  entries: readonly CollectedEntry[],
  delta: DeltaBase | undefined,
): CollectedEntry[] {
  return entries.filter(({ path }) => !delta?.carried.has(path));
}

/** Tiles and entry bundles are named by their place and width in a log that only grows, attestations by their digest. */
function isImmutable(path: string): boolean {
  return /^logs\/[0-9a-f]{64}\/tile\//.test(path) || path.startsWith('attestations/');
}

/** SHA-256 of the manifest that a bundle holds, or that a receipt names. They are told apart by their first byte. */
async function manifestOf(named: string): Promise<string> {
  const file = foundBundle(named);
  if (!isVolumePath(file) && readStart(file, 1)[0] === OPENING_BRACE) {
    return parseReceipt(readBounded(file, MAX_RECEIPT_BYTES), file).signed.manifest_sha256;
  }
  return await withStagingAsync(tmpdir(), 'stella-base-', async (staging) => {
    const bundle = await openBundle(file, { staging });
    await bundle.close();
    return bundle.manifestSha256;
  });
}
