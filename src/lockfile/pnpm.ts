import { excerpt } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import { FieldReader } from '../base/json-fields.ts';
import { strongestIntegrity } from './integrity.ts';
import type { LockedPackage } from './locked-package.ts';
import { parseYamlLock } from './yaml.ts';

const read = new FieldReader('LOCKFILE_INVALID');

/**
 * `pnpm-lock.yaml` of versions 6 and 9, whose `packages` are named NAME@VERSION (pnpm/spec, lockfile).
 * @throws StellaError LOCKFILE_INVALID
 */
export async function parsePnpmLock(document: Uint8Array, what: string): Promise<LockedPackage[]> {
  const lock = read.object(await parseYamlLock(document, what), what);
  const version = String(lock['lockfileVersion']);
  if (!/^(?:6\.\d+|9\.\d+)$/.test(version))
    throw new StellaError('LOCKFILE_INVALID', `${what} is of lockfileVersion ${excerpt(version)}`, {
      hint: 'stella reads 6.x and 9.x, which pnpm 8 and newer write: `pnpm install --lockfile-only`',
    });
  const packages = lock['packages'] === undefined ? {} : read.object(lock['packages'], 'packages');
  return Object.entries(packages).map(([key, value]) => {
    const at = `packages.${excerpt(key)}`;
    // A suffix in parentheses says with which peers the package is used; it is the same package.
    const [, name, found] = /^\/?((?:@[^/@]+\/)?[^/@(]+)@([^(]+)/.exec(key) ?? [];
    if (name === undefined || found === undefined) return read.refuse(at, 'is not named NAME@VERSION');
    const resolution = read.object(read.object(value, at)['resolution'], `${at}.resolution`);
    const base = { ecosystem: 'npm' as const, name, version: found, entry: key };
    const { type, repo, commit, directory, tarball, integrity } = resolution;
    const none = (gap: NonNullable<LockedPackage['gap']>): LockedPackage => ({ ...base, digests: [], gap });
    if (type === 'git' || repo !== undefined || commit !== undefined) return none('git');
    if (type === 'directory' || directory !== undefined) return none('link');
    if (typeof tarball === 'string' && tarball.startsWith('file:')) return none('file');
    if (integrity === undefined) return none(tarball === undefined ? 'no digest' : 'url');
    const digest = strongestIntegrity(read.string(integrity, `${at}.resolution.integrity`));
    return typeof digest === 'string' ? none(digest) : { ...base, digests: [digest] };
  });
}
