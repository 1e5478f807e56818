import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { formatUtf8 } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import { checkMedium, isDirectory, makeDirectory, replaceFile } from '../base/files.ts';
import { ifInterrupted } from '../base/interrupt.ts';
import { withLock } from '../base/lock.ts';
import { TOP_ROLES, type TopRole } from '../tuf/roles.ts';
import { writeScripts } from './directory/operator-scripts.ts';
import {
  changeKeys,
  formatSettings,
  type KeyPlace,
  parseSettings,
  SETTINGS_FILE,
} from './directory/settings.ts';
import type { KeyType } from './directory/vocabulary.ts';
import { openWorkingDirectory } from './directory/working-directory.ts';
import { Draft } from './edit/change.ts';
import { editKeys } from './edit/keys.ts';
import { addTarget, type NewTarget } from './edit/targets.ts';
import { type KeySource, type NamedKey, provideKey } from './keys/new-key.ts';
import { discardStaged } from './publish/staged.ts';
import { type EditResult, finishEdit, type SessionOptions } from './session.ts';

/** Which keys a role begins with. */
export interface RoleKeys {
  /** How many keys to make here. */
  readonly make: number;
  /** Keys made elsewhere. */
  readonly given: readonly KeySource[];
  readonly threshold: number;
}

/** A repository to make. */
export interface NewRepository {
  readonly keyType: KeyType;
  readonly keys: Readonly<Record<TopRole, RoleKeys>>;
  /** Undefined for plain key files. */
  readonly passphrase: string | undefined;
  /** Durations such as `365d`, in place of the defaults. */
  readonly expires: Partial<Record<TopRole, string>>;
  readonly targets: readonly NewTarget[];
}

/**
 * Makes a repository: keys/, repo.yaml, and the first version of everything, published or staged. repo.yaml is what makes
 * the directory a repository, so it is written when the keys are there.
 * @returns the names of each role's keys
 * @throws StellaError REPO_EXISTS, WRITE_FAILED, TARGET_*, USAGE
 */
export async function initRepository(
  path: string,
  wanted: NewRepository,
  options: SessionOptions,
): Promise<EditResult<Record<TopRole, string[]>>> {
  const refuseExisting = () => {
    if (existsSync(join(path, SETTINGS_FILE)) || existsSync(join(path, 'public')))
      throw new StellaError('REPO_EXISTS', `${path} holds a TUF repository already`);
  };
  refuseExisting();
  const settings = formatUtf8(formatSettings(wanted.expires));
  const draft = new Draft(undefined, parseSettings(settings).expires, options.now);
  draft.editRole('targets', () => {});
  for (const target of wanted.targets) addTarget(draft, target);
  checkMedium(path);
  const made = makeDirectory(path);
  const ended = ifInterrupted(() => removeIfEmpty(path, made));
  try {
    return await withLock(path, async () => {
      refuseExisting();
      return await orNothing(path, () => fillRepository(path, wanted, settings, draft, options));
    });
  } finally {
    ended();
    removeIfEmpty(path, made);
  }
}

async function fillRepository(
  path: string,
  wanted: NewRepository,
  settings: Uint8Array,
  draft: Draft,
  options: SessionOptions,
): Promise<EditResult<Record<TopRole, string[]>>> {
  writeScripts(path);
  const keys = makeKeys(path, wanted);
  for (const role of TOP_ROLES)
    editKeys(draft, role, {
      add: keys[role].map(({ publicKey }) => publicKey),
      threshold: wanted.keys[role].threshold,
    });
  const all = TOP_ROLES.flatMap((role) => keys[role]);
  const places = Object.fromEntries(all.map(({ name, place }) => [name, place]));
  replaceFile(join(path, SETTINGS_FILE), changeKeys(settings, places));
  const names = TOP_ROLES.map((role) => [role, keys[role].map(({ name }) => name)] as const);
  const value = Object.fromEntries(names) as Record<TopRole, string[]>;
  const directory = openWorkingDirectory(path, options.now);
  // Staged in any case: what is interrupted here goes on with `sign` and `publish`.
  const staged = await finishEdit(directory, draft.finish(), { ...options, stage: true }, value);
  if (options.stage) return staged;
  const result = await finishEdit(directory, draft.finish(), options, value);
  discardStaged(directory.staged);
  return result;
}

/**
 * Runs `fill`, and takes back what it has made where it fails before there is a repository, which can go on with `sign` and
 * `publish`: repo.yaml is written when everything else is there. Call it with the lock held.
 */
async function orNothing<T>(path: string, fill: () => Promise<T>): Promise<T> {
  const namesIn = (directory: string) => (isDirectory(directory) ? readdirSync(directory) : []);
  const before = [join(path, 'keys'), join(path, 'scripts'), path].map((directory) => ({
    directory,
    names: new Set(['lock', ...namesIn(directory)]),
  }));
  const undo = () => {
    if (existsSync(join(path, SETTINGS_FILE))) return;
    for (const { directory, names } of before)
      for (const name of namesIn(directory))
        if (!names.has(name)) rmSync(join(directory, name), { recursive: true, force: true });
  };
  const ended = ifInterrupted(undo);
  try {
    return await fill();
  } catch (error) {
    undo();
    throw error;
  } finally {
    ended();
  }
}

/** @param made the first directory that had to be made, if any */
function removeIfEmpty(path: string, made: string | undefined): void {
  if (made === undefined || !isDirectory(path) || readdirSync(path).some((name) => name !== 'lock')) return;
  rmSync(join(path, 'lock'), { force: true });
  for (let one = path; one.length >= made.length && readdirSync(one).length === 0; one = dirname(one))
    rmdirSync(one);
}

function makeKeys(path: string, wanted: NewRepository): Record<TopRole, NamedKey[]> {
  const { keyType: type, passphrase } = wanted;
  const taken = new Map<string, KeyPlace>();
  const keys = TOP_ROLES.map((role): [TopRole, NamedKey[]] => {
    const { make, given } = wanted.keys[role];
    const sources = [...given, ...Array.from({ length: make }, () => ({ type, passphrase }))];
    const named = sources.map((source) => {
      const key = provideKey(path, taken, role, source);
      taken.set(key.name, key.place);
      return key;
    });
    return [role, named];
  });
  return Object.fromEntries(keys) as Record<TopRole, NamedKey[]>;
}
