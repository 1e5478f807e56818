/**
 * lockfile/: which packages a lock file pins, and by which digests: npm (and pnpm), pip, PEP 751, uv. Lock files are read
 * as hostile bytes and within limits; what cannot be compared with anything is in the answer, as a gap, and never left
 * out. This room knows no registry, no attestation and no trust.
 * Start here, then locked-package.ts for the one form that everything else uses.
 */

import { basename } from 'node:path';
import { StellaError } from '../base/errors.ts';
import type { LockedPackage } from './locked-package.ts';

/** Bytes of a lock file; 10,000 packages take about 5 MB. */
export const MAX_LOCKFILE_BYTES = 64 * 1024 * 1024;

type Parser = (document: Uint8Array, what: string) => Promise<LockedPackage[]> | LockedPackage[];

/** Package managers find lock files by their names, and so does this. */
const PARSERS: readonly (readonly [RegExp, () => Promise<Parser>])[] = [
  [/^(?:package-lock|npm-shrinkwrap)\.json$/, async () => (await import('./npm.ts')).parseNpmLock],
  [/^pnpm-lock\.yaml$/, async () => (await import('./pnpm.ts')).parsePnpmLock],
  [/^pylock(?:\.[^.]+)?\.toml$/, async () => (await import('./python.ts')).parsePylock],
  [/^uv\.lock$/, async () => (await import('./python.ts')).parseUvLock],
  [/^.*requirements.*\.txt$/, async () => (await import('./python.ts')).parseRequirements],
];

const KNOWN =
  'package-lock.json, npm-shrinkwrap.json, pnpm-lock.yaml, requirements.txt, pylock.toml, uv.lock';

/**
 * A lock file, told by its name → its packages, in its order.
 * @throws StellaError LOCKFILE_INVALID
 */
export async function parseLockfile(path: string, document: Uint8Array): Promise<LockedPackage[]> {
  const name = basename(path);
  if (document.length > MAX_LOCKFILE_BYTES)
    throw new StellaError('LOCKFILE_INVALID', `${name} is larger than ${MAX_LOCKFILE_BYTES} bytes`);
  const found = PARSERS.find(([pattern]) => pattern.test(name));
  if (!found)
    throw new StellaError(
      'LOCKFILE_INVALID',
      name === 'yarn.lock'
        ? 'yarn.lock is not read: since Yarn 2 it pins archives that Yarn itself makes, which no registry signs'
        : `${name} is not the name of a lock file that stella reads`,
      {
        hint:
          name === 'yarn.lock'
            ? 'make one that can be compared: `pnpm import`, or `npm install --package-lock-only`'
            : `it reads ${KNOWN}`,
      },
    );
  const parse = await found[1]();
  return await parse(document, name);
}
