import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { sha256Hex } from '../base/bytes.ts';
import type { Instant } from '../base/clock.ts';
import { writeError } from '../base/files.ts';
import { readAttestationList } from './attestation-list.ts';
import type { Generation, TrustStore } from './store.ts';

/** What was removed, as paths relative to the store. */
export interface Pruned {
  readonly removed: readonly string[];
}

/** Which files of a log's directory no kept state needs; the layout of tiles is known elsewhere. */
export type SupersededTiles = (directory: string, treeSizes: readonly bigint[]) => readonly string[];

/**
 * Removes what no kept generation needs: logs and attestations that none names, and partial tiles that none of the kept
 * tree sizes has. Generations themselves are removed at commit. Interrupted anywhere, it leaves a store that verifies.
 * @throws StellaError LOCKED, STORE_NOT_INITIALIZED, STORE_CORRUPT, STORE_UNWRITABLE
 */
export async function pruneStore(
  store: TrustStore,
  now: Instant,
  superseded: SupersededTiles,
): Promise<Pruned> {
  store.require();
  return await store.change(now, async (writer) => {
    const generations = store.generations().map((number) => store.generation(number));
    const removed = [
      ...unusedLogs(store, generations, superseded),
      ...unusedAttestations(store, generations),
    ];
    for (const path of removed) {
      try {
        rmSync(join(store.directory, path), { recursive: true, force: true });
      } catch (cause) {
        throw writeError(path, cause);
      }
    }
    if (removed.length > 0) writer.audit('prune', { removed: removed.length });
    return { removed };
  });
}

function unusedLogs(
  store: TrustStore,
  generations: readonly Generation[],
  superseded: SupersededTiles,
): string[] {
  const sizes = new Map<string, bigint[]>();
  for (const log of generations.flatMap(({ state }) => state.logs)) {
    const name = sha256Hex(Buffer.from(log.origin));
    sizes.set(name, [...(sizes.get(name) ?? []), BigInt(log.tree_size)]);
  }
  // A connected store mirrors into the same place without a generation that says so; it holds a checkpoint there.
  return namesIn(store.logsDirectory).flatMap((name) => {
    if (existsSync(join(store.logsDirectory, name, 'checkpoint'))) return [];
    const kept = sizes.get(name);
    if (!kept) return [`logs/${name}`];
    return superseded(join(store.logsDirectory, name), kept).map((path) => `logs/${name}/${path}`);
  });
}

function unusedAttestations(store: TrustStore, generations: readonly Generation[]): string[] {
  const used = new Set(
    generations.flatMap((generation) =>
      readAttestationList(generation).map(({ sha256 }) => `${sha256}.json`),
    ),
  );
  return namesIn(store.attestationsDirectory)
    .filter((name) => !used.has(name))
    .map((name) => `attestations/${name}`);
}

function namesIn(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory).sort() : [];
}
