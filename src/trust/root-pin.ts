import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Sha256Hex, sha256Hex } from '../base/bytes.ts';
import { formatInstant, type Instant } from '../base/clock.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import type { Fetcher } from '../net/types.ts';
import type { StoreState } from '../store/store.ts';
import { rootVersionsIn } from '../tuf/layout.ts';
import { builtInRoot } from '../tuf/sigstore-root.ts';

/** Who vouches for the root that a store begins with. */
export type Voucher =
  | { readonly how: 'root-file'; readonly bytes: Uint8Array }
  /** SHA-256 of a root metadata file, 64 lowercase hexadecimal digits. */
  | { readonly how: 'fingerprint'; readonly sha256: Sha256Hex }
  /** The built-in root for the repository that has one, trust on first use for any other. */
  | { readonly how: 'nobody' };

export interface PinnedRoot {
  readonly bytes: Uint8Array;
  readonly pin: StoreState['pin'];
}

const MOST_ROOT_BYTES = 512_000;
const MOST_ROOTS_SEARCHED = 1024;

/**
 * The root that a new store starts from.
 * @throws StellaError PIN_MISMATCH when no root has the fingerprint; TUF_INVALID for a file that is no root metadata;
 *   FETCH_NOT_FOUND when the repository publishes no root to begin with
 */
export async function pinRoot(
  voucher: Voucher,
  url: string,
  fetcher: Fetcher,
  now: Instant,
): Promise<PinnedRoot> {
  const pinned = (how: StoreState['pin']['how'], bytes: Uint8Array): PinnedRoot => ({
    bytes,
    pin: { how, version: rootVersion(bytes), sha256: sha256Hex(bytes), at: formatInstant(now) },
  });
  if (voucher.how === 'root-file') return pinned('root-file', voucher.bytes);
  const builtIn = voucher.how === 'nobody' ? builtInRoot(url) : undefined;
  if (builtIn) return pinned('sigstore', builtIn);
  let searched = 0;
  for await (const bytes of publishedRoots(url, fetcher)) {
    if (voucher.how === 'nobody') return pinned('first-use', bytes);
    searched += 1;
    if (sha256Hex(bytes) === voucher.sha256) return pinned('fingerprint', bytes);
  }
  if (searched > 0 && voucher.how === 'fingerprint') {
    throw new StellaError(
      'PIN_MISMATCH',
      `none of the ${searched} roots that ${url} publishes has the fingerprint sha256:${voucher.sha256}`,
    );
  }
  throw new StellaError(
    'FETCH_NOT_FOUND',
    `the TUF repository ${url} publishes no root metadata to begin with`,
    {
      hint: [
        'check the URL: it is the directory that holds timestamp.json',
        'or give the root with --root FILE',
      ],
    },
  );
}

/** Roots in ascending order; a server is asked for 1.root.json first, then for root.json where it has no such file. */
async function* publishedRoots(url: string, fetcher: Fetcher): AsyncGenerator<Uint8Array> {
  const base = url.endsWith('/') ? url : `${url}/`;
  const get = async (name: string): Promise<Uint8Array | undefined> => {
    try {
      return (await fetcher.fetch(`${base}${name}`, { most: MOST_ROOT_BYTES })).bytes;
    } catch (error) {
      if (isStellaError(error, 'FETCH_NOT_FOUND')) return undefined;
      throw error;
    }
  };
  const first = firstRootIn(base);
  for (let version = first; version < first + MOST_ROOTS_SEARCHED; version += 1) {
    const bytes = await get(`${version}.root.json`);
    if (bytes) {
      yield bytes;
      continue;
    }
    if (version > first) return;
    const newest = await get('root.json');
    if (newest) yield newest;
    return;
  }
}

/** A directory can be looked into: what another store exported begins with the root that was pinned there. */
function firstRootIn(base: string): number {
  if (!base.startsWith('file:')) return 1;
  try {
    const directory = fileURLToPath(base);
    readdirSync(directory);
    return rootVersionsIn(directory)[0] ?? 1;
  } catch (cause) {
    throw new StellaError('FETCH_NOT_FOUND', `no such directory: ${base}`, { cause });
  }
}

/** @throws StellaError TUF_INVALID */
function rootVersion(bytes: Uint8Array): number {
  let signed: { _type?: unknown; version?: unknown } | undefined;
  try {
    ({ signed } = JSON.parse(Buffer.from(bytes).toString('utf8')) as { signed?: typeof signed });
  } catch (cause) {
    throw new StellaError('TUF_INVALID', 'the root is not JSON', {
      cause,
      hint: 'check that --root names a root.json, or that the URL is the one of a TUF repository',
    });
  }
  const version = signed?.version;
  if (signed?._type !== 'root' || !Number.isSafeInteger(version) || (version as number) < 1)
    throw new StellaError('TUF_INVALID', 'the file is not TUF root metadata', {
      hint: 'check that --root names a root.json, or that the URL is the one of a TUF repository',
    });
  return version as number;
}
