import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Sha256Hex, sha256Hex } from '../base/bytes.ts';
import { formatInstant, type Instant } from '../base/clock.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { peekJson } from '../base/json.ts';
import type { Fetcher } from '../net/types.ts';
import type { StoreState } from '../store/store.ts';
import {
  type BuiltInInstance,
  builtInInstance,
  builtInInstanceAt,
  builtInInstances,
  isBuiltInRoot,
  isSignedByBuiltIn,
  vouchedRoot,
} from '../tuf/built-in.ts';
import { rootVersionsIn } from '../tuf/layout.ts';
import { MAX_BYTES } from '../tuf/metadata-file.ts';

export { parseFingerprint } from '../base/bytes.ts';

export function formatFingerprint(sha256: string): string {
  return `sha256:${sha256}`;
}

/** Who vouches for the root that a store begins with. */
export type RootVoucher =
  | { readonly how: 'root-file'; readonly bytes: Uint8Array }
  /** SHA-256 of a root metadata file, 64 lowercase hexadecimal digits. */
  | { readonly how: 'fingerprint'; readonly sha256: Sha256Hex }
  /** The built-in root of the instance whose repository it is, by its chain of roots; a refusal for any other. */
  | { readonly how: 'built-in'; readonly instance?: string }
  /** The same, but trust on first use for any other. */
  | { readonly how: 'nobody' };

export interface PinnedRoot {
  readonly bytes: Uint8Array;
  readonly pin: StoreState['pin'];
}

const MAX_ROOTS_SEARCHED = 1024;

/**
 * The root that a repository is followed from.
 * @param url how to call the repository @param base where its metadata is, with a slash at the end
 * @throws StellaError PIN_MISMATCH when no root has the fingerprint, or another chain is served for an instance that was
 *   named; PIN_REQUIRED when only a built-in root would do and there is none; TUF_INVALID for a file that is no root
 *   metadata; FETCH_NOT_FOUND when the repository publishes no root to begin with
 */
export async function pinRoot(
  voucher: RootVoucher,
  url: string,
  base: string,
  fetcher: Fetcher,
  now: Instant,
): Promise<PinnedRoot> {
  const pinned = (how: StoreState['pin']['how'], bytes: Uint8Array): PinnedRoot => ({
    bytes,
    pin: { how, version: rootVersion(bytes), sha256: sha256Hex(bytes), at: formatInstant(now) },
  });
  if (voucher.how === 'root-file') return pinned('root-file', voucher.bytes);
  if (voucher.how !== 'fingerprint') {
    const found = await findBuiltInRoot(voucher, url, base, fetcher);
    if (found) return pinned(found.instance.name === 'sigstore' ? 'sigstore' : 'built-in', found.bytes);
  }
  if (voucher.how === 'built-in') throw noBuiltInRoot(voucher.instance, url);
  let searched = 0;
  for await (const bytes of publishedRoots(base, fetcher)) {
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
        'check the URL: it is the directory that holds timestamp.json, or metadata/timestamp.json',
        'or give the root with --root FILE',
      ],
    },
  );
}

function noBuiltInRoot(instance: string | undefined, url: string): StellaError {
  return instance === undefined
    ? new StellaError('PIN_REQUIRED', `no root is built in for ${url}, and none was vouched for`)
    : new StellaError(
        'PIN_MISMATCH',
        `${url} does not serve the chain of roots of the built-in instance ${instance}`,
        {
          hint: [
            `leave the address out to use the one that is built in: \`stella trust init ${instance}\``,
            'if it is another repository, call it something else: --instance NAME=URL',
          ],
        },
      );
}

/** A built-in root that vouches for what is served: by its chain, wherever it is served. */
async function findBuiltInRoot(
  voucher: RootVoucher & { readonly how: 'built-in' | 'nobody' },
  url: string,
  base: string,
  fetcher: Fetcher,
): Promise<{ readonly instance: BuiltInInstance; readonly bytes: Uint8Array } | undefined> {
  const named = voucher.how === 'built-in' ? voucher.instance : undefined;
  const at = builtInInstanceAt(url);
  // Whatever its own address serves is verified from the built-in root.
  if (at && (named === undefined || named === at.name)) return { instance: at, bytes: at.root() };
  const candidates = builtInInstances().filter(({ name }) => named === undefined || named === name);
  for (const instance of candidates) {
    const bytes = await servedRoot(instance, base, fetcher);
    if (bytes) return { instance, bytes };
  }
  return undefined;
}

/** The root of the instance's chain that a mirror has: the built-in one, else the newest that came before it. */
async function servedRoot(
  instance: BuiltInInstance,
  base: string,
  fetcher: Fetcher,
): Promise<Uint8Array | undefined> {
  const { version } = instance;
  const own = await fetchRoot(base, `${version}.root.json`, fetcher);
  if (own) return isBuiltInRoot(instance, { version, bytes: own }) ? own : undefined;
  const next = await fetchRoot(base, `${version + 1}.root.json`, fetcher);
  if (next)
    return isSignedByBuiltIn(instance, { version: version + 1, bytes: next }) ? instance.root() : undefined;
  for await (const bytes of publishedRoots(base, fetcher)) {
    const first = { version: rootVersion(bytes), bytes };
    if (isSignedByBuiltIn(instance, first)) return bytes;
    if (!isBuiltInRoot(instance, first)) return undefined;
    break;
  }
  for (const earlier of [...instance.earlier.keys()].reverse()) {
    const bytes = await fetchRoot(base, `${earlier}.root.json`, fetcher);
    if (bytes) return isBuiltInRoot(instance, { version: earlier, bytes }) ? bytes : undefined;
  }
  return undefined;
}

async function fetchRoot(base: string, name: string, fetcher: Fetcher): Promise<Uint8Array | undefined> {
  try {
    return (await fetcher.fetch(`${base}${name}`, { most: MAX_BYTES.root })).bytes;
  } catch (error) {
    if (isStellaError(error, 'FETCH_NOT_FOUND')) return undefined;
    throw error;
  }
}

/** Roots in ascending order; a server is asked for 1.root.json first, then for root.json where it has no such file. */
async function* publishedRoots(base: string, fetcher: Fetcher): AsyncGenerator<Uint8Array> {
  const first = firstRootIn(base);
  for (let version = first; version < first + MAX_ROOTS_SEARCHED; version += 1) {
    const bytes = await fetchRoot(base, `${version}.root.json`, fetcher);
    if (bytes) {
      yield bytes;
      continue;
    }
    if (version > first) return;
    const newest = await fetchRoot(base, 'root.json', fetcher);
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
  /** The name of the built-in instance that it must be. */
  readonly builtIn?: string | undefined;
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
 * The root that an empty trust store starts from, among those in the bundle: the one that the operator vouches for, else
 * one of a built-in instance's chain.
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
  const required = vouchers.builtIn === undefined ? undefined : builtInInstance(vouchers.builtIn);
  for (const instance of required ? [required] : builtInInstances()) {
    const root = vouchedRoot(instance, roots);
    if (root) return pin(root, instance.name === 'sigstore' ? 'sigstore' : 'built-in');
  }
  if (required)
    throw new StellaError(
      'PIN_MISMATCH',
      `none of the ${roots.length} roots that are carried is of the chain of the built-in instance ${required.name}`,
    );
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
