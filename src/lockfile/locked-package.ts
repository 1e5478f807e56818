import type { LockedDigest, NoDigest } from './integrity.ts';

export type Ecosystem = 'npm' | 'pypi';

/** Where a package comes from that no registry has under this name, version and digest. */
export type OtherSource = 'git' | 'file' | 'link' | 'bundled' | 'url';

/** One package of a lock file, as it is written there. */
export interface LockedPackage {
  readonly ecosystem: Ecosystem;
  /** What the registry calls it: of an alias, the package that is behind it. */
  readonly name: string;
  readonly version: string;
  /** Where it stands in the lock file. */
  readonly entry: string;
  /** What the installer holds it to: one digest of an npm package, one for each file of a Python package. */
  readonly digests: readonly LockedDigest[];
  /** Why it has no digest, or is none of the registry's; `undefined` where it can be compared. */
  readonly gap?: NoDigest | OtherSource;
}
