import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseSha256Hex, type Sha256Hex, sha256Hex } from '../base/bytes.ts';
import { formatInstant, type Instant } from '../base/clock.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { peekJson } from '../base/json.ts';
import type { Fetcher } from '../net/types.ts';
import type { StoreState } from '../store/store.ts';
import { rootVersionsIn } from '../tuf/layout.ts';
import { MAX_BYTES } from '../tuf/metadata-file.ts';
import { builtInRoot } from '../tuf/sigstore-root.ts';

/**
 * `sha256:` and 64 hexadecimal digits, upper or lower case → the digits in lower case.
 * @throws StellaError USAGE
 */
export function parseFingerprint(text: string): Sha256Hex {
  const [, digits = ''] = /^sha256:(.*)$/i.exec(text.trim()) ?? [];
  const digest = parseSha256Hex(digits.toLowerCase());
  if (digest === undefined)
    throw new StellaError('USAGE', 'a fingerprint is sha256: and 64 hexadecimal digits', {
      hint: 'read it off `stella trust status` on the connected side',
    });
  return digest;
}

export function formatFingerprint(sha256: string): string {
  return `sha256:${sha256}`;
}

/** Who vouches for the root that a store begins with. */
export type RootVoucher =
  | { readonly how: 'root-file'; readonly bytes: Uint8Array }
  /** SHA-256 of a root metadata file, 64 lowercase hexadecimal digits. */
  | { readonly how: 'fingerprint'; readonly sha256: Sha256Hex }
  /** The built-in root for the repository that has one, wherever it is mirrored if `url` says so; else a refusal. */
  | { readonly how: 'built-in'; readonly url?: string }
  /** The built-in root for the repository that has one, trust on first use for any other. */
  | { readonly how: 'nobody' };

export interface PinnedRoot {
  readonly bytes: Uint8Array;
  readonly pin: StoreState['pin'];
}

const MAX_ROOTS_SEARCHED = 1024;

/**
 * The root that a new store starts from.
 * @throws StellaError PIN_MISMATCH when no root has the fingerprint; PIN_REQUIRED when only a built-in root would do and
 *   there is none; TUF_INVALID for a file that is no root metadata;
 *   FETCH_NOT_FOUND when the repository publishes no root to begin with
 */
export async function pinRoot(
  voucher: RootVoucher,
  url: string,
  fetcher: Fetcher,
  now: Instant,
): Promise<PinnedRoot> {
  const pinned = (how: StoreState['pin']['how'], bytes: Uint8Array): PinnedRoot => ({
    bytes,
    pin: { how, version: rootVersion(bytes), sha256: sha256Hex(bytes), at: formatInstant(now) },
  });
  if (voucher.how === 'root-file') return pinned('root-file', voucher.bytes);
  const builtIn =
    voucher.how === 'built-in'
      ? builtInRoot(voucher.url ?? url)
      : voucher.how === 'nobody'
        ? builtInRoot(url)
        : undefined;
  if (builtIn) return pinned('sigstore', builtIn);
  if (voucher.how === 'built-in')
    throw new StellaError('PIN_REQUIRED', `no root is built in for ${url}, and none was vouched for`);
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
      return (await fetcher.fetch(`${base}${name}`, { most: MAX_BYTES.root })).bytes;
    } catch (error) {
      if (isStellaError(error, 'FETCH_NOT_FOUND')) return undefined;
      throw error;
    }
  };
  const first = firstRootIn(base);
  for (let version = first; version < first + MAX_ROOTS_SEARCHED; version += 1) {
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
  const hint = 'check that --root names a root.json, or that the URL is the one of a TUF repository';
  const document = peekJson(bytes);
  if (!document) throw new StellaError('TUF_INVALID', 'the root is not JSON', { hint });
  const signed = document['signed'] as { _type?: unknown; version?: unknown } | null | undefined;
  const version = signed?.version;
  if (signed?._type !== 'root' || !Number.isSafeInteger(version) || (version as number) < 1)
    throw new StellaError('TUF_INVALID', 'the file is not TUF root metadata', { hint });
  return version as number;
}

/** A root metadata file as it lies in a bundle or a store. */
export interface CarriedRoot {
  readonly version: number;
  readonly bytes: Uint8Array;
}

/** Who vouches for the root that a new trust store starts from. */
export interface RootVouchers {
  /** `--root FILE`: the root itself. */
  readonly root?: Uint8Array | undefined;
  /** `--root-fingerprint sha256:HEX`: the SHA-256 of a root metadata file. */
  readonly fingerprint?: Sha256Hex | undefined;
  /** The root that is built in for the repository. */
  readonly builtIn?: Uint8Array | undefined;
  /** `--trust-on-first-use`. */
  readonly firstUse?: boolean | undefined;
  /** A person at a terminal. */
  readonly confirm?: ((question: string) => Promise<boolean>) | undefined;
}

export interface Pin {
  readonly root: CarriedRoot;
  readonly state: StoreState['pin'];
}

/**
 * The root that an empty trust store starts from, among those in the bundle.
 * @param roots every N.root.json of the bundle, lowest version first
 * @throws StellaError PIN_REQUIRED when nobody vouches, PIN_MISMATCH when what is vouched for is not there
 */
export async function choosePin(
  roots: readonly CarriedRoot[],
  vouchers: RootVouchers,
  at: string,
): Promise<Pin> {
  const first = roots[0];
  if (!first) throw new StellaError('TUF_INVALID', 'the bundle carries no TUF root');
  const pin = (root: CarriedRoot, how: StoreState['pin']['how']): Pin => ({
    root,
    state: { how, version: root.version, sha256: sha256Hex(root.bytes), at },
  });
  if (vouchers.root)
    return pin(findRoot(roots, sha256Hex(vouchers.root), 'the root file given'), 'root-file');
  if (vouchers.fingerprint !== undefined)
    return pin(findRoot(roots, vouchers.fingerprint, 'the root of the fingerprint given'), 'fingerprint');
  if (vouchers.builtIn)
    return pin(findRoot(roots, sha256Hex(vouchers.builtIn), 'the root that is built in'), 'sigstore');
  if (vouchers.firstUse) return pin(first, 'first-use');
  const fingerprint = formatFingerprint(sha256Hex(first.bytes));
  if (await vouchers.confirm?.(firstUseQuestion(first, fingerprint))) return pin(first, 'fingerprint');
  throw new StellaError(
    'PIN_REQUIRED',
    `this trust store is empty and nobody vouches for the bundle's root (version ${first.version}, ${fingerprint})`,
    {
      hint: [
        'compare the fingerprint with the one that the trust team publishes, or that `stella trust status` shows on the connected side',
        'then give --root-fingerprint sha256:… with what you were told there, not with what is printed here (or --root FILE, or --trust-on-first-use)',
      ],
      details: { root_version: first.version, root_sha256: sha256Hex(first.bytes) },
    },
  );
}

/** @throws StellaError PIN_MISMATCH when the vouchers name another root than the one the store is pinned to */
export function checkSamePin(
  pin: StoreState['pin'],
  roots: readonly CarriedRoot[],
  vouchers: RootVouchers,
): void {
  const named = vouchers.root ? sha256Hex(vouchers.root) : vouchers.fingerprint;
  if (named === undefined || named === pin.sha256) return;
  // Vouching for another root of the same chain adds nothing, but contradicts nothing either.
  if (roots.some((root) => sha256Hex(root.bytes) === named)) return;
  throw new StellaError(
    'PIN_MISMATCH',
    `this trust store is pinned to another root (version ${pin.version}, ${formatFingerprint(pin.sha256)})`,
  );
}

function findRoot(roots: readonly CarriedRoot[], sha256: Sha256Hex, what: string): CarriedRoot {
  const found = roots.find((root) => sha256Hex(root.bytes) === sha256);
  if (found) return found;
  throw new StellaError(
    'PIN_MISMATCH',
    `${what} (${formatFingerprint(sha256)}) is not among the ${roots.length} roots of the bundle`,
    {
      details: { roots: roots.map((root) => ({ version: root.version, sha256: sha256Hex(root.bytes) })) },
    },
  );
}

function firstUseQuestion(root: CarriedRoot, fingerprint: string): string {
  return [
    'This trust store is empty. The bundle says that trust starts from TUF root',
    `  version ${root.version}, ${fingerprint}`,
    'Compare this with the fingerprint that the trust team publishes, or that `stella trust status` shows on the connected',
    'side. Ask over another channel than the one the bundle came by.',
    'Is it the same? [yes/no] ',
  ].join('\n');
}
