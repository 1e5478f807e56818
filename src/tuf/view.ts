import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { excerpt } from '../base/bytes.ts';
import type { Instant } from '../base/clock.ts';
import { StellaError } from '../base/errors.ts';
import { readBoundedIfPresent } from '../base/files.ts';
import type { TufClient } from './client.ts';
import { isPublishable, targetPath } from './layout.ts';
import type { ResolvedTargets } from './resolve-targets.ts';
import { checkTarget, MAX_TARGET_BYTES } from './target-file.ts';
import type { OmittedRole, TufRole, TufTarget } from './types.ts';

export type { OmittedRole, TufRole, TufTarget } from './types.ts';

/** A verified TUF repository: what its roles say, and the targets that are held of it. */
export interface TufView {
  readonly url: string;
  /** The instant as of which it was verified. */
  readonly referenceTime: Instant;
  /** Holds the repository as published. */
  readonly directory: string;
  /** root, timestamp, snapshot, targets, then delegated roles. */
  readonly roles: readonly TufRole[];
  /** Delegated roles that could not be used, and are left out. */
  readonly omittedRoles: readonly OmittedRole[];
  /** Every root from the one that was vouched for. */
  readonly rootVersions: readonly number[];
  targetNames(): readonly string[];
  /** The target of exactly this name, as the most trusted role that may speak for it has it. */
  target(name: string): TufTarget | undefined;
  /** Whether there is a file for the target, good or not; of a large repository only some are held. */
  isHeld(name: string): boolean;
  /**
   * The target's bytes, checked against length and every hash.
   * @throws StellaError TARGET_UNKNOWN, TARGET_INVALID, TUF_MISMATCH
   */
  readTarget(name: string): Promise<Uint8Array>;
}

/** What a client that has walked a repository knows of it, with the targets in `directory`. */
export function viewOf(
  url: string,
  directory: string,
  referenceTime: Instant,
  client: TufClient,
  { targets, omitted }: ResolvedTargets,
): TufView {
  const { consistentSnapshot, roles, roots } = client;
  const fileOf = (target: TufTarget) => join(directory, 'targets', targetPath(target, consistentSnapshot));
  return {
    url,
    directory,
    referenceTime,
    roles,
    omittedRoles: omitted,
    rootVersions: roots.map((root) => root.version),
    targetNames: () => [...targets.keys()],
    target: (name) => targets.get(name),
    isHeld(name) {
      const target = targets.get(name);
      return target !== undefined && isPublishable(target) && existsSync(fileOf(target));
    },
    async readTarget(name) {
      const target = targets.get(name);
      if (!target) throw new StellaError('TARGET_UNKNOWN', `Unknown target ${excerpt(name)} in ${url}`);
      const bytes = readBoundedIfPresent(fileOf(target), MAX_TARGET_BYTES);
      if (!bytes)
        throw new StellaError('TUF_MISMATCH', `target ${excerpt(name)} of ${url} is listed but not held`);
      checkTarget(target, bytes, url);
      return bytes;
    },
  };
}
