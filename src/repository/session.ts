import type { Instant } from '../base/clock.ts';
import { StellaError } from '../base/errors.ts';
import { removeLeftovers } from '../base/files.ts';
import { withLock } from '../base/lock.ts';
import { type Change, Draft } from './change.ts';
import { type KeyRing, openKeyRing, type PassphraseSource } from './key-ring.ts';
import { type Publication, publishChange, signChange } from './publish.ts';
import { isStaged, loadStaged, writeStaged } from './staged.ts';
import { describeChange } from './summary.ts';
import { openWorkingDirectory, type WorkingDirectory } from './working-directory.ts';

export interface SessionOptions {
  readonly now: Instant;
  readonly passphrase: PassphraseSource;
  /** Collect the edit in the staged change, instead of signing and publishing it at once. */
  readonly stage: boolean;
}

/** What came of an edit: published, or waiting in `staged/` for signatures. */
export interface EditResult<T> {
  readonly value: T;
  readonly summary: readonly string[];
  readonly publication?: Publication;
  readonly staged?: string;
}

/** What an edit may work with. */
export interface Editing {
  readonly directory: WorkingDirectory;
  readonly draft: Draft;
}

/**
 * One edit of a repository, with its lock held: nobody else changes it in the meantime.
 * @throws StellaError LOCKED, REPO_STAGE when another change is staged already, REPO_THRESHOLD
 */
export async function editRepository<T>(
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
          'or finish it with `stella repo publish`, or drop it with `stella repo stage --discard`',
        ],
      });
    const earlier = waiting ? loadStaged(directory.staged, options.now).change : undefined;
    const draft = new Draft(directory.published, directory.settings.expires, options.now, earlier);
    const value = await edit({ directory, draft });
    // The edit may have named new keys in repo.yaml.
    const opened = openWorkingDirectory(path, options.now);
    return finishEdit(opened, draft.finish(), options, value);
  });
}

/** Signs and publishes a change, or leaves it staged. */
export async function finishEdit<T>(
  directory: WorkingDirectory,
  change: Change,
  options: SessionOptions,
  value: T,
): Promise<EditResult<T>> {
  const summary = describeChange(change, directory.published);
  const stage = () =>
    writeStaged(directory.staged, { change, published: directory.published }, summary.join('\n'));
  if (options.stage) {
    stage();
    return { value, summary, staged: directory.staged };
  }
  const ring = ringOf(directory, options.passphrase);
  const signed = await signChange(change, directory, ring);
  const publication = await publishChange(directory, signed, ring, options.now);
  return { value, summary, publication };
}

export function ringOf(directory: WorkingDirectory, passphrase: PassphraseSource): KeyRing {
  return openKeyRing(directory.path, directory.settings, passphrase);
}

/** Runs `use` on an opened working directory with its lock held. */
export function withRepository<T>(
  path: string,
  now: Instant,
  use: (directory: WorkingDirectory) => Promise<T>,
): Promise<T> {
  return withLock(path, () => {
    removeLeftovers(path);
    return use(openWorkingDirectory(path, now));
  });
}
