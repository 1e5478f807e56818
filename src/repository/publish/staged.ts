import { existsSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { formatUtf8 } from '../../base/bytes.ts';
import { days, formatInstant, type Instant, parseInstant } from '../../base/clock.ts';
import { isStellaError, StellaError } from '../../base/errors.ts';
import {
  readBounded,
  replaceFile,
  STAGING_PREFIX,
  syncDirectory,
  syncTree,
  withStaging,
  writeError,
  writeNewFile,
} from '../../base/files.ts';
import { parseJson } from '../../base/schema.ts';
import type { TufTargets } from '../../tuf/metadata.ts';
import { formatMetadata } from '../../tuf/metadata.ts';
import { MAX_SIGNED_BYTES } from '../../tuf/metadata-file.ts';
import { parseMetadata } from '../../tuf/parse-metadata.ts';
import { type Audit, auditRepository } from '../directory/audit.ts';
import { checkTargetName } from '../directory/target-name.ts';
import { directoryReader } from '../directory/working-directory.ts';
import type { Change } from '../edit/change.ts';
import { filesOf } from './sign-change.ts';

/** A change on its way to being published, with what is needed to judge and sign it on a machine without the repository. */
export interface LoadedChange {
  readonly change: Change;
  /** What was published when the change was made. */
  readonly published: Audit | undefined;
}

/** A ceremony takes days, not weeks; after this a change is made anew. */
const STAGED_FOR = days(14);
const CHANGE_FILE = 'change.json';
const MAX_CHANGE_BYTES = 64 * 1024 * 1024;

export function isStaged(directory: string): boolean {
  return existsSync(join(directory, CHANGE_FILE));
}

/**
 * Writes a change to a directory, in place of an earlier one: change.json, summary.txt, metadata/, files/, and base/ with
 * the metadata that is published now.
 * @throws StellaError WRITE_FAILED
 */
export function writeStaged(directory: string, staged: LoadedChange, summary: string): void {
  const { change, published } = staged;
  withStaging(dirname(directory), STAGING_PREFIX, (staging) => {
    const fresh = join(staging, 'new');
    const put = (path: string, bytes: Uint8Array) => writeNewFile(join(fresh, path), bytes, { sync: false });
    const index = {
      version: 1,
      base: change.base,
      made: formatInstant(change.made),
      roles: [...filesOf(change).keys()],
      files: [...change.files.keys()],
    };
    put(CHANGE_FILE, formatUtf8(`${JSON.stringify(index, null, 1)}\n`));
    put('summary.txt', formatUtf8(`${summary}\n`));
    for (const [role, metadata] of filesOf(change)) put(`metadata/${role}.json`, formatMetadata(metadata));
    for (const [path, bytes] of change.files) put(`files/${path}`, bytes);
    if (published) for (const [path, bytes] of published.files) put(`base/${path}`, bytes);
    syncTree(fresh);
    try {
      if (existsSync(directory)) renameSync(directory, join(staging, 'old'));
      renameSync(fresh, directory);
      syncDirectory(dirname(directory));
    } catch (cause) {
      throw writeError(directory, cause);
    }
  });
}

/**
 * Reads a staged change, wherever it was carried.
 * @param trustedRoot a root that the reader knows to be good: what is said to be published is then verified from there on.
 *   Without it, a copy that was altered on its way could pass off something new as published before.
 * @throws StellaError REPO_STAGE when there is none, it is damaged, or it is too old
 */
export function loadStaged(directory: string, now: Instant, trustedRoot?: Uint8Array): LoadedChange {
  if (!isStaged(directory))
    throw new StellaError('REPO_STAGE', `there is no staged change in ${directory}`, {
      hint: 'make one: add --stage to the command that changes the repository, or run `stella repo stage ROLE`',
    });
  try {
    return readStaged(directory, now, trustedRoot);
  } catch (cause) {
    if (!isStellaError(cause) || cause.code === 'REPO_STAGE') throw cause;
    throw new StellaError('REPO_STAGE', `the staged change in ${directory} is damaged: ${cause.message}`, {
      cause,
    });
  }
}

function readStaged(directory: string, now: Instant, trustedRoot: Uint8Array | undefined): LoadedChange {
  const read = (path: string) => readBounded(join(directory, path), MAX_SIGNED_BYTES);
  const index = parseJson(
    'staged-change',
    readBounded(join(directory, CHANGE_FILE), MAX_CHANGE_BYTES),
    CHANGE_FILE,
  );
  const made = parseInstant(index.made);
  if (now >= made + STAGED_FOR)
    throw new StellaError('REPO_STAGE', `the change was staged on ${index.made}: too long ago`, {
      hint: 'discard it with `stella repo stage --discard`, then make the change again',
    });
  for (const path of index.files) checkTargetName(path.slice('targets/'.length));
  const load = <K extends 'root' | 'snapshot' | 'targets'>(kind: K, role: string) =>
    parseMetadata(kind, read(`metadata/${role}.json`), `${role}.json`);
  // Only what the index names counts: a copy may have been written over an older one.
  const present = (role: string) => index.roles.includes(role);
  const targetsRoles = index.roles.filter((role) => role !== 'root' && role !== 'snapshot');
  const change: Change = {
    base: index.base,
    made,
    ...(present('root') ? { root: load('root', 'root') } : {}),
    roles: new Map<string, TufTargets>(targetsRoles.map((role) => [role, load('targets', role)])),
    ...(present('snapshot') ? { snapshot: load('snapshot', 'snapshot') } : {}),
    files: new Map(index.files.map((path) => [path, read(`files/${path}`)])),
  };
  const published =
    index.base.root === 0
      ? undefined
      : auditRepository(directoryReader(join(directory, 'base')), {
          trustedRoot: trustedRoot ?? read(`base/${index.base.root}.root.json`),
        });
  if (published && published.root.signed.version !== index.base.root)
    throw new StellaError(
      'REPO_STAGE',
      `the copy has root ${published.root.signed.version}, not root ${index.base.root}`,
    );
  return { change, published };
}

/** Keeps new signatures: rewrites those metadata files whose signatures changed. */
export function writeSignatures(directory: string, before: Change, after: Change): void {
  for (const [role, metadata] of filesOf(after))
    if (filesOf(before).get(role) !== metadata)
      replaceFile(join(directory, 'metadata', `${role}.json`), formatMetadata(metadata));
}

export function discardStaged(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
}
