import { createHash, getHashes } from 'node:crypto';
import { StellaError } from '../base/errors.ts';
import type { MetaFile } from './metadata.ts';

/**
 * Whether bytes are the metadata file that another names: its length and every hash that is given (§5.5.2, §5.6.2).
 * @param what how to call the file in messages
 * @throws StellaError TUF_MISMATCH
 */
export function checkMetaFile(bytes: Uint8Array, meta: MetaFile, what: string): void {
  const mismatch = (why: string) =>
    new StellaError('TUF_MISMATCH', `${what} is not the file that the signed metadata names: ${why}`);
  if (meta.length !== undefined && bytes.length !== meta.length)
    throw mismatch(`it has ${bytes.length} bytes, not ${meta.length}`);
  for (const [algorithm, expected] of Object.entries(meta.hashes ?? {})) {
    if (!getHashes().includes(algorithm)) throw mismatch(`the hash algorithm ${algorithm} is not supported`);
    const actual = createHash(algorithm).update(bytes).digest('hex');
    if (actual !== expected) throw mismatch(`its ${algorithm} is ${actual}, not ${expected}`);
  }
}
