import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { excerpt, sha256Hex } from '../base/bytes.ts';
import { formatInstant, type Instant, instant, parseInstant } from '../base/clock.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import type { Manifest } from '../base/schema-types.ts';
import { type HeldRepository, HOME, repositoryDirectory } from '../store/repositories.ts';
import type { Generation, StoreState } from '../store/store.ts';
import { furtherInstance, type TrustSource } from '../trust/instance.ts';
import { type CarriedRoot, formatFingerprint } from '../trust/pin.ts';
import { builtInInstance, builtInInstances, vouchedRoot } from '../tuf/built-in.ts';
import { type LoadOptions, loadTuf } from '../tuf/load.ts';
import { TOP_ROLES } from '../tuf/roles.ts';
import { judgedView, type SecondOpinion, secondOpinion } from '../tuf/second-opinion.ts';
import type { TufView } from '../tuf/view.ts';
import { describePin } from './bundle-pin.ts';
import { adoptHeldRoots, isRecovery, loadCarriedRoots } from './carried-roots.ts';
import { checkRolesNotBack } from './rollback.ts';

type CarriedManifest = NonNullable<Manifest['repositories']>[number];

/** A further repository of a bundle, and the root that it is judged from. */
export interface PinnedRepository {
  readonly carried: CarriedManifest;
  /** Where it lies, with the store's own earlier roots. */
  readonly directory: string;
  readonly root: Uint8Array;
  readonly pin: StoreState['pin'];
  /** What the store holds of it. */
  readonly held: HeldRepository | undefined;
}

/** A further repository that was found in order. */
export interface CarriedRepository extends PinnedRepository, TrustSource {
  /** The instant as of which it speaks. */
  readonly asOf: Instant;
  /** What of it had expired by then: it is held, and nothing of it is believed. */
  readonly expired: string | undefined;
  readonly secondOpinion: SecondOpinion | undefined;
}

/** Whether a path of a bundle is of one of its repositories. */
export const isOfRepository = (path: string): boolean => /^tuf[+/]/.test(path);

/** A repository and its pin in words. */
export function describeRepository({ carried: { name }, pin }: PinnedRepository): string {
  return `${name}: ${describePin(pin)}`;
}

export interface CarriedPlace {
  readonly current: Generation | undefined;
  /** Where the repositories of the bundle are unpacked. */
  readonly directory: string;
  readonly now: Instant;
}

/**
 * The roots that the further repositories of a bundle are judged from: the store's own where it holds them; else the
 * built-in one where the name or the chain is a built-in instance's; else the first that the bundle carries, for which its
 * signer vouches. Nothing is believed yet: that the signer may be believed is checked after this.
 * @throws StellaError PIN_MISMATCH for another root than the name had, a swapped name, or another chain than a built-in
 *   one; TUF_ROLLBACK, TUF_INVALID, TUF_MISMATCH, MANIFEST_INVALID, STORE_CORRUPT
 */
export function pinRepositories(
  manifest: Manifest,
  { current, directory, now }: CarriedPlace,
): PinnedRepository[] {
  if (!manifest.repositories) return [];
  const homeRoots = loadCarriedRoots(join(directory, repositoryDirectory(HOME)));
  const seen = new Map(homeRoots.map(({ bytes }): [string, string] => [sha256Hex(bytes), HOME]));
  return manifest.repositories.map((carried) => {
    const { name } = carried;
    const own = join(directory, repositoryDirectory(name));
    const roots = existsSync(own) ? loadCarriedRoots(own) : [];
    if (roots.length === 0)
      throw new StellaError('TUF_INVALID', `the bundle carries no TUF root of the repository ${name}`);
    if (roots[0]!.version !== carried.first_root)
      throw new StellaError(
        'TUF_MISMATCH',
        `the manifest says that the roots of the repository ${name} begin with version ${carried.first_root}; the bundle carries them from ${roots[0]!.version}`,
      );
    checkName(name, roots, current);
    const held = current?.repositories.find((one) => !one.isHome && one.name === name);
    const pinned = held
      ? { root: adoptHeldRoots(held, own), pin: held.pin }
      : pinNew(name, roots, formatInstant(now));
    for (const digest of new Set([pinned.pin.sha256, ...roots.map(({ bytes }) => sha256Hex(bytes))])) {
      const other = seen.get(digest);
      if (other !== undefined && other !== name)
        throw new StellaError(
          'MANIFEST_INVALID',
          `the bundle carries one repository under two names, ${other} and ${name}`,
        );
      seen.set(digest, name);
    }
    return { carried, directory: own, held, ...pinned };
  });
}

/** A name means one repository, and a repository has one name. @throws StellaError PIN_MISMATCH */
function checkName(name: string, roots: readonly CarriedRoot[], current: Generation | undefined): void {
  const held = current?.repositories ?? [];
  const carriedAt = ({ pin }: HeldRepository) => roots.find(({ version }) => version === pin.version);
  const isPinned = (one: HeldRepository) => {
    const root = carriedAt(one);
    return root !== undefined && sha256Hex(root.bytes) === one.pin.sha256;
  };
  const other = held.find((one) => (one.isHome || one.name !== name) && isPinned(one));
  if (other)
    throw new StellaError(
      'PIN_MISMATCH',
      `the bundle calls by the name ${name} what this trust store holds as ${other.isHome ? 'its home repository' : other.name}`,
      { hint: OTHER_ROOT },
    );
  const own = held.find((one) => !one.isHome && one.name === name);
  if (own && carriedAt(own) && !isPinned(own))
    throw new StellaError(
      'PIN_MISMATCH',
      `the bundle has another root version ${own.pin.version} of the repository ${name} than the one that this trust store is pinned to (${formatFingerprint(own.pin.sha256)})`,
      { hint: OTHER_ROOT },
    );
}

const OTHER_ROOT =
  'do not import: ask the connected side which repositories it follows; to begin again with another root, move the store away and import with --root FILE';

function pinNew(
  name: string,
  roots: readonly CarriedRoot[],
  at: string,
): Pick<PinnedRepository, 'root' | 'pin'> {
  const pin = (how: StoreState['pin']['how'], { version, bytes }: CarriedRoot) => ({
    root: bytes,
    pin: { how, version, sha256: sha256Hex(bytes), at },
  });
  const named = builtInInstance(name);
  for (const instance of named ? [named] : builtInInstances()) {
    const root = vouchedRoot(instance, roots);
    if (root) return pin('built-in', root);
  }
  if (named)
    throw new StellaError(
      'PIN_MISMATCH',
      `the bundle carries a repository called ${name} whose roots are not of the chain of the built-in instance ${name}`,
      {
        hint: [
          'do not import: ask the connected side what it follows under that name',
          'if its roots are older than the built-in one, carry a bundle of a newer trust store',
        ],
        details: { repository: name, builtIn: { version: named.version, sha256: sha256Hex(named.root()) } },
      },
    );
  return pin('bundle', roots[0]!);
}

/**
 * Verifies the further repositories as of the instant that each speaks for. One that had expired by then is kept without
 * being believed: it must not keep the others, and what they revoke, from the site.
 * @param isHeld whether the store holds this very bundle: then tuf-js is not asked again
 * @throws StellaError TUF_*, TARGET_*, TRUSTED_ROOT_INVALID, FETCH_NOT_FOUND
 */
export async function checkRepositories(
  pinned: readonly PinnedRepository[],
  sealedAt: Instant,
  isHeld: boolean,
): Promise<CarriedRepository[]> {
  const checked: CarriedRepository[] = [];
  for (const repository of pinned) {
    const { carried, directory, root } = repository;
    const said = carried.as_of === undefined ? sealedAt : parseInstant(carried.as_of);
    const { view, asOf, expired } = await loadAsOf(
      { url: carried.url, directory, trustedRoot: root },
      carried.roles,
      said,
    );
    checkCarriedRoles(view, carried.roles, `the repository ${carried.name}`);
    const opinion = isHeld ? undefined : await secondOpinion(judgedView(view));
    const source = { name: carried.name, view };
    await furtherInstance(source);
    const blocked = expired === undefined ? undefined : expiredRepository(carried, expired);
    checked.push({ ...repository, ...source, blocked, asOf, expired, secondOpinion: opinion });
  }
  return checked;
}

function expiredRepository({ name, url }: CarriedManifest, expired: string): StellaError {
  return new StellaError(
    'TUF_EXPIRED',
    `TUF metadata expired: ${expired} of the repository ${name} (${url}) had expired when the bundle was sealed`,
    { hint: 'on the connected side, run `stella trust sync --force` and export again' },
  );
}

/** A repository as of an instant, or as of the last at which the manifest says that it was valid. */
async function loadAsOf(
  options: Omit<LoadOptions, 'asOf'>,
  roles: CarriedManifest['roles'],
  said: Instant,
): Promise<{ readonly view: TufView; readonly asOf: Instant; readonly expired: string | undefined }> {
  try {
    return { view: await loadTuf({ ...options, asOf: said }), asOf: said, expired: undefined };
  } catch (error) {
    const first = isStellaError(error, 'TUF_EXPIRED') ? firstExpired(roles, said) : undefined;
    if (!first) throw error;
    // What the manifest says of expiry only chooses the instant: as of that one, the metadata itself must be valid.
    const asOf = instant(first.expires - 1);
    return { view: await loadTuf({ ...options, asOf }), asOf, expired: `${first.role}.json` };
  }
}

/** The top-level role that expired first, of those that had expired. */
function firstExpired(
  roles: CarriedManifest['roles'],
  said: Instant,
): { readonly role: string; readonly expires: Instant } | undefined {
  return TOP_ROLES.flatMap((role) => {
    const expires = Object.hasOwn(roles, role) ? parseInstant(roles[role]!.expires) : undefined;
    return expires !== undefined && expires <= said ? [{ role, expires }] : [];
  }).sort((a, b) => a.expires - b.expires)[0];
}

/** @throws StellaError TUF_MISMATCH where a manifest speaks of other metadata than the bundle carries */
export function checkCarriedRoles(
  view: TufView,
  roles: Manifest['tuf']['roles'],
  what: 'the bundle' | `the repository ${string}`,
): void {
  for (const role of view.roles) {
    const claimed = Object.hasOwn(roles, role.name) ? roles[role.name] : undefined;
    if (claimed?.version !== role.version || claimed.sha256 !== role.sha256) {
      throw new StellaError(
        'TUF_MISMATCH',
        what === 'the bundle'
          ? `the manifest speaks of another version of TUF role ${role.name} than the bundle carries`
          : `the manifest speaks of another version of TUF role ${role.name} of ${what} than the bundle carries`,
      );
    }
  }
}

/**
 * No way back for any further repository, and none may be missing unless the operator says so.
 * @param dropped the names of those that may be, and must be, missing
 * @throws StellaError TUF_ROLLBACK, REPOSITORY_DROPPED, USAGE
 */
export function checkRepositoriesNotBack(
  current: Generation,
  repositories: readonly CarriedRepository[],
  dropped: ReadonlySet<string>,
): void {
  const carried = new Set(repositories.map(({ name }) => name));
  const held = current.repositories.filter(({ isHome }) => !isHome).map(({ name }) => name);
  for (const name of dropped) {
    if (!held.includes(name))
      throw new StellaError(
        'USAGE',
        `the trust store holds no further repository ${name} that could be dropped`,
        {
          hint: held.length === 0 ? 'it holds none' : `it holds ${held.join(', ')}`,
        },
      );
    if (carried.has(name))
      throw new StellaError('USAGE', `--drop-repository ${name}: the bundle carries that repository`);
  }
  const missing = held.find((name) => !carried.has(name) && !dropped.has(name));
  if (missing !== undefined)
    throw new StellaError(
      'REPOSITORY_DROPPED',
      `the bundle does not carry the repository ${missing}, which this trust store holds`,
      {
        hint: [
          'ask the connected side whether it follows that repository no more',
          `if so, give --drop-repository ${missing}: attestations of that instance are refused from then on`,
        ],
        details: { repository: missing },
      },
    );
  for (const { name, held: before, carried: manifest, directory } of repositories) {
    if (!before) continue;
    const recovers = isRecovery(before.tuf.roles, manifest.roles, directory);
    checkRolesNotBack(before.tuf.roles, manifest.roles, recovers, ` of the repository ${name}`);
  }
}

/** A bundle's signer does not decide which delegated roles count; it only says which did on its side. */
export function checkTrustRoles(carried: readonly string[], configured: readonly string[]): void {
  const missing = carried.filter((role) => !configured.includes(role));
  if (missing.length > 0)
    throw new StellaError(
      'TRUST_ROLES_DIFFER',
      `the bundle rests on the delegated TUF roles ${missing.map((role) => excerpt(role)).join(', ')}, which trust_roles does not name here`,
      { details: { carried, configured } },
    );
}
