import { hostname } from 'node:os';
import type { Instant } from '../base/clock.ts';
import { loadPrivateKey, signerOf } from '../base/keys.ts';
import type { Generation } from '../store/store.ts';
import { formatReceipt, type Receipt, receiptOf } from '../trust/receipt.ts';
import type { TrustTarget } from '../trust/targets.ts';

export interface ReceiptOptions {
  /** What to call this site; the host name unless told otherwise. */
  readonly site: string | undefined;
  /** The site's private key, if it has one. */
  readonly signingKey: string | undefined;
  readonly now: Instant;
}

/**
 * What this site holds after an import, for the producer.
 * @returns what the receipt says, and its file
 * @throws StellaError KEY_*, FILE_*
 */
export async function makeReceipt(
  generation: Generation,
  targets: readonly TrustTarget[],
  options: ReceiptOptions,
): Promise<{ readonly receipt: Receipt['signed']; readonly bytes: Uint8Array }> {
  const signers = options.signingKey === undefined ? [] : [signerOf(loadPrivateKey(options.signingKey))];
  const receipt = receiptOf(generation, targets, options.site ?? hostname(), options.now);
  return { receipt, bytes: await formatReceipt(receipt, signers) };
}
