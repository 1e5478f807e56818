import { dirname, resolve, sep } from 'node:path';
import { formatUtf8 } from '../../base/bytes.ts';
import { StellaError } from '../../base/errors.ts';
import { checkMedium, readBoundedIfPresent, writeNewFile } from '../../base/files.ts';
import { formatPrivateKey, generateKey, loadPrivateKey, type Signer, signerOf } from '../../base/keys.ts';
import { foreignOwnerOf, whoElseCanReplaceIn } from '../../base/safety/ownership.ts';

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
  const path = named ?? log.keyFile ?? `${directory}.key`;
  const signer = signerOf(loadPrivateKey(path));
  const owner = foreignOwnerOf(dirname(path));
  if (owner !== undefined)
    throw new StellaError('KEY_PERMISSIONS', `${path} can be replaced: ${owner}`, {
      hint: `keep the key in a directory of your own, and give --key FILE; or run this as the owner of ${dirname(path)}`,
    });
  if (named === undefined) checkMayName(directory, path);
  return signer;
}

/** Who can write into the log's directory must not choose the key that this user signs with. */
function checkMayName(directory: string, path: string): void {
  const who = foreignOwnerOf(directory) ?? whoElseCanReplaceIn(directory);
  if (who === undefined) return;
  throw new StellaError('KEY_PERMISSIONS', `${directory} names the key ${path}, but ${who}`, {
    hint: `give --key ${path} if that is the log's key`,
  });
}
