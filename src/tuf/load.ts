import { join } from 'node:path';
import type { Instant } from '../base/clock.ts';
import { readBoundedIfPresent } from '../base/files.ts';
import { TufClient } from './client.ts';
import { metadataPath } from './layout.ts';
import { MAX_SIGNED_BYTES } from './metadata-file.ts';
import { resolveTargets } from './resolve-targets.ts';
import type { HeldMetadata } from './types.ts';
import { type TufView, viewOf } from './view.ts';

export interface LoadOptions {
  /** How to call the repository in messages. */
  readonly url: string;
  /** Holds a repository as published: `tuf/` of a generation, or of an opened bundle. */
  readonly directory: string;
  /** Root metadata that the operator, or the program, vouches for. */
  readonly trustedRoot: Uint8Array;
  /** The instant as of which expiry is judged. */
  readonly asOf: Instant;
  /** Delegated roles that trust may rest on. */
  readonly trustRoles?: ReadonlySet<string>;
}

/**
 * Verifies what is on disk as of a given instant: root chain from the trusted root, thresholds, versions, expiry, hashes,
 * delegations. Never touches the network. Targets are checked when they are read.
 * @throws StellaError TUF_*, FETCH_NOT_FOUND where a file is missing, FILE_UNREADABLE
 */
export async function loadTuf(options: LoadOptions): Promise<TufView> {
  const read = directorySource(options.directory);
  const client = new TufClient({
    url: options.url,
    trustedRoot: options.trustedRoot,
    referenceTime: options.asOf,
    source: async (role, version) => read(role, version),
  });
  await client.refresh();
  const resolved = await resolveTargets(client, options.trustRoles ?? new Set(), true);
  return viewOf(options.url, options.directory, options.asOf, client, resolved);
}

/** Metadata in a directory that holds a repository as published. */
export function directorySource(directory: string): HeldMetadata {
  const read = (path: string) => readBoundedIfPresent(join(directory, path), MAX_SIGNED_BYTES);
  return (role, version) =>
    read(metadataPath(role, version)) ??
    (role === 'root' || version === undefined ? undefined : read(metadataPath(role, undefined)));
}
