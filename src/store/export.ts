import { existsSync, readdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { StellaError } from '../base/errors.ts';
import { copyTree } from '../base/file-system/copy.ts';
import {
  checkMedium,
  STAGING_PREFIX,
  syncDirectory,
  syncTree,
  withStagingAsync,
  writeError,
} from '../base/files.ts';
import { addSealedState, type SharedDirectories } from './export-sealed.ts';
import { loadRepositories } from './generation.ts';
import { repositoryDirectory } from './repositories.ts';
import type { Generation } from './store.ts';

/** What was exported. */
export interface ExportedDirectory {
  readonly directory: string;
  /** Paths below it, sorted. */
  readonly files: readonly string[];
}

/**
 * Writes a generation as a directory that is itself a servable TUF repository – every root from the pinned one, current
 * metadata, targets – with `sigstore/trusted_root.json` for other verifiers beside it, `sigstore/trusted_root.jsonl` with
 * all instances one a line, each further repository in `tuf+NAME/`, and where the generation was imported with the bundle's manifest, logs and attestations: a sealed mirror. Verified before it is written,
 * and there as a whole or not at all.
 * @throws StellaError FILE_EXISTS for a directory that is not empty, STORE_CORRUPT, TUF_*, WRITE_FAILED
 */
export async function exportGeneration(
  generation: Generation,
  shared: SharedDirectories,
  out: string,
): Promise<ExportedDirectory> {
  if (existsSync(out) && readdirSync(out).length > 0)
    throw new StellaError('FILE_EXISTS', `${out} exists and is not empty`);
  checkMedium(out);
  const repositories = await loadRepositories(generation);
  for (const { view } of repositories)
    for (const name of view.targetNames()) if (view.isHeld(name)) await view.readTarget(name);
  return await withStagingAsync(dirname(out), STAGING_PREFIX, async (staging) => {
    const staged = join(staging, 'export');
    try {
      const files = [
        ...repositories.flatMap(({ repository: { name, directory, isHome } }) => {
          // The home repository is at the address itself.
          const folder = isHome ? '' : `${repositoryDirectory(name)}/`;
          return copyTree(directory, join(staged, folder)).map((path) => `${folder}${path}`);
        }),
        ...copyTree(dirname(generation.trustedRootFile), join(staged, 'sigstore')).map(
          (path) => `sigstore/${path}`,
        ),
        ...addSealedState(generation, shared, staged),
      ];
      syncTree(staged);
      renameSync(staged, out);
      syncDirectory(dirname(out));
      return { directory: out, files: files.sort() };
    } catch (cause) {
      throw writeError(out, cause);
    }
  });
}
