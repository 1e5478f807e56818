import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import { formatUtf8, parseUtf8 } from '../../base/bytes.ts';
import { type Duration, days, parseDuration } from '../../base/clock.ts';
import { StellaError } from '../../base/errors.ts';
import { readBounded, replaceFile } from '../../base/files.ts';
import { checkSchema } from '../../base/schema.ts';
import type { RepoSettings } from '../../base/schema-types.ts';
import { TOP_ROLES, type TopRole } from '../../tuf/roles.ts';

/** Where the private half of a signing key is. */
export type KeyPlace = NonNullable<RepoSettings['keys']>[string];

export interface Settings {
  /** How long each role is valid once it is signed; delegated roles are valid as long as `targets`. */
  readonly expires: Readonly<Record<TopRole, Duration>>;
  readonly keys: Readonly<Record<string, KeyPlace>>;
}

export const SETTINGS_FILE = 'repo.yaml';
const MOST_SETTINGS_BYTES = 1024 * 1024;
const DEFAULT_EXPIRES: Readonly<Record<TopRole, string>> = {
  root: '365d',
  targets: '90d',
  snapshot: '30d',
  timestamp: '1d',
};

/** @throws StellaError CONFIG_INVALID */
export function parseSettings(bytes: Uint8Array): Settings {
  const document = parseDocument(parseUtf8(bytes, 'CONFIG_INVALID'));
  const [error] = document.errors;
  if (error)
    throw new StellaError('CONFIG_INVALID', `${SETTINGS_FILE}: ${error.message.split('\n')[0]}`, {
      cause: error,
    });
  const raw = checkSchema(
    'repo-settings',
    document.toJS({ maxAliasCount: 10 }),
    SETTINGS_FILE,
    'CONFIG_INVALID',
  );
  const keys = raw.keys ?? {};
  for (const [name, place] of Object.entries(keys)) {
    if (place.file !== undefined && place.command !== undefined)
      throw new StellaError('CONFIG_INVALID', `${SETTINGS_FILE}: key ${name} has both file and command`);
  }
  const expires = { ...DEFAULT_EXPIRES, ...raw.expires };
  return {
    expires: Object.fromEntries(TOP_ROLES.map((role) => [role, validity(expires[role], role)])) as Record<
      TopRole,
      Duration
    >,
    keys,
  };
}

function validity(text: string, role: TopRole): Duration {
  const duration = parseDuration(text);
  if (duration <= 0 || duration > days(20 * 365))
    throw new StellaError(
      'CONFIG_INVALID',
      `${SETTINGS_FILE}: expires.${role} must be more than 0 and at most 7300d`,
    );
  return duration;
}

export function loadSettings(directory: string): Settings {
  return parseSettings(readBounded(join(directory, SETTINGS_FILE), MOST_SETTINGS_BYTES));
}

/** The text of a new repo.yaml. */
export function formatSettings(expires: Partial<Record<TopRole, string>>): string {
  const chosen = { ...DEFAULT_EXPIRES, ...expires };
  return [
    '# Settings of this TUF repository. Clients see only what is in public/; private keys are in keys/.',
    'version: 1',
    '# how long each role is valid once it is signed',
    'expires:',
    ...TOP_ROLES.map((role) => `  ${role}: ${chosen[role]}`),
    '# where each signing key is: a PEM file, or the command of an external signer',
    'keys: {}',
    '',
  ].join('\n');
}

/** Adds or removes (`undefined`) keys, and keeps everything else of the file, comments too. */
export function changeKeys(
  bytes: Uint8Array,
  changes: Readonly<Record<string, KeyPlace | undefined>>,
): Uint8Array {
  const document = parseDocument(parseUtf8(bytes, 'CONFIG_INVALID'));
  for (const [name, place] of Object.entries(changes)) {
    if (place) document.setIn(['keys', name], document.createNode(place));
    else document.deleteIn(['keys', name]);
  }
  const keys = document.get('keys');
  // `keys: {}` of a new file would go on in one line.
  if (keys && typeof keys === 'object' && 'flow' in keys) keys.flow = false;
  return formatUtf8(document.toString({ lineWidth: 0 }));
}

export function writeKeys(directory: string, changes: Readonly<Record<string, KeyPlace | undefined>>): void {
  const path = join(directory, SETTINGS_FILE);
  replaceFile(path, changeKeys(readBounded(path, MOST_SETTINGS_BYTES), changes));
}

/**
 * The repository to work on: the one named, else the one around the current directory.
 * @throws StellaError REPO_NOT_FOUND
 */
export function findRepository(named: string | undefined, cwd: string): string {
  if (named !== undefined) {
    const directory = resolve(cwd, named);
    if (existsSync(join(directory, SETTINGS_FILE))) return directory;
    throw new StellaError('REPO_NOT_FOUND', `${directory} has no ${SETTINGS_FILE}`, {
      hint: `run \`stella repo init ${named}\`, or name the right directory`,
    });
  }
  for (let directory = resolve(cwd); ; directory = dirname(directory)) {
    if (existsSync(join(directory, SETTINGS_FILE))) return directory;
    if (dirname(directory) === directory) break;
  }
  throw new StellaError('REPO_NOT_FOUND', `there is no ${SETTINGS_FILE} in ${cwd} or above it`, {
    hint: 'give --repo DIR, set $STELLA_REPO, or run inside the repository; a new one: `stella repo init DIR`',
  });
}
