import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { formatUtf8 } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import { writeError, writeNewFile } from '../base/files.ts';
import { formatPrivateKey, formatPublicKey, generateKey, type PublicKey } from '../base/keys.ts';
import type { KeyPlace } from './settings.ts';
import { formatTufKey, tufKeyId } from './tuf-key.ts';
import type { KeyType } from './vocabulary.ts';

/** A signing key of a role: its public half, and how repo.yaml names the private one. */
export interface NamedKey {
  readonly name: string;
  readonly publicKey: PublicKey;
  /** Undefined for a key that nobody can use from here. */
  readonly place?: KeyPlace;
}

/**
 * Makes a key in keys/: NAME.pem (PKCS#8, mode 0600, encrypted if there is a passphrase) and NAME.pub.
 * @throws StellaError FILE_EXISTS, WRITE_FAILED
 */
export function makeKey(
  directory: string,
  name: string,
  type: KeyType,
  passphrase: string | undefined,
): NamedKey {
  const key = generateKey(type);
  const keys = join(directory, 'keys');
  try {
    mkdirSync(keys, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw writeError(keys, cause);
  }
  writeNewFile(join(keys, `${name}.pem`), formatUtf8(formatPrivateKey(key, passphrase)), { mode: 0o600 });
  writeNewFile(join(keys, `${name}.pub`), formatUtf8(formatPublicKey(key.publicKey)));
  return { name, publicKey: key.publicKey, place: { id: keyIdOf(key.publicKey), file: `keys/${name}.pem` } };
}

/** TUF key id of a public key. */
export function keyIdOf(publicKey: PublicKey): string {
  return tufKeyId(formatTufKey(publicKey));
}

/** The first name ROLE-N that no key has: numbers are not used twice, so that a name always means the same key. */
export function nextKeyName(
  directory: string,
  role: string,
  taken: Readonly<Record<string, unknown>>,
): string {
  for (let number = 1; number < 10_000; number += 1) {
    const name = `${role}-${number}`;
    if (!Object.hasOwn(taken, name) && !existsSync(join(directory, 'keys', `${name}.pem`))) return name;
  }
  throw new StellaError('USAGE', `role ${role} has had too many keys`);
}
