import { join, relative, resolve } from 'node:path';
import { formatUtf8 } from '../base/bytes.ts';
import { formatCanonicalJson } from '../base/canonical-json.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { readBounded, replaceFile } from '../base/files.ts';
import { parseJson } from '../base/schema.ts';
import { formatVerifierKey, parseVerifierKey, type VerifierKey } from '../tlog/note.ts';

const MOST_BYTES = 64 * 1024;

/** What `log.json` in the directory of an embedded log says about it. */
export interface LogFile {
  readonly origin: string;
  readonly key: VerifierKey;
  /** Absolute path of the private key, where it was told. */
  readonly keyFile?: string;
}

/**
 * Reads an embedded log's `log.json`.
 * @throws StellaError LOG_UNKNOWN where there is none, SCHEMA_INVALID, KEY_INVALID
 */
export function loadLogFile(directory: string): LogFile {
  let bytes: Uint8Array;
  try {
    bytes = readBounded(join(directory, 'log.json'), MOST_BYTES);
  } catch (cause) {
    if (!isStellaError(cause, 'FILE_NOT_FOUND')) throw cause;
    throw new StellaError('LOG_UNKNOWN', `there is no embedded log in ${directory}`, {
      cause,
      hint: `make one with \`stella log init ${directory} --origin ORIGIN\``,
    });
  }
  const parsed = parseJson('log', bytes, join(directory, 'log.json'));
  const key = parseVerifierKey(parsed.verifier_key);
  return {
    origin: parsed.origin,
    key,
    ...(parsed.key_file === undefined ? {} : { keyFile: resolve(directory, parsed.key_file) }),
  };
}

/** The inverse of {@link loadLogFile}; the key file's path is kept relative, so that both can move together. */
export function writeLogFile(directory: string, { origin, key, keyFile }: LogFile): void {
  const json = formatCanonicalJson({
    version: 1,
    origin,
    verifier_key: formatVerifierKey(key),
    key_file: keyFile === undefined ? undefined : relative(directory, keyFile).replaceAll('\\', '/'),
  });
  replaceFile(join(directory, 'log.json'), formatUtf8(`${json}\n`));
}
