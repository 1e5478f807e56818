import type { Readable } from 'node:stream';
import type { Sha256Hex } from '../base/bytes.ts';
import type { PublicKey } from '../base/keys.ts';
import type { Manifest } from '../base/schema-types.ts';
import { type ExtractOptions, openBundle as open } from '../bundle/open.ts';
import { checkBundleSignature, type SignerId, signerIds } from '../bundle/signature.ts';
import { checkGiven } from './given.ts';

/** How to open a bundle. */
export interface OpenBundleOptions {
  /**
   * A directory that belongs to the caller. Only an input that cannot be sought in (a pipe, an archive packed again
   * without seek table) is written into it, once an entry is asked for; closing the bundle removes it again.
   */
  readonly staging: string;
}

/** Who must have signed a bundle. */
export interface SignatureOptions {
  /** Keys that may sign bundles; signatures of others count for nothing. */
  readonly trusted: readonly PublicKey[];
  /** How many of them must have signed; 1 unless told otherwise. */
  readonly threshold?: number;
}

/**
 * An opened bundle. Its manifest is well-formed, but **nobody vouches for it** until {@link OpenedBundle.checkSignature}
 * has passed; the content is bound to the manifest by digests, which every method that reads checks.
 */
export interface OpenedBundle {
  /** What the bundle says it holds. */
  readonly manifest: Manifest;
  /** SHA-256 of the exact bytes of manifest.json, 64 hexadecimal digits: the name of the bundle's content. */
  readonly manifestSha256: Sha256Hex;
  /** Bytes of the whole file, where that is known. */
  readonly size: number | undefined;
  /** Who claims to have signed. Nothing about it is verified. */
  readonly signers: readonly SignerId[];

  /**
   * Checks the signatures over the manifest, and over the list of parts where there is one.
   * @returns the trusted keys that have signed
   * @throws StellaError BUNDLE_SIGNER_UNTRUSTED, BUNDLE_SIGNATURE, BUNDLE_THRESHOLD
   */
  checkSignature(options: SignatureOptions): PublicKey[];

  /**
   * Reads everything: every entry of the manifest is there once with the right size and digest, nothing else is there,
   * and the container is what format v1 says.
   * @throws StellaError ENTRY_*, ARCHIVE_*
   */
  verifyAll(options?: Pick<ExtractOptions, 'onProgress'>): Promise<void>;

  /**
   * One entry, whole, its digest checked.
   * @throws StellaError ENTRY_*, ARCHIVE_*
   */
  readEntry(path: string): Promise<Uint8Array>;

  /**
   * Writes entries below a directory, each digest checked; on failure everything written is removed again.
   * @throws StellaError FILE_EXISTS, WRITE_FAILED, ENTRY_*, ARCHIVE_*
   */
  extract(directory: string, options?: ExtractOptions): Promise<void>;

  /** Lets go of the file or stream, and removes what was staged. */
  close(): Promise<void>;
}

/**
 * Opens a bundle far enough to know its manifest and who claims to have signed it. Trusts nothing. The caller closes it.
 * @param file a path (of a split bundle: of its parts file or its first part), or a stream of the file's bytes
 * @throws StellaError FILE_NOT_FOUND, FILE_UNREADABLE, ARCHIVE_*, MANIFEST_*, COSE_INVALID, ENTRY_*,
 * PARTS_INCOMPLETE
 */
export async function openBundle(file: string | Readable, options: OpenBundleOptions): Promise<OpenedBundle> {
  checkGiven('openBundle', { file }, { file: typeof file === 'object' ? 'object' : 'text' });
  checkGiven('openBundle', options, { staging: 'text' });
  const bundle = await open(file, { staging: options.staging });
  return {
    manifest: bundle.manifest,
    manifestSha256: bundle.manifestSha256,
    size: bundle.size,
    signers: signerIds(bundle),
    checkSignature(rules) {
      // A threshold that is no number would be reached by nobody's signature.
      checkGiven('checkSignature', rules, { trusted: 'object', 'threshold?': 'count' });
      const { trusted, threshold = 1 } = rules;
      return checkBundleSignature(bundle, trusted, threshold);
    },
    verifyAll: (more) => bundle.verifyAll(more),
    readEntry: (path) => bundle.readEntry(path),
    extract: (directory, more) => bundle.extract(directory, more),
    close: () => bundle.close(),
  };
}
