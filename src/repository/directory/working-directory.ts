/**
 * repository/directory/: what an author has on disk: repo.yaml, keys/, staged/, and the published files with their
 * audit. It reads and checks; edits are made in edit/ and written by publish/. It never believes published files
 * because they are local: the audit verifies roots, roles and targets like a client. It never reads the clock: expiry
 * is judged by those who are told what time it is.
 * Start here, then audit.ts for what holds and settings.ts for repo.yaml.
 */

import { existsSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { formatUtf8 } from '../../base/bytes.ts';
import { formatInstant, type Instant, minutes, parseInstant } from '../../base/clock.ts';
import { StellaError } from '../../base/errors.ts';
import {
  isDirectory,
  makeDirectory,
  readBoundedIfPresent,
  removeLeftovers,
  replaceFile,
  syncTree,
  writeError,
  writeNewFile,
} from '../../base/files.ts';
import { MAX_SIGNED_BYTES } from '../../tuf/metadata-file.ts';
import { type Audit, auditRepository, type RepositoryReader } from './audit.ts';
import { loadSettings, type Settings } from './settings.ts';

/** Where everything of a repository's working directory is. */
export interface WorkingDirectory {
  readonly path: string;
  readonly settings: Settings;
  /** What clients see. */
  readonly public: string;
  readonly staged: string;
  /** Undefined until the first publication. */
  readonly published: Audit | undefined;
}

const CLOCK_FILE = 'clock';
/** As much as the clocks of two machines may differ. */
const CLOCK_TOLERANCE = minutes(5);

/** Reads files below `directory`. */
export function directoryReader(directory: string): RepositoryReader {
  return (path) => readBoundedIfPresent(join(directory, path), MAX_SIGNED_BYTES);
}

/**
 * Opens a working directory. What is published is verified first: nothing is signed on top of files that somebody else
 * has changed.
 * @throws StellaError REPO_NOT_FOUND, REPO_INVALID, CONFIG_INVALID, TUF_*, CLOCK_BEHIND
 */
export function openWorkingDirectory(path: string, now: Instant): WorkingDirectory {
  const settings = loadSettings(path);
  const places = { public: join(path, 'public'), staged: join(path, 'staged') };
  checkClock(path, now);
  const isPublished = existsSync(join(places.public, 'timestamp.json'));
  const published = isPublished ? auditRepository(directoryReader(places.public)) : undefined;
  if (published && published.root.signed.consistent_snapshot !== true)
    throw new StellaError('REPO_INVALID', `${path} was made without consistent snapshots`, {
      hint: 'files that change in place cannot be published safely: make a new repository with `stella repo init DIR`',
    });
  return { path, settings, ...places, published };
}

/** @throws StellaError CLOCK_BEHIND when something was signed here at a later time */
function checkClock(path: string, now: Instant): void {
  const bytes = readBoundedIfPresent(join(path, CLOCK_FILE), 64);
  if (!bytes) return;
  const latest = parseInstant(bytes.toString('latin1').trim());
  if (now < latest - CLOCK_TOLERANCE)
    throw new StellaError(
      'CLOCK_BEHIND',
      `the clock says ${formatInstant(now)}, but this repository was signed at ${formatInstant(latest)}`,
      {
        hint: [
          'set the clock; metadata signed now would expire before what clients have already',
          `if it was the other clock that was wrong, remove ${join(path, CLOCK_FILE)}`,
        ],
      },
    );
}

/** Remembers that something was signed at this time. */
export function writeClock(path: string, now: Instant): void {
  const before = readBoundedIfPresent(join(path, CLOCK_FILE), 64)?.toString('latin1').trim();
  if (before !== undefined && parseInstant(before) >= now) return;
  replaceFile(join(path, CLOCK_FILE), formatUtf8(`${formatInstant(now)}\n`));
}

/** Removes what interrupted runs left below the served directory, where files are written beside the ones they replace. */
export function removePublicLeftovers(directory: string): void {
  if (!isDirectory(directory)) return;
  removeLeftovers(directory);
  for (const entry of readdirSync(directory, { withFileTypes: true }))
    if (entry.isDirectory()) removePublicLeftovers(join(directory, entry.name));
}

/** From here on it is quicker to flush everything at once. */
const MANY_FILES = 16;

/**
 * Writes files below the served directory, in this order, each durable before the next; what is there already is left
 * alone. The first ones, which nothing that is published refers to, are durable together before `visible` ones begin.
 * @throws StellaError WRITE_FAILED
 */
export function writePublic(
  directory: string,
  quiet: readonly PublicFile[],
  visible: readonly PublicFile[],
): void {
  if (quiet.length < MANY_FILES) for (const file of quiet) replacePublic(directory, file);
  else {
    for (const [path, bytes] of quiet) {
      const target = join(directory, path);
      if (isThere(target, bytes)) continue;
      // An interrupted run may have left something; nobody knows of it.
      rmSync(target, { force: true });
      writeNewFile(target, bytes, { sync: false });
    }
    syncTree(directory);
  }
  for (const file of visible) replacePublic(directory, file);
}

export type PublicFile = readonly [path: string, bytes: Uint8Array];

function isThere(target: string, bytes: Uint8Array): boolean {
  const present = readBoundedIfPresent(target, MAX_SIGNED_BYTES);
  return present !== undefined && Buffer.compare(present, bytes) === 0;
}

function replacePublic(directory: string, [path, bytes]: PublicFile): void {
  const target = join(directory, path);
  if (isThere(target, bytes)) return;
  try {
    makeDirectory(dirname(target));
  } catch (cause) {
    throw writeError(target, cause);
  }
  replaceFile(target, bytes);
}
