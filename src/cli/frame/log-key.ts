import { dirname, resolve, sep } from 'node:path';
import { formatUtf8 } from '../../base/bytes.ts';
import { StellaError } from '../../base/errors.ts';
import { checkMedium, readBoundedIfPresent, writeNewFile } from '../../base/files.ts';
import { formatPrivateKey, generateKey, loadPrivateKey, type Signer, signerOf } from '../../base/keys.ts';

/** A log's directory is served, so its private key must be elsewhere. */
function refuseInside(directory: string, keyFile: string): void {
  if (keyFile.startsWith(`${resolve(directory)}${sep}`)) {
    throw new StellaError(
      'USAGE',
      'the private key may not be inside the directory of the log, which is served',
      {
        hint: `leave --key out to use ${directory}.key`,
      },
    );
  }
}

/** The private key for a new log: the file named, or `DIR.key` beside the log, made if there is none. */
export function openLogKey(
  directory: string,
  named: string | undefined,
): { signer: Signer; keyFile: string; isNew: boolean } {
  const keyFile = named ?? `${directory}.key`;
  refuseInside(directory, keyFile);
  const isNew = readBoundedIfPresent(keyFile, 64 * 1024) === undefined;
  if (isNew) checkMedium(dirname(keyFile));
  if (isNew) writeNewFile(keyFile, formatUtf8(formatPrivateKey(generateKey())), { secret: true });
  return { signer: signerOf(loadPrivateKey(keyFile)), keyFile, isNew };
}

/** The private key of a log that exists: the file named, or the one that the log remembers. */
export function loadLogSigner(
  directory: string,
  log: { readonly keyFile?: string | undefined },
  named: string | undefined,
): Signer {
  return signerOf(loadPrivateKey(named ?? log.keyFile ?? `${directory}.key`));
}
