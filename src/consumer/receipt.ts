import { hostname } from 'node:os';
import type { Instant } from '../base/clock.ts';
import { replaceFile } from '../base/files.ts';
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
 * Writes what this site holds after an import, for the producer.
 * @throws StellaError KEY_*, FILE_*, WRITE_FAILED
 */
export async function writeReceipt(
  path: string,
  generation: Generation,
  targets: readonly TrustTarget[],
  options: ReceiptOptions,
): Promise<Receipt['signed']> {
  const signers = options.signingKey === undefined ? [] : [signerOf(loadPrivateKey(options.signingKey))];
  const receipt = receiptOf(generation, targets, options.site ?? hostname(), options.now);
  replaceFile(path, await formatReceipt(receipt, signers));
  return receipt;
}
