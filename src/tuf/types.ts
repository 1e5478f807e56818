import type { Sha256Hex } from '../base/bytes.ts';
import type { Instant } from '../base/clock.ts';
import type { StellaError } from '../base/errors.ts';

/** Where metadata comes from: a server, or a directory. `undefined`: it has no such file. */
export type MetadataSource = (
  role: string,
  version: number | undefined,
  max: number,
) => Promise<Uint8Array | undefined>;

/** Metadata that was trusted before, as it was held then. It is verified again, not believed. */
export type HeldMetadata = (role: string, version: number | undefined) => Uint8Array | undefined;

export interface ClientOptions {
  /** How to call the repository in messages. */
  readonly url: string;
  /** Root metadata that somebody vouched for. */
  readonly trustedRoot: Uint8Array;
  /** The instant as of which expiry is judged. */
  readonly referenceTime: Instant;
  readonly source: MetadataSource;
  readonly held?: HeldMetadata;
  /** Refuse held metadata that is damaged instead of passing over it, since what it protects against would pass with it. */
  readonly strictHeld?: boolean;
  /** Told of every file the moment it is trusted, in order. */
  readonly onTrusted?: (role: string, version: number, bytes: Uint8Array) => void;
}

/** A trusted role: one metadata file. */
export interface TufRole {
  readonly name: string;
  readonly version: number;
  readonly expires: Instant;
  /** SHA-256 of the file, hex. */
  readonly sha256: Sha256Hex;
}

/** A target file as the most trusted role that may speak for its path describes it. */
export interface TufTarget {
  readonly name: string;
  readonly length: number;
  /** By algorithm, hex; at least one of SHA-256, SHA-384, SHA-512. */
  readonly hashes: Readonly<Record<string, string>>;
  readonly custom: Readonly<Record<string, unknown>>;
  /** The role that signed for it. */
  readonly role: string;
  /**
   * Whether it was found by way of the top-level role and of roles that trust may rest on alone. A role of such a name to
   * which another delegates is not enough.
   */
  readonly anchored: boolean;
}

/** A delegated role that could not be used. */
export interface OmittedRole {
  readonly role: string;
  readonly error: StellaError;
}
