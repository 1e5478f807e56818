import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { readBounded } from '../../../base/files.ts';
import { loadPublicKey } from '../../../base/keys.ts';
import { logKeysOf, parseVerifierKey, type VerifierKey } from '../../../tlog/note.ts';

const MAX_CHECKPOINT_BYTES = 64 * 1024;

/**
 * What `--key` names: a PEM file with the log's public key, under the name that the log's checkpoint gives itself, or a
 * verifier key.
 * @throws StellaError KEY_INVALID, KEY_PERMISSIONS, FILE_NOT_FOUND for a directory without a checkpoint
 */
export function namedLogKeys(cwd: string, directory: string, named: string): VerifierKey[] {
  const file = resolve(cwd, named);
  if (!existsSync(file)) return [parseVerifierKey(named)];
  const note = readBounded(join(directory, 'checkpoint'), MAX_CHECKPOINT_BYTES).toString('utf8');
  return logKeysOf(note.split('\n', 1)[0]!, loadPublicKey(file));
}
