/**
 * repository/: the authoring half of a TUF repository: drafting edits, signing them with keys here or elsewhere,
 * publishing so that clients see the old state or the new one and nothing between. It never publishes what its own
 * audit refuses, never keeps a private key that it was not given, and serves nothing. The rooms below: directory/
 * (what lies on disk), edit/ (changes in memory), keys/, publish/.
 * Start here: one edit from lock to publication; ceremony.ts is for signatures that come from elsewhere.
 */

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Instant } from '../base/clock.ts';
import { StellaError } from '../base/errors.ts';
import { readBounded, removeLeftovers, replaceFile } from '../base/files.ts';
import { ifInterrupted } from '../base/interrupt.ts';
import { withLock } from '../base/lock.ts';
import { SETTINGS_FILE, writeKeys } from './directory/settings.ts';
import {
  openWorkingDirectory,
  removePublicLeftovers,
  type WorkingDirectory,
} from './directory/working-directory.ts';
import { type Change, Draft } from './edit/change.ts';
import { type KeyRing, type KeyRingOptions, openKeyRing, type PassphraseSource } from './keys/key-ring.ts';
import type { NamedKey } from './keys/new-key.ts';
import { forgetRetiredKeys } from './keys/retired-keys.ts';
import { type Publication, publishChange } from './publish/publish.ts';
import type { OldKeys } from './publish/requirements.ts';
import { signChange } from './publish/sign-change.ts';
import { isStaged, loadStaged, writeStaged } from './publish/staged.ts';
import { describeChange } from './publish/summary.ts';

/** How to sign and publish an edit. */
export interface SessionOptions {
  readonly now: Instant;
  readonly passphrase: PassphraseSource;
  /** Collect the edit in the staged change, instead of signing and publishing it at once. */
  readonly stage: boolean;
  readonly oldKeys?: OldKeys;
  /** Whether the repository was found by being there, not named: then no command that its repo.yaml has is run. */
  readonly found?: boolean;
  /** Is told what external signers write to stderr. */
  readonly onMessage?: (text: string) => void;
  /** Where `~/` in repo.yaml is; without it such a path is refused. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** What came of an edit: published, or waiting in `staged/` for signatures. */
export interface EditResult<T> {
  readonly value: T;
  readonly summary: readonly string[];
  readonly publication?: Publication;
  readonly staged?: string;
  /** Names of keys that no role has any more. */
  readonly retired: readonly string[];
}

/** What an edit may work with. */
export interface Editing {
  readonly directory: WorkingDirectory;
  readonly draft: Draft;
  /** Notes in repo.yaml where a new key is; taken back, with the key file, if the edit comes to nothing. */
  rememberKey(key: NamedKey): void;
}

/**
 * One edit of a repository, with its lock held: nobody else changes it in the meantime.
 * @throws StellaError LOCKED, REPO_STAGE when another change is staged already, REPO_THRESHOLD, REPO_NOT_FOUND before there
 *   is a first version
 */
export function editRepository<T>(
  path: string,
  options: SessionOptions,
  edit: (editing: Editing) => T | Promise<T>,
): Promise<EditResult<T>> {
  return withRepository(path, options.now, async (directory) => {
    const waiting = isStaged(directory.staged);
    if (waiting && !options.stage)
      throw new StellaError('REPO_STAGE', 'another change is staged and waits for its signatures', {
        hint: [
          'add --stage to make this part of it',
          'or finish it with `stella repo sign`, then `stella repo publish`',
          'or drop it with `stella repo stage --discard`',
        ],
      });
    const earlier = waiting ? loadStaged(directory.staged, options.now).change : undefined;
    if (!directory.published && !earlier)
      throw new StellaError('REPO_NOT_FOUND', `nothing is published or staged in ${path}`, {
        hint: `remove ${join(path, SETTINGS_FILE)} and run \`stella repo init ${path}\` again`,
      });
    const draft = new Draft(directory.published, directory.settings.expires, options.now, earlier);
    const settingsPath = join(path, SETTINGS_FILE);
    const settingsBefore = readBounded(settingsPath, 1024 * 1024);
    const remembered: NamedKey[] = [];
    const forget = () => {
      if (remembered.length > 0) replaceFile(settingsPath, settingsBefore);
      for (const { made } of remembered)
        for (const file of made ?? []) rmSync(join(path, file), { force: true });
    };
    const ended = ifInterrupted(forget);
    try {
      const value = await edit({
        directory,
        draft,
        rememberKey(key) {
          remembered.push(key);
          writeKeys(path, { [key.name]: key.place });
        },
      });
      return await finishEdit(openWorkingDirectory(path, options.now), draft.finish(), options, value);
    } catch (error) {
      forget();
      throw error;
    } finally {
      ended();
    }
  });
}

/** Signs and publishes a change, or leaves it staged. */
export async function finishEdit<T>(
  directory: WorkingDirectory,
  change: Change,
  options: SessionOptions,
  value: T,
): Promise<EditResult<T>> {
  const { published } = directory;
  const summary = describeChange(change, published);
  if (options.stage) {
    writeStaged(directory.staged, { change, published }, summary.join('\n'));
    return { value, summary, staged: directory.staged, retired: [] };
  }
  const ring = ringOf(directory, options);
  const signed = await signChange(change, published, ring);
  const publication = await publishChange(directory, signed.change, ring, options.now, options.oldKeys);
  return { value, summary, publication, retired: forgetRetiredKeys(directory, options.now) };
}

export function ringOf(directory: WorkingDirectory, options: KeyRingOptions): KeyRing {
  return openKeyRing(directory.path, directory.settings, options);
}

/** Runs `use` on an opened working directory with its lock held. */
export function withRepository<T>(
  path: string,
  now: Instant,
  use: (directory: WorkingDirectory) => Promise<T>,
): Promise<T> {
  return withRepositoryLock(path, () => use(openWorkingDirectory(path, now)));
}

/** Runs `use` while nobody else changes the repository. What an interrupted run left behind is removed. */
export function withRepositoryLock<T>(path: string, use: () => Promise<T>): Promise<T> {
  return withLock(path, () => {
    removeLeftovers(path);
    removePublicLeftovers(join(path, 'public'));
    return use();
  });
}
