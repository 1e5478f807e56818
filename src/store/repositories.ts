import { join } from 'node:path';
import { type Instant, parseInstant } from '../base/clock.ts';
import { StellaError } from '../base/errors.ts';
import { copyTree } from '../base/file-system/copy.ts';
import type { StoreState } from '../base/schema-types.ts';

/** The repository whose targets name bundle signers, service map, policies and distrust: every store has one. */
export const HOME = 'home';

const NAME = /^[a-z0-9-]{1,32}$/;

/** Whether a further repository may be called so. */
export function isRepositoryName(name: string): boolean {
  return NAME.test(name) && name !== HOME;
}

/** The directory of a repository, in a generation and in a bundle. */
export function repositoryDirectory(name: string): string {
  return name === HOME ? 'tuf' : `tuf+${name}`;
}

/** A TUF repository as a generation holds it. */
export interface HeldRepository {
  readonly name: string;
  readonly isHome: boolean;
  /** The repository as published. */
  readonly directory: string;
  readonly pin: StoreState['pin'];
  readonly tuf: StoreState['tuf'];
  /** The repository and its mirrors, where the store remembers what it was told. */
  readonly urls: readonly string[] | undefined;
  /** The instant as of which its metadata holds. */
  readonly referenceTime: Instant;
  /** What of it had expired when it was sealed: then nothing of it is believed. Never of the home repository. */
  readonly expired: string | undefined;
  readonly secondOpinion: StoreState['second_opinion'];
  readonly knownKeys: StoreState['known_keys'];
  readonly revokedKeys: StoreState['revoked_keys'];
}

type FurtherState = NonNullable<StoreState['repositories']>[number];

/**
 * The repositories of a generation, the home repository first, then the others by name.
 * @param directory of the generation
 * @throws StellaError STORE_CORRUPT for a name that cannot be one, or that is there twice
 */
export function repositoriesOf(state: StoreState, directory: string): readonly HeldRepository[] {
  const further = state.repositories ?? [];
  const names = further.map(({ name }) => name);
  const wrong = names.find((name, i) => !isRepositoryName(name) || names.indexOf(name) !== i);
  if (wrong !== undefined)
    throw new StellaError('STORE_CORRUPT', `the trust store has a repository of the name ${wrong} too many`);
  const home: FurtherState = {
    name: HOME,
    pin: state.pin,
    tuf: state.tuf,
    reference_time: state.reference_time,
    ...(state.tuf_urls ? { tuf_urls: state.tuf_urls } : {}),
    ...(state.second_opinion ? { second_opinion: state.second_opinion } : {}),
    ...(state.known_keys ? { known_keys: state.known_keys } : {}),
    ...(state.revoked_keys ? { revoked_keys: state.revoked_keys } : {}),
  };
  return [home, ...further.toSorted((a, b) => (a.name < b.name ? -1 : 1))].map((one) => ({
    name: one.name,
    isHome: one.name === HOME,
    directory: join(directory, repositoryDirectory(one.name)),
    pin: one.pin,
    tuf: one.tuf,
    urls: one.tuf_urls,
    referenceTime: parseInstant(one.reference_time),
    expired: one.expired,
    secondOpinion: one.second_opinion,
    knownKeys: one.known_keys,
    revokedKeys: one.revoked_keys,
  }));
}

/** The format that a state is written in: what v1 can say is said in v1. */
export function formatOfState(state: Pick<StoreState, 'pin' | 'repositories'>): StoreState['format'] {
  const isNew =
    state.repositories !== undefined || state.pin.how === 'built-in' || state.pin.how === 'bundle';
  return isNew ? 'stella-store/v2' : 'stella-store/v1';
}

/** Copies of the repositories of a generation, below `into`, as the next generation takes them. */
export function copyRepositories(
  { repositories }: { readonly repositories: readonly HeldRepository[] },
  into: string,
): Map<string, string> {
  return new Map(
    repositories.map(({ name, directory }) => {
      const copy = join(into, repositoryDirectory(name));
      copyTree(directory, copy);
      return [name, copy];
    }),
  );
}

/** The key history of a repository as its state has it. */
export function heldHistory(
  repository: HeldRepository | undefined,
): Pick<StoreState, 'known_keys' | 'revoked_keys'> {
  return {
    ...(repository?.knownKeys ? { known_keys: repository.knownKeys } : {}),
    ...(repository?.revokedKeys ? { revoked_keys: repository.revokedKeys } : {}),
  };
}

/** What of its state a store keeps of a further repository. */
export function furtherState(repository: HeldRepository, referenceTime: string): FurtherState {
  return {
    name: repository.name,
    pin: repository.pin,
    tuf: repository.tuf,
    reference_time: referenceTime,
    ...(repository.urls ? { tuf_urls: [...repository.urls] } : {}),
    ...(repository.expired === undefined ? {} : { expired: repository.expired }),
    ...(repository.secondOpinion ? { second_opinion: repository.secondOpinion } : {}),
    ...(repository.knownKeys ? { known_keys: repository.knownKeys } : {}),
    ...(repository.revokedKeys ? { revoked_keys: repository.revokedKeys } : {}),
  };
}
