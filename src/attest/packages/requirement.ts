import { StellaError } from '../../base/errors.ts';
import type { PackageRow, PackageState } from './judge-lockfile.ts';

/** What every package of a lock file must have. */
export type PackageRequirement = 'signature' | 'provenance' | 'all';
export const PACKAGE_REQUIREMENTS: readonly PackageRequirement[] = ['signature', 'provenance', 'all'];

/**
 * Whether a package has what is required: `signature`: that the registry, or whoever made it, vouches for it;
 * `provenance`: an attestation about how it was made; `all`: both. What is a part of the project, or of another package,
 * needs none of its own; what was refused never passes.
 */
export function meets(
  { state, hasProvenance, isSigned }: PackageRow,
  requirement: PackageRequirement,
): boolean {
  if (state === 'own') return true;
  if (state === 'refused' || state === 'not comparable') return false;
  switch (requirement) {
    case 'signature':
      return hasProvenance || isSigned;
    case 'provenance':
      return hasProvenance;
    case 'all':
      return hasProvenance && isSigned;
  }
}

/** How many packages are in each state, and how many do not have what is required. */
export class LockfileTally {
  readonly #requirement: PackageRequirement;
  readonly #states = new Map<PackageState, number>();
  #count = 0;
  #short = 0;
  #first: PackageRow | undefined;

  constructor(requirement: PackageRequirement) {
    this.#requirement = requirement;
  }

  add(row: PackageRow): void {
    this.#count += 1;
    this.#states.set(row.state, (this.#states.get(row.state) ?? 0) + 1);
    if (meets(row, this.#requirement)) return;
    this.#short += 1;
    this.#first ??= row;
  }

  get count(): number {
    return this.#count;
  }

  of(state: PackageState): number {
    return this.#states.get(state) ?? 0;
  }

  /** `undefined` where every package has what is required. */
  error(): StellaError | undefined {
    if (!this.#first) return undefined;
    const { package: first, detail } = this.#first;
    return new StellaError(
      'LOCKFILE_UNSATISFIED',
      `${this.#short} of ${this.#count} packages do not have what is required (${this.#requirement}): ${first.name}@${first.version}: ${detail}`,
      { details: { required: this.#requirement, packages: this.#count, without: this.#short } },
    );
  }
}
