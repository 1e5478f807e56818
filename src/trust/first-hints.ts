import type { ErrorCode } from '../base/codes.ts';
import { isStellaError } from '../base/errors.ts';

type Hints = ReadonlyMap<ErrorCode, string | readonly string[]>;

const ON_INIT: Hints = new Map<ErrorCode, string | readonly string[]>([
  [
    'TUF_SIGNATURE',
    [
      'check that the root you vouch for is of this repository: compare its fingerprint with what the trust team publishes',
      'if it is, the mirror serves something else: give another with --tuf-url',
    ],
  ],
  [
    'TUF_EXPIRED',
    'on the TUF repository, run ./scripts/update-timestamp.sh; then run `stella trust init` again',
  ],
  [
    'TUF_MISMATCH',
    'the mirror may be mid-update or under attack: run `stella trust init` again later, or with another --tuf-url',
  ],
]);

const ON_IMPORT: Hints = new Map<ErrorCode, string>([
  [
    'TUF_SIGNATURE',
    'do not use this bundle: get another from the connected side, and have its trust looked at there with `stella trust status`',
  ],
  ['TUF_EXPIRED', 'on the connected side, run `stella trust sync --force` and export again'],
  ['TUF_MISMATCH', 'get the bundle again from the connected side'],
]);

/** The hint for a first contact: there is no store yet that could be synchronized. Anything else is thrown as it is. */
export async function withHintsOfInit<T>(work: () => Promise<T>): Promise<T> {
  return await withHints(ON_INIT, work);
}

/** The hint for what was carried: behind the gap there is no network. Anything else is thrown as it is. */
export async function withHintsOfImport<T>(work: () => Promise<T>): Promise<T> {
  return await withHints(ON_IMPORT, work);
}

async function withHints<T>(hints: Hints, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const hint = isStellaError(error) ? hints.get(error.code) : undefined;
    throw isStellaError(error) && hint !== undefined ? error.with({ hint }) : error;
  }
}
