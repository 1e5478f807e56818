import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { formatUtf8 } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import { makeDirectory, replaceFile, writeError } from '../base/files.ts';
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
  try {
    makeDirectory(path);
  } catch (cause) {
    throw writeError(path, cause);
  }
  return withLock(path, async () => {
    refuseExisting();
    const keys = makeKeys(path, wanted);
    for (const role of TOP_ROLES)
      editKeys(draft, role, {
        add: keys[role].map(({ publicKey }) => publicKey),
        threshold: wanted.keys[role].threshold,
      });
    const all = TOP_ROLES.flatMap((role) => keys[role]);
    const places = Object.fromEntries(all.map(({ name, place }) => [name, place]));
    writeScripts(path);
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
  });
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
