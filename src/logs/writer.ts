import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { excerpt } from '../base/bytes.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import {
  checkMedium,
  makeDirectory,
  readBoundedIfPresent,
  syncDirectory,
  writeError,
} from '../base/files.ts';
import type { Signer } from '../base/keys.ts';
import { withLock } from '../base/lock.ts';
import { type Checkpoint, formatCheckpoint, openCheckpoint } from '../tlog/checkpoint.ts';
import { formatEntryBundle, parseEntryBundle } from '../tlog/entry-bundle.ts';
import { EMPTY_ROOT, leafHash } from '../tlog/hash.ts';
import { isKeyName, MOST_NOTE_BYTES, signNote, verifierKeyOf } from '../tlog/note.ts';
import { entryBundlePath, TILE_WIDTH } from '../tlog/tile.ts';
import { writeDurably } from './durable.ts';
import { checkEntries } from './entries.ts';
import { type LogFile, loadLogFile, writeLogFile } from './log-file.ts';
import { loadCheckpoint, loadEntryBundle } from './tile-directory.ts';
import { TreeEdge } from './tree-edge.ts';

/** An embedded log as it is on disk. */
export interface OpenedLog extends LogFile {
  readonly checkpoint: Checkpoint;
  readonly checkpointBytes: Uint8Array;
}

/** A checkpoint that is signed and durable, but not published yet. */
const NEXT = '.checkpoint.next';

/**
 * Reads an embedded log's description and checkpoint, which its own key must have signed.
 * @throws StellaError LOG_UNKNOWN, SCHEMA_INVALID, KEY_INVALID, FILE_NOT_FOUND, NOTE_INVALID, CHECKPOINT_INVALID,
 * CHECKPOINT_SIGNATURE, CHECKPOINT_ORIGIN
 */
export function loadLog(directory: string): OpenedLog {
  const log = loadLogFile(directory);
  const checkpointBytes = loadCheckpoint(directory);
  const { checkpoint } = openCheckpoint(checkpointBytes, [log.key], { origin: log.origin });
  return { ...log, checkpoint, checkpointBytes };
}

export interface LogSettings {
  /** Names the log for ever; best a URL without its scheme. */
  readonly origin: string;
  readonly signer: Signer;
  /** Where the private key is; it is never put into the log's directory, which is served. */
  readonly keyFile?: string;
}

/**
 * Makes an empty log: a directory of static files that any web server can serve.
 * @throws StellaError FILE_EXISTS, USAGE for an origin that cannot name a key, WRITE_FAILED, LOCKED
 */
export async function initLog(directory: string, settings: LogSettings): Promise<OpenedLog> {
  const { origin, signer } = settings;
  if (!isKeyName(origin)) {
    throw new StellaError('USAGE', `not an origin: ${excerpt(origin)}`, {
      hint: 'use a name without spaces and plus signs, e.g. logs.example.com/builds',
    });
  }
  checkMedium(directory);
  try {
    makeDirectory(directory);
  } catch (cause) {
    throw writeError(directory, cause);
  }
  return withLock(directory, async () => {
    if (existsSync(join(directory, 'checkpoint')))
      throw new StellaError('FILE_EXISTS', `there is a log in ${directory} already`);
    writeLogFile(directory, {
      origin,
      key: verifierKeyOf(origin, signer.publicKey),
      ...(settings.keyFile === undefined ? {} : { keyFile: settings.keyFile }),
    });
    await publish(directory, { origin, size: 0n, rootHash: EMPTY_ROOT, extensions: [] }, signer);
    return loadLog(directory);
  });
}

export interface Appended {
  /** The index of the first of the new entries. */
  readonly firstIndex: bigint;
  readonly size: bigint;
  /** The new signed checkpoint. */
  readonly checkpoint: Uint8Array;
}

/**
 * Appends a batch of entries (each at most 65,535 bytes) and signs a new checkpoint. All of it is on the disk before the
 * checkpoint is, so a crash at any instant leaves the old log or the new one; and a checkpoint that was signed is either
 * published or never seen by anybody, so no two trees of one size are ever published.
 * @throws StellaError LOCKED, LOG_ENTRY_INVALID, KEY_INVALID when the signer is not the log's, ROOT_MISMATCH when the
 * files on disk are not those of the checkpoint, WRITE_FAILED
 */
export async function appendEntries(
  directory: string,
  entries: readonly Uint8Array[],
  signer: Signer,
): Promise<Appended> {
  loadLogFile(directory);
  return withLock(directory, async () => {
    finishPublishing(directory);
    const log = loadLog(directory);
    if (signer.publicKey.id !== log.key.publicKey.id)
      throw new StellaError('KEY_INVALID', `this is not the key of the log ${log.origin}`);
    const firstIndex = log.checkpoint.size;
    if (entries.length === 0) return { firstIndex, size: firstIndex, checkpoint: log.checkpointBytes };

    const edge = TreeEdge.load(directory, log.checkpoint);
    const bundles = bundleEntries(directory, edge, entries);
    const tiles = edge.grow(entries.map(leafHash));
    await writeDurably(directory, [...bundles, ...tiles]);
    const { origin } = log;
    const checkpoint = await publish(
      directory,
      { origin, size: edge.size, rootHash: edge.rootHash(), extensions: [] },
      signer,
    );
    // Partial files are not needed once their full one is there (C2SP tlog-tiles, "Partial Tiles").
    for (const { path } of [...bundles, ...tiles]) {
      if (!path.includes('.p/')) rmSync(join(directory, `${path}.p`), { recursive: true, force: true });
    }
    return { firstIndex, size: edge.size, checkpoint };
  });
}

/** The entry bundles that the new entries complete or begin. */
function bundleEntries(
  directory: string,
  edge: TreeEdge,
  entries: readonly Uint8Array[],
): { path: string; bytes: Uint8Array }[] {
  const { index, width, content } = edge.leafTile();
  let open: Uint8Array[] = [];
  if (width > 0) {
    const path = entryBundlePath({ index, width });
    const held = loadEntryBundle(directory, { index, width });
    if (!held) throw new StellaError('LOG_ENTRY_INVALID', `${path} is missing`);
    checkEntries(held, content, path);
    open = parseEntryBundle(held, width);
  }
  const all = [...open, ...entries];
  const files: { path: string; bytes: Uint8Array }[] = [];
  for (let at = 0; at < all.length; at += TILE_WIDTH) {
    const part = all.slice(at, at + TILE_WIDTH);
    const place = { index: index + BigInt(at / TILE_WIDTH), width: part.length };
    files.push({ path: entryBundlePath(place), bytes: formatEntryBundle(part) });
  }
  return files;
}

/** Signs a checkpoint, makes it durable, and only then lets it be seen. */
async function publish(directory: string, checkpoint: Checkpoint, signer: Signer): Promise<Uint8Array> {
  const bytes = await signNote(formatCheckpoint(checkpoint), checkpoint.origin, signer);
  await writeDurably(directory, [{ path: NEXT, bytes }]);
  finishPublishing(directory);
  return bytes;
}

/** Publishes the checkpoint that a killed run had signed and made durable; a torn one nobody has seen. */
function finishPublishing(directory: string): void {
  const path = join(directory, NEXT);
  const bytes = readBoundedIfPresent(path, MOST_NOTE_BYTES);
  if (!bytes) return;
  const { key, origin } = loadLogFile(directory);
  try {
    openCheckpoint(bytes, [key], { origin });
  } catch (error) {
    if (!isStellaError(error)) throw error;
    rmSync(path);
    return;
  }
  try {
    renameSync(path, join(directory, 'checkpoint'));
    syncDirectory(directory);
  } catch (cause) {
    throw writeError(path, cause);
  }
}
