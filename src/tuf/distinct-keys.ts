import { createPublicKey } from 'node:crypto';

interface TufKey<M> {
  readonly keyVal: { readonly public?: unknown };
  /** Throws unless the metadata bears a good signature of this key. */
  verifySignature(metadata: M): void;
}

type Keys<M> = Readonly<Record<string, TufKey<M>>>;

interface Demand {
  readonly keyIDs: readonly string[];
  readonly threshold: number;
}

/** Root metadata, or targets metadata with delegations, as @tufjs/models has them. */
export interface Delegator<M> {
  readonly roles?: Readonly<Record<string, Demand>>;
  readonly keys?: Keys<M>;
  readonly delegations?:
    | {
        readonly roles?: Readonly<Record<string, Demand>> | undefined;
        readonly succinctRoles?: Demand | undefined;
        readonly keys: Keys<M>;
      }
    | undefined;
}

/** The key itself, whichever of the forms of TUF metadata it is written in: its public point, in hexadecimal. */
function pointOf(key: Pick<TufKey<never>, 'keyVal'>): string {
  const text = String(key.keyVal.public);
  if (!text.startsWith('-----'))
    return text.toLowerCase().replace(/^04(?=(?:[0-9a-f]{128}|[0-9a-f]{192})$)/, '');
  const known = points.get(text);
  if (known !== undefined) return known;
  const point = pointOfPem(text) ?? text;
  if (points.size >= MOST_POINTS_KEPT) points.clear();
  points.set(text, point);
  return point;
}

/** `undefined` for a key of a kind that nothing here can use: it may stand in a root, and signs nothing that counts. */
function pointOfPem(pem: string): string | undefined {
  try {
    const { x, y, n } = createPublicKey(pem).export({ format: 'jwk' });
    return [x, y, n].map((part) => Buffer.from(part ?? '', 'base64url').toString('hex')).join('');
  } catch {
    return undefined;
  }
}

/** The same few keys stand in root after root, and reading PEM costs as much as checking a signature. */
const points = new Map<string, string>();
const MOST_POINTS_KEPT = 1000;

/**
 * A threshold counts keys, not names of keys (specification 1.0.31, §5.3.4 and §6.1): a key that is listed under two ids
 * signs once. tuf-js counts ids.
 * @returns what is wrong; `undefined` when enough different keys have signed
 */
export function duplicateKeyProblem<M>(
  delegator: Delegator<M>,
  role: string,
  metadata: M,
): string | undefined {
  const { delegations } = delegator;
  const demand = delegator.roles?.[role] ?? delegations?.roles?.[role] ?? delegations?.succinctRoles;
  const keys = delegator.keys ?? delegations?.keys ?? {};
  const known = demand?.keyIDs.filter((id) => Object.hasOwn(keys, id)) ?? [];
  const points = known.map((id) => pointOf(keys[id]!));
  // Almost always: every id is another key, and tuf-js's count holds.
  if (new Set(points).size === known.length) return undefined;
  const hasSigned = (id: string) => {
    try {
      keys[id]!.verifySignature(metadata);
      return true;
    } catch {
      return false;
    }
  };
  const signers = new Set(points.filter((_, i) => hasSigned(known[i]!)));
  if (signers.size >= demand!.threshold) return undefined;
  return `${role} was signed by ${signers.size}/${demand!.threshold} different keys`;
}
