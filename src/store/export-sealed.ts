import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { MAX_BUNDLE_MANIFEST_BYTES } from '../archive/limits.ts';
import { type Sha256Hex, sha256Hex } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import { copyFile } from '../base/file-system/copy.ts';
import { fileSha256, makeDirectory, readOwnIfPresent, writeNewFile } from '../base/files.ts';
import { parseJson } from '../base/schema.ts';
import { readAttestationList } from './attestation-list.ts';
import type { Generation } from './store.ts';

/** Where a store keeps what its generations share. */
export interface SharedDirectories {
  readonly logsDirectory: string;
  readonly attestationsDirectory: string;
}

/**
 * Adds to an exported TUF repository what makes it a sealed mirror: manifest.json and manifest.cose of the bundle that
 * the generation was imported from, and its logs and attestations. A generation that comes from no bundle adds nothing.
 * @param out holds the TUF repositories already
 * @returns the paths of the added files, relative to `out`
 * @throws StellaError STORE_CORRUPT where the store no longer holds what the manifest lists
 */
export function addSealedState(generation: Generation, shared: SharedDirectories, out: string): string[] {
  const manifestBytes = readOwnIfPresent(generation.manifestFile, MAX_BUNDLE_MANIFEST_BYTES);
  if (!manifestBytes) return [];
  const manifest = parseJson('manifest', manifestBytes, generation.manifestFile, 'STORE_CORRUPT');
  const files: string[] = [];
  const checkpoints = new Map(manifest.logs.map(({ origin }) => [origin, checkpointOf(generation, origin)]));
  for (const { path, sha256 } of manifest.entries) {
    const place = path.startsWith('tuf/') ? path.slice('tuf/'.length) : path;
    const to = join(out, place);
    if (!/^tuf[/+]/.test(path)) {
      placeShared(path, shared, to, [...checkpoints.values()], sha256);
      files.push(place);
    }
    if (!existsSync(to) || fileSha256(to) !== sha256) {
      throw new StellaError(
        'STORE_CORRUPT',
        `the trust store no longer holds ${path} as the bundle that was imported has it`,
        { hint: 'import the bundle again, into an empty store if need be' },
      );
    }
  }
  files.push(...addOtherTiles(generation, shared, out), ...addOtherAttestations(generation, shared, out));
  for (const [name, bytes] of [
    ['manifest.json', manifestBytes],
    ['manifest.cose', readOwnIfPresent(generation.signatureFile, MAX_BUNDLE_MANIFEST_BYTES)],
  ] as const) {
    if (!bytes) throw new StellaError('STORE_CORRUPT', `generation ${generation.number} has no ${name}`);
    writeNewFile(join(out, name), bytes, { sync: false });
    files.push(name);
  }
  return files;
}

/** What earlier bundles brought of the logs: a delta lists only what is new, a mirror serves all of it. */
function addOtherTiles({ state }: Generation, shared: SharedDirectories, out: string): string[] {
  const added: string[] = [];
  for (const { origin, checkpoint } of state.logs) {
    const name = sha256Hex(Buffer.from(origin));
    const from = join(shared.logsDirectory, name);
    const files = existsSync(from)
      ? readdirSync(from, { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile() && entry.name !== 'checkpoint')
          .map((entry) => relative(from, join(entry.parentPath, entry.name)))
      : [];
    for (const file of files) {
      const to = join(out, 'logs', name, file);
      if (existsSync(to)) continue;
      makeDirectory(dirname(to));
      copyFile(join(from, file), to);
      added.push(`logs/${name}/${file.replaceAll('\\', '/')}`);
    }
    const place = join(out, 'logs', name, 'checkpoint');
    if (existsSync(place)) continue;
    writeNewFile(place, Buffer.from(checkpoint), { sync: false });
    added.push(`logs/${name}/checkpoint`);
  }
  return added;
}

/** The attestations that the base of a delta brought: its manifest names them, too. */
function addOtherAttestations(generation: Generation, shared: SharedDirectories, out: string): string[] {
  return readAttestationList(generation).flatMap(({ sha256 }) => {
    const [from, to] = [shared.attestationsDirectory, join(out, 'attestations')].map((directory) =>
      join(directory, `${sha256}.json`),
    ) as [string, string];
    if (existsSync(to)) return [];
    if (!existsSync(from) || fileSha256(from) !== sha256) {
      throw new StellaError('STORE_CORRUPT', `the trust store no longer holds the attestation ${sha256}`, {
        hint: 'import the bundle again, into an empty store if need be',
      });
    }
    makeDirectory(dirname(to));
    copyFile(from, to);
    return [`attestations/${sha256}.json`];
  });
}

function checkpointOf({ state }: Generation, origin: string): string | undefined {
  return state.logs.find((log) => log.origin === origin)?.checkpoint;
}

/** Checkpoints are kept in the state of a generation, everything else of a log once for all generations. */
function placeShared(
  path: string,
  shared: SharedDirectories,
  to: string,
  checkpoints: readonly (string | undefined)[],
  sha256: Sha256Hex,
): void {
  const [section, ...rest] = path.split('/');
  const from = join(section === 'logs' ? shared.logsDirectory : shared.attestationsDirectory, ...rest);
  makeDirectory(dirname(to));
  if (section === 'logs' && rest.at(-1) === 'checkpoint') {
    const text = checkpoints.find((one) => one !== undefined && sha256Hex(Buffer.from(one)) === sha256);
    if (text !== undefined) writeNewFile(to, Buffer.from(text), { sync: false });
  } else if (existsSync(from)) copyFile(from, to);
}
