/**
 * repository/keys/: the keys that sign a repository: made here, in encrypted files, or behind a command in front of an
 * HSM. A ring signs by key id and asks for a passphrase only when a key is needed. It never decides which keys a role
 * has: edit/ does. A private key is written encrypted where a passphrase is given. A command gets bytes on its
 * standard input and nothing else, with a bound on what it may answer.
 * Start here, then new-key.ts for making keys and command-signer.ts for external ones.
 */

import { join } from 'node:path';
import { excerpt } from '../../base/bytes.ts';
import { isStellaError, StellaError } from '../../base/errors.ts';
import { readBoundedIfPresent } from '../../base/files.ts';
import { loadPrivateKey, type PrivateKey, type Signer, signerOf } from '../../base/keys.ts';
import { whoElseCanReplace } from '../../base/safety/ownership.ts';
import type { Environment } from '../../config/locations.ts';
import { resolvePath } from '../../config/paths.ts';
import { formatTufKey, parseTufKey, tufKeyId } from '../../tuf/key.ts';
import type { TufKey } from '../../tuf/metadata.ts';
import { SETTINGS_FILE, type Settings } from '../directory/settings.ts';
import { MAX_PASSPHRASE_ATTEMPTS } from '../directory/vocabulary.ts';
import { commandSigner } from './command-signer.ts';

/**
 * Gives the passphrase of a key file, or undefined where nobody can. Asked only for encrypted keys. A person may mistype it:
 * `attempt` is 1, and 2 or 3 after answers that were wrong; who has no other answer then gives undefined.
 */
export type PassphraseSource = (keyName: string, attempt: number) => Promise<string | undefined>;

const MAX_KEY_FILE_BYTES = 64 * 1024;

/** The signing keys that are at hand here. */
export interface KeyRing {
  /**
   * @returns undefined when the private half is somewhere else
   * @throws StellaError KEY_PASSPHRASE, KEY_PERMISSIONS, KEY_INVALID, SIGNER_FAILED
   */
  signerOf(keyid: string, key: TufKey): Promise<Signer | undefined>;
  /** The name under which repo.yaml has the key. */
  readonly nameOf: (keyid: string) => string | undefined;
}

export async function loadKeyFile(
  path: string,
  name: string,
  passphrase: PassphraseSource,
): Promise<PrivateKey> {
  try {
    return loadPrivateKey(path);
  } catch (error) {
    if (!isStellaError(error, 'KEY_PASSPHRASE')) throw error;
  }
  let wrong: StellaError | undefined;
  for (let attempt = 1; attempt <= MAX_PASSPHRASE_ATTEMPTS; attempt += 1) {
    const answer = await passphrase(name, attempt);
    if (answer === undefined) break;
    try {
      return loadPrivateKey(path, answer);
    } catch (error) {
      if (!isStellaError(error, 'KEY_PASSPHRASE')) throw error;
      wrong = error;
    }
  }
  throw (
    wrong ??
    new StellaError('KEY_PASSPHRASE', `key ${name} is encrypted and no passphrase was given`, {
      hint: 'give --key-passphrase-file FILE or set $STELLA_KEY_PASSPHRASE',
    })
  );
}

/**
 * Whether key files are here and none of them is encrypted: whoever made the repository wanted it so. A file that cannot
 * be read says nothing; whoever signs with it will be told.
 */
export function hasOnlyPlainKeys(directory: string, settings: Settings, env: Environment): boolean {
  const files = Object.values(settings.keys).flatMap(({ file }) => {
    if (file === undefined) return [];
    try {
      return readBoundedIfPresent(resolvePath(file, directory, env), MAX_KEY_FILE_BYTES) ?? [];
    } catch (error) {
      if (!isStellaError(error)) throw error;
      return [];
    }
  });
  return files.length > 0 && files.every((pem) => !pem.includes('ENCRYPTED'));
}

/** How a ring comes to its keys; the members are those of a session. */
export interface KeyRingOptions {
  readonly passphrase: PassphraseSource;
  readonly found?: boolean;
  readonly onMessage?: (text: string) => void;
  /** Where `~/` in repo.yaml is. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/**
 * A command runs as whoever signs, so it must be from a file that they named and only they can change.
 * @throws StellaError CONFIG_UNSAFE
 */
function checkMayRun(directory: string, name: string, command: string, found: boolean): void {
  const path = join(directory, SETTINGS_FILE);
  if (found)
    throw new StellaError(
      'CONFIG_UNSAFE',
      `${path} would run a command for key ${name}, but the repository was not named: ${excerpt(command)}`,
      { hint: `if it is yours, name it: --repo ${directory}, or $STELLA_REPO`, details: { file: path } },
    );
  const who = whoElseCanReplace(path);
  if (who !== undefined)
    throw new StellaError('CONFIG_UNSAFE', `${path} would run a command for key ${name}, but ${who}`, {
      hint: 'let only this user and root own and write the file and the directories above it (`chown`, `chmod go-w`)',
      details: { file: path },
    });
}

/** The keys that repo.yaml names, opened when they are needed and then kept for the run. */
export function openKeyRing(directory: string, settings: Settings, options: KeyRingOptions): KeyRing {
  const { passphrase, onMessage } = options;
  const opened = new Map<string, Signer | undefined>();
  const entryOf = (keyid: string) => Object.entries(settings.keys).find(([, place]) => place.id === keyid);

  const open = async (keyid: string, key: TufKey): Promise<Signer | undefined> => {
    const entry = entryOf(keyid);
    if (!entry) return undefined;
    const [name, place] = entry;
    if (place.command !== undefined) {
      checkMayRun(directory, name, place.command, options.found ?? false);
      return commandSigner(place.command, parseTufKey(key).publicKey, {
        directory,
        ...(onMessage ? { onMessage } : {}),
      });
    }
    if (place.file === undefined) return undefined; // somebody signs with it elsewhere
    const path = resolvePath(place.file, directory, options.env ?? {}, `${SETTINGS_FILE}: key ${name}: `);
    let privateKey: PrivateKey;
    try {
      privateKey = await loadKeyFile(path, name, passphrase);
    } catch (error) {
      if (isStellaError(error, 'FILE_NOT_FOUND')) return undefined; // taken away, as an offline key should be
      throw error;
    }
    if (privateKey.publicKey.id !== parseTufKey(key).publicKey.id) {
      const actual = entryOf(tufKeyId(formatTufKey(privateKey.publicKey)))?.[0];
      throw new StellaError(
        'KEY_INVALID',
        `${place.file} is not the key ${name}${actual ? ` but ${actual}` : ''}`,
        { hint: 'put the right file there, or correct repo.yaml' },
      );
    }
    return signerOf(privateKey);
  };

  return {
    nameOf: (keyid) => entryOf(keyid)?.[0],
    async signerOf(keyid, key) {
      if (!opened.has(keyid)) opened.set(keyid, await open(keyid, key));
      return opened.get(keyid);
    },
  };
}
