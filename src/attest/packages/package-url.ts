import type { LockedPackage } from '../../lockfile/locked-package.ts';

/** A package by its name and version, as npm's attestations name their subjects (package-url, purl-spec). */
export function packageUrl({ ecosystem, name, version }: LockedPackage): string {
  const path = name.split('/').map(encodeURIComponent).join('/');
  return `pkg:${ecosystem}/${path}@${version}`;
}
