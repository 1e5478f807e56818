import type { Sha256Hex } from '../base/bytes.ts';
import type { CoseSign } from '../base/cose.ts';
import type { Fetcher } from '../net/types.ts';
import type { Manifest, ManifestEntry } from './manifest.ts';
import type { SignedParts } from './signature.ts';

/** What to extract, and whom to tell. */
export interface ExtractOptions {
  /** Which entries to extract; all unless told otherwise. */
  readonly select?: (entry: ManifestEntry) => boolean;
  /** Told how many bytes of content are done, of how many. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Where a bundle is served unpacked, and with it what it leaves out as a delta. */
export interface Mirror {
  /** Ends with a slash. */
  readonly url: string;
  readonly fetcher: Fetcher;
}

/**
 * An opened bundle. Its manifest is well-formed, but **nobody vouches for it** until `checkBundleSignature` has passed;
 * the content is bound to the manifest by digests, which every method below checks.
 */
export interface SealedBundle {
  readonly manifest: Manifest;
  /** The exact bytes of manifest.json, which are what is signed. */
  readonly manifestBytes: Uint8Array;
  /** SHA-256 of {@link manifestBytes}, 64 hexadecimal digits. */
  readonly manifestSha256: Sha256Hex;
  /** What manifest.cose holds; see `signerIds` and `checkBundleSignature`. */
  readonly signatures: CoseSign;
  /** Whether entries can be read one by one; otherwise the first access stages all of them. */
  readonly seekable: boolean;
  /** Bytes of the whole file, where that is known. */
  readonly size: number | undefined;
  /** The signed list of parts, where the bundle was split; `checkBundleSignature` checks it too. */
  readonly parts: SignedParts | undefined;
  /** The mirror that it comes from, if it does. */
  readonly mirror?: Mirror;

  /**
   * One entry, whole, its digest checked.
   * @throws StellaError ENTRY_MISSING (not in the manifest), ENTRY_DIGEST, ARCHIVE_LIMIT (more than 64 MiB), and what
   * {@link verifyAll} throws
   */
  readEntry(path: string): Promise<Uint8Array>;

  /**
   * Writes entries below a directory, each digest checked; on failure everything written is removed again. Nothing is
   * synced to disk. Without `select` this is also everything that {@link verifyAll} checks.
   * @throws StellaError FILE_EXISTS (an entry's file is there already), WRITE_FAILED, and what {@link verifyAll} throws
   */
  extract(directory: string, options?: ExtractOptions): Promise<void>;

  /**
   * Reads everything: every entry of the manifest is there once with the right size and digest, nothing else is there,
   * and the container is what format v1 says.
   * @throws StellaError ENTRY_DIGEST, ENTRY_MISSING, ENTRY_UNLISTED, ENTRY_DUPLICATE, ENTRY_TYPE, ENTRY_PATH,
   * ARCHIVE_INVALID, ARCHIVE_TRUNCATED, ARCHIVE_TRAILING_DATA, ARCHIVE_LIMIT
   */
  verifyAll(options?: Pick<ExtractOptions, 'onProgress'>): Promise<void>;

  /** Lets go of the file or stream, and removes what was staged. */
  close(): Promise<void>;
}
