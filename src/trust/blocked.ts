import type { Instant } from '../base/clock.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import type { Config } from '../config/config.ts';
import { repositoryTitle } from '../store/generation.ts';
import type { HeldRepository } from '../store/repositories.ts';
import type { Generation, TrustStore } from '../store/store.ts';
import { referenceOf } from '../store/sync-record.ts';
import {
  adviceOfSource,
  checkFreshness,
  configuredWindow,
  type Freshness,
  judgeFreshness,
  type WindowInputs,
} from './freshness.ts';

/** How old what a store holds of a repository is: each ages by itself, by the same window. */
export function repositoryFreshness(
  store: TrustStore,
  generation: Generation,
  repository: HeldRepository,
  config: Config,
  now: Instant,
  exceptions: Pick<WindowInputs, 'maxAge'> = {},
): Freshness {
  const window = configuredWindow(config, adviceOfSource(generation.state.source), exceptions);
  return judgeFreshness(referenceOf(store.directory, generation, repository), now, window);
}

/** Why nothing of a further repository is believed, where it is so: it had expired when it was sealed, or has aged since. */
export function whyBlocked(repository: HeldRepository, freshness: Freshness): StellaError | undefined {
  const { name, expired, tuf } = repository;
  if (expired !== undefined)
    return new StellaError(
      'TUF_EXPIRED',
      `TUF metadata expired: ${expired} of the repository ${name} (${tuf.url}) had expired when it was sealed`,
      {
        hint: 'on the connected side, run `stella trust sync --force`, export again, and import that bundle',
        details: { repository: name },
      },
    );
  try {
    checkFreshness(freshness, repositoryTitle(repository), 'STORE_STALE');
    return undefined;
  } catch (error) {
    if (isStellaError(error)) return error;
    throw error;
  }
}

/** The further repositories of a generation of which nothing is believed now, with the reasons. */
export function blockedRepositories(
  store: TrustStore,
  generation: Generation,
  config: Config,
  now: Instant,
  exceptions: Pick<WindowInputs, 'maxAge'> = {},
): ReadonlyMap<string, StellaError> {
  const blocked = generation.repositories
    .filter(({ isHome }) => !isHome)
    .map((repository): [string, StellaError | undefined] => [
      repository.name,
      whyBlocked(repository, repositoryFreshness(store, generation, repository, config, now, exceptions)),
    ]);
  return new Map(blocked.flatMap(([name, error]) => (error ? [[name, error]] : [])));
}
