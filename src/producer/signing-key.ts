import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { writeNewFile } from '../base/files.ts';
import {
  formatPrivateKey,
  formatPublicKey,
  generateKey,
  loadPrivateKey,
  type PrivateKey,
} from '../base/keys.ts';

export interface SigningKey {
  readonly key: PrivateKey;
  readonly path: string;
  /** Whether it was made just now, and nobody on the other side can know it yet. */
  readonly isNew: boolean;
  /** Where the public half lies, of keys that stella made itself. */
  readonly publicPath?: string;
}

/**
 * The key that seals bundles: the configured one, else the store's own, which the first export makes (Ed25519, mode
 * 0600).
 * @throws StellaError FILE_NOT_FOUND, FILE_UNREADABLE, KEY_INVALID, KEY_PERMISSIONS, KEY_PASSPHRASE
 */
export function loadSigningKey(store: string, configured: string | undefined): SigningKey {
  if (configured !== undefined) return { key: loadPrivateKey(configured), path: configured, isNew: false };
  const path = join(store, 'producer', 'signing-key.pem');
  const publicPath = join(store, 'producer', 'bundle-signer.pub');
  if (existsSync(path)) return { key: loadPrivateKey(path), path, publicPath, isNew: false };
  const key = generateKey('ed25519');
  writeNewFile(path, Buffer.from(formatPrivateKey(key)), { secret: true });
  writeNewFile(publicPath, Buffer.from(formatPublicKey(key.publicKey)));
  return { key, path, publicPath, isNew: true };
}
