import type { ErrorCode } from '../base/codes.ts';
import { isStellaError, type StellaError } from '../base/errors.ts';
import { THEN_SYNC } from '../tuf/roles.ts';

/** What to do about a code instead of what it says by itself, which may be what is being done. */
type Hints = ReadonlyMap<ErrorCode, readonly string[] | ((error: StellaError) => readonly string[])>;

const renewalOf = ({ hints }: StellaError) => hints.filter((hint) => hint !== THEN_SYNC);

const ON_INIT: Hints = new Map<ErrorCode, readonly string[] | ((error: StellaError) => readonly string[])>([
  [
    'TUF_SIGNATURE',
    [
      'check that the root you vouch for is of this repository: compare its fingerprint with what the trust team publishes',
      'if it is, the mirror serves something else: give another with --tuf-url',
    ],
  ],
  ['TUF_EXPIRED', (error) => [...renewalOf(error), 'then run `stella trust init` again']],
  [
    'TUF_MISMATCH',
    [
      'the mirror may be mid-update or under attack: run `stella trust init` again later, or with another --tuf-url',
    ],
  ],
]);

const ON_SYNC: Hints = new Map([
  [
    'TUF_SIGNATURE',
    [
      'what is served is not signed by the keys of this trust, also after any rotation that the repository shows: another mirror may serve what is (--tuf-url URL)',
      'if none does, have the trust team look at the repository with `stella repo verify`; do not start again from its present root unless they vouch for it',
    ],
  ],
]);

const ON_IMPORT: Hints = new Map<ErrorCode, readonly string[] | ((error: StellaError) => readonly string[])>([
  [
    'TUF_SIGNATURE',
    [
      'do not use this bundle: get another from the connected side, and have its trust looked at there with `stella trust status`',
    ],
  ],
  [
    'TUF_EXPIRED',
    (error) => [
      'on the connected side, run `stella trust sync --force` and export again',
      ...renewalOf(error).map((hint) => `if that finds nothing newer: ${hint}`),
    ],
  ],
  ['TUF_MISMATCH', ['get the bundle again from the connected side']],
]);

/** The hint for a first contact: there is no store yet that could be synchronized. Anything else is thrown as it is. */
export async function withHintsOfInit<T>(work: () => Promise<T>): Promise<T> {
  return await withHints(ON_INIT, work);
}

/** The hint for a sync that fails: another one would find the same. Anything else is thrown as it is. */
export async function withHintsOfSync<T>(work: () => Promise<T>): Promise<T> {
  return await withHints(ON_SYNC, work);
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
    if (!isStellaError(error) || hint === undefined) throw error;
    throw error.with({ hint: typeof hint === 'function' ? hint(error) : hint });
  }
}
