import { parseSha256Hex, type Sha256Hex, sha256Hex } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import type { StoreState } from '../store/store.ts';

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
  if (vouchers.firstUse) return pin(first, 'first-use');
  const fingerprint = formatFingerprint(sha256Hex(first.bytes));
  if (await vouchers.confirm?.(firstUseQuestion(first, fingerprint))) return pin(first, 'fingerprint');
  throw new StellaError(
    'PIN_REQUIRED',
    `this trust store is empty and nobody vouches for the bundle's root (version ${first.version}, ${fingerprint})`,
    {
      hint: [
        'compare the fingerprint with the one that the trust team publishes, or that `stella trust status` shows on the connected side',
        `then give --root-fingerprint ${fingerprint} (or --root FILE, or --trust-on-first-use)`,
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
