import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { formatUtf8, type Sha256Hex } from '../../base/bytes.ts';
import { StellaError } from '../../base/errors.ts';
import { makeDirectory, writeError, writeNewFile } from '../../base/files.ts';
import { formatPrivateKey, formatPublicKey, generateKey, type PublicKey } from '../../base/keys.ts';
import { formatTufKey, tufKeyId } from '../../tuf/key.ts';
import type { KeyPlace } from '../directory/settings.ts';
import type { KeyType } from '../directory/vocabulary.ts';

/** A signing key of a role: its public half, and where repo.yaml says the private one is. */
export interface NamedKey {
  readonly name: string;
  readonly publicKey: PublicKey;
  readonly place: KeyPlace;
  /** Files that were made for it, relative to the repository. */
  readonly made?: readonly string[];
}

/** Where a key that is asked for comes from: made here, or kept elsewhere. */
export type KeySource =
  | {
      readonly type: KeyType;
      /** Undefined for a plain key file. */
      readonly passphrase: string | undefined;
    }
  | {
      readonly name: string;
      readonly publicKey: PublicKey;
      /** The external signer in front of it; without one, somebody signs with `stella repo sign` elsewhere. */
      readonly command?: string;
    };

/**
 * Makes a key, or takes one that is kept elsewhere.
 * @param taken the keys that have names already
 * @throws StellaError FILE_EXISTS, WRITE_FAILED
 */
export function provideKey(
  directory: string,
  taken: ReadonlyMap<string, KeyPlace>,
  role: string,
  source: KeySource,
): NamedKey {
  if ('type' in source) return makeKey(directory, nextKeyName(directory, role, taken), source);
  const { publicKey, command } = source;
  const place = { id: tufKeyIdOf(publicKey), ...(command === undefined ? {} : { command }) };
  const named = taken.get(source.name);
  const name = named && named.id !== place.id ? nextKeyName(directory, source.name, taken) : source.name;
  return { name, publicKey, place };
}

/** keys/NAME.pem (PKCS#8, mode 0600, encrypted if there is a passphrase) and keys/NAME.pub. */
function makeKey(
  directory: string,
  name: string,
  source: { readonly type: KeyType; readonly passphrase: string | undefined },
): NamedKey {
  const key = generateKey(source.type);
  const keys = join(directory, 'keys');
  try {
    makeDirectory(keys, 0o700);
  } catch (cause) {
    throw writeError(keys, cause);
  }
  const [file, publicFile] = [`keys/${name}.pem`, `keys/${name}.pub`];
  writeNewFile(join(directory, file), formatUtf8(formatPrivateKey(key, source.passphrase)), { secret: true });
  writeNewFile(join(directory, publicFile), formatUtf8(formatPublicKey(key.publicKey)));
  return {
    name,
    publicKey: key.publicKey,
    place: { id: tufKeyIdOf(key.publicKey), file },
    made: [file, publicFile],
  };
}

/** TUF key id of a public key. */
export function tufKeyIdOf(publicKey: PublicKey): Sha256Hex {
  return tufKeyId(formatTufKey(publicKey));
}

/** The first name ROLE-N that no key has: numbers are not used twice, so that a name always means the same key. */
function nextKeyName(directory: string, role: string, taken: ReadonlyMap<string, unknown>): string {
  for (let number = 1; number < 10_000; number += 1) {
    const name = `${role}-${number}`;
    // The public half stays when somebody has destroyed the private one.
    const used = ['pem', 'pub'].some((ending) => existsSync(join(directory, 'keys', `${name}.${ending}`)));
    if (!used && !taken.has(name)) return name;
  }
  throw new StellaError('USAGE', `role ${role} has had too many keys`);
}
