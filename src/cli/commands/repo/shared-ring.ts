import { resolve } from 'node:path';
import { StellaError } from '../../../base/errors.ts';
import { loadPublicKey, signerOf } from '../../../base/keys.ts';
import { singleKeyRing } from '../../../repository/ceremony.ts';
import { loadSettings } from '../../../repository/directory/settings.ts';
import { commandSigner } from '../../../repository/keys/command-signer.ts';
import { type KeyRing, loadKeyFile, openKeyRing } from '../../../repository/keys/key-ring.ts';
import type { SessionOptions } from '../../../repository/session.ts';
import type { Run } from '../../frame/cli.ts';
import { signerCommand } from './shared-keys.ts';

interface KeyChoice {
  readonly key?: string;
  readonly signer?: string;
  readonly publicKey?: string;
}

/**
 * The keys to sign with: the one that the flags name, else all that the repository has at hand.
 * @param path the repository; undefined where there is none
 * @throws StellaError USAGE, KEY_*, FILE_NOT_FOUND
 */
export async function signingRing(
  run: Run<KeyChoice>,
  path: string | undefined,
  session: SessionOptions,
): Promise<KeyRing> {
  const { key, signer, publicKey } = run.options;
  const { cwd } = run.io;
  if (key !== undefined && signer !== undefined)
    throw new StellaError('USAGE', 'give either --key or --signer');
  if (key !== undefined)
    return singleKeyRing(signerOf(await loadKeyFile(resolve(cwd, key), key, session.passphrase)));
  if (signer !== undefined) {
    if (publicKey === undefined)
      throw new StellaError('USAGE', '--signer needs the public half of its key', {
        hint: 'add --public-key FILE',
      });
    const known = loadPublicKey(resolve(cwd, publicKey));
    return singleKeyRing(
      commandSigner(signerCommand(signer), known, {
        directory: cwd,
        ...(session.onMessage ? { onMessage: session.onMessage } : {}),
      }),
    );
  }
  return openKeyRing(path!, loadSettings(path!), session);
}
