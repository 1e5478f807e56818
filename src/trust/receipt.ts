import { formatBase64, formatUtf8, parseBase64 } from '../base/bytes.ts';
import { formatCanonicalJson } from '../base/canonical-json.ts';
import { formatInstant, type Instant } from '../base/clock.ts';
import { StellaError } from '../base/errors.ts';
import { isSignature, type PublicKey, type Signer } from '../base/keys.ts';
import { parseJson } from '../base/schema.ts';
import type { Receipt } from '../base/schema-types.ts';
import type { Generation } from '../store/store.ts';
import { distributedKeys } from './key-list.ts';
import type { TrustTarget } from './targets.ts';

export type { Receipt } from '../base/schema-types.ts';

/** 10,000 keys and 1,000 logs fit several times. */
export const MAX_RECEIPT_BYTES = 16 * 1024 * 1024;

/** What signatures of a receipt are over: the canonical JSON of `signed`, whose `format` keeps it apart from all else. */
function signedBytes(signed: Receipt['signed']): Uint8Array {
  return formatUtf8(formatCanonicalJson(signed));
}

/**
 * What this site holds after an import.
 * @param targets the trust targets of that generation
 * @throws StellaError USAGE for a generation that no import made
 */
export function receiptOf(
  generation: Generation,
  targets: readonly TrustTarget[],
  site: string,
  now: Instant,
): Receipt['signed'] {
  const { number, state } = generation;
  const { source, tuf } = state;
  if (source.kind !== 'import')
    throw new StellaError('USAGE', 'a receipt is for an imported bundle; this store was synced');
  const root = tuf.roles['root'];
  if (!root) throw new StellaError('STORE_CORRUPT', 'the trust store does not say which root it holds');
  return {
    format: 'stella-receipt/v1',
    site,
    accepted_at: formatInstant(now),
    generation: number,
    manifest_sha256: source.manifest_sha256,
    sequence: source.sequence,
    sealed_at: source.sealed_at,
    producer: source.producer.name,
    root: { version: root.version, sha256: root.sha256 },
    ...(state.repositories
      ? {
          repositories: state.repositories.map(({ name, tuf: own }) => {
            const held = own.roles['root'];
            if (!held)
              throw new StellaError(
                'STORE_CORRUPT',
                `the trust store does not say which root of ${name} it holds`,
              );
            return { name, root: { version: held.version, sha256: held.sha256 } };
          }),
        }
      : {}),
    logs: state.logs.map(({ origin, tree_size, root_hash }) => ({ origin, tree_size, root_hash })),
    keys: distributedKeys(targets).map(({ id, target, usage }) => ({ key_id: id, target, usage })),
  };
}

/** Receipt → JSON for people and programs, LF at the end; signed by each signer. The inverse of {@link parseReceipt}. */
export async function formatReceipt(
  signed: Receipt['signed'],
  signers: readonly Signer[],
): Promise<Uint8Array> {
  const bytes = signedBytes(signed);
  const signatures: Receipt['signatures'] = [];
  for (const signer of signers)
    signatures.push({ keyid: signer.publicKey.id, sig: formatBase64(await signer.sign(bytes)) });
  return formatUtf8(`${JSON.stringify({ signed, signatures }, null, 2)}\n`);
}

/** @throws StellaError RECEIPT_INVALID */
export function parseReceipt(bytes: Uint8Array, what: string): Receipt {
  return parseJson('receipt', bytes, what, 'RECEIPT_INVALID');
}

/**
 * The known keys that have signed a receipt.
 * @throws StellaError RECEIPT_INVALID when a known key's signature does not hold
 */
export function receiptSigners(receipt: Receipt, known: readonly PublicKey[], what: string): PublicKey[] {
  const bytes = signedBytes(receipt.signed);
  return receipt.signatures.flatMap(({ keyid, sig }) => {
    const key = known.find(({ id }) => id === keyid);
    if (!key) return [];
    if (!isSignature(key, bytes, parseBase64(sig, 'RECEIPT_INVALID'))) {
      throw new StellaError('RECEIPT_INVALID', `Signature verification failed: ${what}, key ${keyid}`);
    }
    return [key];
  });
}
