import { formatHex } from '../base/bytes.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { isSignature, type PublicKey, type SignatureForm, type Signer } from '../base/keys.ts';
import { keyIdentity, parseTufKey } from './key.ts';
import { entryOf, type MetadataFile, signedBytes, type TufKey, type TufRoot } from './metadata.ts';
import type { TopRole } from './roles.ts';

/** A set of keys of which `threshold` must sign. */
export interface SigningRule {
  readonly keys: Readonly<Record<string, TufKey>>;
  readonly keyids: readonly string[];
  readonly threshold: number;
}

/** Who must sign a top-level role according to `root`. */
export function ruleOf(root: TufRoot, role: TopRole): SigningRule {
  return { keys: root.signed.keys, ...root.signed.roles[role] };
}

/**
 * The ids of those keys of `rule` whose signature on `metadata` holds; each key counts once, however many names it has
 * (TUF specification §5.3.4).
 * @param data {@link signedBytes} of `metadata`, where they are known
 */
export function validSigners(
  metadata: MetadataFile,
  rule: SigningRule,
  data: Uint8Array = signedBytes(metadata),
): string[] {
  const counted = new Set<string>();
  const signatures = new Map(metadata.signatures.map(({ keyid, sig }) => [keyid, sig]));
  return rule.keyids.filter((keyid) => {
    const signature = signatures.get(keyid);
    const key = entryOf(rule.keys, keyid);
    if (signature === undefined || !key || !HEX.test(signature)) return false;
    const usable = usableKey(key);
    if (isStellaError(usable) || counted.has(usable.identity)) return false;
    if (!isSignature(usable.publicKey, data, Buffer.from(signature, 'hex'), usable.form)) return false;
    counted.add(usable.identity);
    return true;
  });
}

/** Signatures in upper-case digits are in use, too. */
const HEX = /^(?:[0-9a-f]{2})+$/i;

/**
 * @param what how to call the file in messages
 * @throws StellaError TUF_SIGNATURE unless enough different keys have signed, saying which keys could not be used
 */
export function checkThreshold(
  metadata: MetadataFile,
  rule: SigningRule,
  what: string,
  data?: Uint8Array,
): void {
  const { length } = validSigners(metadata, rule, data);
  if (length >= rule.threshold) return;
  const unusable = unusableKeys(rule);
  const reasons = unusable.length === 0 ? '' : `; ${unusable.slice(0, 3).join('; ')}`;
  throw new StellaError(
    'TUF_SIGNATURE',
    `Signature verification failed: ${what}: signed by ${length} of the ${rule.threshold} keys it needs${reasons}`,
  );
}

/** Why keys of a rule cannot count, e.g. because of their scheme. */
function unusableKeys({ keys, keyids }: SigningRule): string[] {
  return keyids.flatMap((id) => {
    const key = entryOf(keys, id);
    const usable = key && usableKey(key);
    return isStellaError(usable) ? [`key ${id.slice(0, 12)}: ${usable.message}`] : [];
  });
}

interface UsableKey {
  readonly publicKey: PublicKey;
  readonly form: SignatureForm;
  readonly identity: string;
}

/** The same few keys stand in root after root, and reading PEM costs as much as checking a signature. */
const known = new Map<string, UsableKey | StellaError>();
const MAX_KEYS_KEPT = 1000;
const MAX_KEY_LENGTH_KEPT = 8192;

function usableKey(key: TufKey): UsableKey | StellaError {
  const name = JSON.stringify([key.keytype, key.scheme, key.keyval]);
  const found = known.get(name);
  if (found) return found;
  let made: UsableKey | StellaError;
  try {
    const { publicKey, form } = parseTufKey(key);
    // Implementations choose different lengths of salt, and a signature shows which.
    const verifyForm: SignatureForm = form.padding === 'pss' ? { ...form, saltLength: 'any' } : form;
    made = { publicKey, form: verifyForm, identity: keyIdentity(publicKey) };
  } catch (error) {
    if (!isStellaError(error)) throw error;
    made = error;
  }
  if (known.size >= MAX_KEYS_KEPT) known.clear();
  if (name.length <= MAX_KEY_LENGTH_KEPT) known.set(name, made);
  return made;
}

/**
 * Adds a signature, in place of an earlier one by the same key.
 * @throws StellaError SIGNER_FAILED if what the signer gives is not its key's signature
 */
export async function addSignature<M extends MetadataFile>(
  metadata: M,
  keyid: string,
  key: TufKey,
  signer: Signer,
): Promise<M> {
  const data = signedBytes(metadata);
  const { publicKey, form } = parseTufKey(key);
  const signature = await signer.sign(data, form);
  if (!isSignature(publicKey, data, signature, form))
    throw new StellaError('SIGNER_FAILED', `the signer of key ${keyid} gave no valid signature of that key`);
  const others = metadata.signatures.filter((other) => other.keyid !== keyid);
  return { ...metadata, signatures: [...others, { keyid, sig: formatHex(signature) }] };
}
