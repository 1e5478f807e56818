import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseInstant } from '../base/clock.ts';
import { StellaError } from '../base/errors.ts';
import { readBounded, readError } from '../base/files.ts';
import type { PublicKey } from '../base/keys.ts';
import { MAX_RECEIPT_BYTES, parseReceipt, type Receipt, receiptSigners } from '../trust/receipt.ts';

/** What a site was last heard to hold. */
export interface SiteReceipt {
  readonly file: string;
  readonly receipt: Receipt['signed'];
  /** Ids of the known keys that signed it. */
  readonly signedBy: readonly string[];
}

/**
 * Reads every `.json` file of a directory as a receipt and keeps the latest of each site.
 * @param known the sites' keys; with any given, a receipt that none of them signed is refused
 * @throws StellaError FILE_NOT_FOUND, FILE_UNREADABLE, RECEIPT_INVALID, NOTHING_VERIFIED when there is none
 */
export function loadReceipts(directory: string, known: readonly PublicKey[]): SiteReceipt[] {
  const latest = new Map<string, SiteReceipt>();
  for (const name of receiptFiles(directory)) {
    const file = join(directory, name);
    const parsed = parseReceipt(readBounded(file, MAX_RECEIPT_BYTES), file);
    const signedBy = receiptSigners(parsed, known, file).map((key) => key.id);
    if (known.length > 0 && signedBy.length === 0)
      throw new StellaError('RECEIPT_INVALID', `${file} is signed by none of the given keys`);
    const { site } = parsed.signed;
    const before = latest.get(site);
    if (!before || isLater(parsed.signed, before.receipt))
      latest.set(site, { file, receipt: parsed.signed, signedBy });
  }
  if (latest.size === 0)
    throw new StellaError('NOTHING_VERIFIED', `there are no receipts in ${directory}`, {
      hint: 'receipts are the .json files that `stella trust import BUNDLE --receipt FILE` writes',
    });
  return [...latest.values()].sort((a, b) => (a.receipt.site < b.receipt.site ? -1 : 1));
}

/** Whether a site holds a key: by its id, or by the name of the target that distributes it, with or without extension. */
export function holdsKey({ receipt }: SiteReceipt, key: string): boolean {
  const wanted = key.replace(/^sha256:/, '');
  return receipt.keys.some(
    ({ key_id, target }) =>
      key_id === wanted || target === key || target.replace(/(?<=.)\.[^./]*$/, '') === key,
  );
}

function isLater(a: Receipt['signed'], b: Receipt['signed']): boolean {
  return (
    parseInstant(a.sealed_at) > parseInstant(b.sealed_at) ||
    (a.sealed_at === b.sealed_at && a.generation > b.generation)
  );
}

function receiptFiles(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => name.endsWith('.json'))
      .sort();
  } catch (cause) {
    throw readError(directory, cause);
  }
}
