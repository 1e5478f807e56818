import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { ErrorCode } from '../../src/base/codes.ts';
import { StellaError } from '../../src/base/errors.ts';
import type { PublicKey } from '../../src/base/keys.ts';
import { openBundle } from '../../src/bundle/open.ts';
import { checkBundleSignature } from '../../src/bundle/signature.ts';

/**
 * Everything that an import does with a bundle, inside `directory`: opens it, checks its signature, extracts it to `out`.
 * @returns the code of the refusal; any other failure is thrown
 */
export async function judge(
  input: string | Readable,
  directory: string,
  key: PublicKey,
): Promise<ErrorCode | 'accepted'> {
  try {
    const bundle = await openBundle(input, { staging: join(directory, 'staging') });
    try {
      checkBundleSignature(bundle, [key], 1);
      await bundle.extract(join(directory, 'out'));
      return 'accepted';
    } finally {
      await bundle.close();
    }
  } catch (error) {
    if (error instanceof StellaError && error.code !== 'INTERNAL') return error.code;
    throw error;
  }
}

/** Paths of all files below a directory, relative, with what they hold. */
export function filesBelow(directory: string): Map<string, string> {
  return new Map(
    readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((path) => [path.slice(directory.length + 1), readFileSync(path, 'latin1')]),
  );
}
