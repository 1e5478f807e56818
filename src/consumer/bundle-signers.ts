import { isStellaError } from '../base/errors.ts';
import type { PublicKey } from '../base/keys.ts';
import type { SealedBundle } from '../bundle/sealed-bundle.ts';
import { checkBundleSignature, signerIds } from '../bundle/signature.ts';
import { formatFingerprint } from '../trust/pin.ts';

/** Which keys may have sealed a bundle. */
export interface BundleKeyRules {
  /** Named by TUF, or pinned in the store. */
  readonly trusted: readonly PublicKey[];
  /** Pinned by `--bundle-key`. */
  readonly given: readonly PublicKey[];
  readonly threshold: number;
  /** A person at a terminal who may give the key of a signer that nobody vouches for. Asked for an empty store only. */
  readonly askForKey?: ((question: string) => Promise<PublicKey | undefined>) | undefined;
}

export interface BundleSigners {
  readonly signers: readonly PublicKey[];
  /** Keys that a person vouched for just now, and that the store is to keep. */
  readonly pinned: readonly PublicKey[];
}

/**
 * Checks the bundle's signatures. An empty store treats an unknown signer as it treats an unknown root: a person may vouch
 * for it, by handing over the public key that belongs to the fingerprint.
 * @throws StellaError BUNDLE_SIGNER_UNTRUSTED, BUNDLE_SIGNATURE, BUNDLE_THRESHOLD
 */
export async function findBundleSigners(bundle: SealedBundle, rules: BundleKeyRules): Promise<BundleSigners> {
  const { given, threshold } = rules;
  const known = [...rules.trusted, ...given];
  try {
    return { signers: checkBundleSignature(bundle, known, threshold), pinned: given };
  } catch (error) {
    if (!rules.askForKey || !isStellaError(error, 'BUNDLE_SIGNER_UNTRUSTED')) throw error;
    const fingerprints = signerIds(bundle).map(({ kid }) => formatFingerprint(kid));
    const key = await rules.askForKey(question(fingerprints));
    if (!key) throw error;
    return { signers: checkBundleSignature(bundle, [...known, key], threshold), pinned: [...given, key] };
  }
}

function question(fingerprints: readonly string[]): string {
  return [
    'The bundle is signed by a key that the TUF repository does not name:',
    ...fingerprints.map((fingerprint) => `  ${fingerprint}`),
    'If you have its public key from the connected side, over another channel than the bundle came by,',
    'give the path of its file (nothing to refuse): ',
  ].join('\n');
}
