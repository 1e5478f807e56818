import { sha256Hex } from '../base/bytes.ts';
import type { Instant } from '../base/clock.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { readOwnIfPresent } from '../base/files.ts';
import { rootPath } from '../tuf/layout.ts';
import { loadTuf } from '../tuf/load.ts';
import { MAX_BYTES } from '../tuf/metadata-file.ts';
import type { TufView } from '../tuf/view.ts';
import type { HeldRepository } from './repositories.ts';
import type { Generation } from './store.ts';

/** How to call a repository of a store in messages. */
export function repositoryTitle({ name, isHome }: Pick<HeldRepository, 'name' | 'isHome'>): string {
  return isHome ? 'the trust store' : `the trust store's repository ${name}`;
}

/**
 * The root that somebody vouched for, as this generation holds it.
 * @throws StellaError STORE_CORRUPT when it is missing or another one
 */
export function pinnedRootOf(
  generation: Generation,
  repository: HeldRepository = generation.repositories[0]!,
): Uint8Array {
  const { pin, directory } = repository;
  const bytes = readOwnIfPresent(rootPath(directory, pin.version), MAX_BYTES.root);
  if (!bytes || sha256Hex(bytes) !== pin.sha256) {
    throw new StellaError(
      'STORE_CORRUPT',
      `generation ${generation.number} of ${repositoryTitle(repository)} does not hold the root it is pinned to (version ${pin.version}, sha256:${pin.sha256})`,
    );
  }
  return bytes;
}

/**
 * One TUF repository of a generation, the home repository unless told otherwise, verified again from the pinned root as of
 * the instant it speaks for, and compared with what the generation's state says of it. No network.
 * @throws StellaError STORE_CORRUPT, with what was found as its cause
 */
export async function loadGeneration(
  generation: Generation,
  repository: HeldRepository = generation.repositories[0]!,
  asOf: Instant = repository.referenceTime,
): Promise<TufView> {
  const { number, state } = generation;
  const corrupt = (why: string, cause?: unknown) =>
    new StellaError(
      'STORE_CORRUPT',
      `generation ${number} of ${repositoryTitle(repository)} does not verify: ${why}`,
      { cause, details: { generation: number, ...(isStellaError(cause) ? { found: cause.code } : {}) } },
    );
  const trustedRoot = pinnedRootOf(generation, repository);
  let view: TufView;
  try {
    view = await loadTuf({
      url: repository.tuf.url,
      directory: repository.directory,
      trustedRoot,
      asOf,
      trustRoles: new Set(repository.isHome ? state.trust_roles : []),
    });
  } catch (error) {
    if (isStellaError(error)) throw corrupt(error.message, error);
    throw error;
  }
  // Older metadata would verify, too: the state remembers which it was.
  for (const [role, { sha256 }] of Object.entries(repository.tuf.roles)) {
    if (view.roles.find(({ name }) => name === role)?.sha256 !== sha256)
      throw corrupt(`its ${role}.json is not the one it was made with`);
  }
  return view;
}

/** A repository of a generation, verified again. */
export interface LoadedRepository {
  readonly repository: HeldRepository;
  readonly view: TufView;
}

/** All repositories of a generation, the home repository first. @throws StellaError STORE_CORRUPT */
export async function loadRepositories(generation: Generation): Promise<readonly LoadedRepository[]> {
  const loaded: LoadedRepository[] = [];
  for (const repository of generation.repositories)
    loaded.push({ repository, view: await loadGeneration(generation, repository) });
  return loaded;
}
