import { excerpt } from '../base/bytes.ts';
import { StellaError } from '../base/errors.ts';
import { parseStrictJson } from '../base/json.ts';
import { FieldReader, type JsonObject } from '../base/json-fields.ts';
import { strongestIntegrity } from './integrity.ts';
import type { LockedPackage } from './locked-package.ts';

const read = new FieldReader('LOCKFILE_INVALID');
const MAX_PACKAGES = 100_000;
const FOLDER = 'node_modules/';

/**
 * `package-lock.json` and `npm-shrinkwrap.json` of versions 2 and 3 (npm's documentation, package-lock.json, "packages").
 * The packages of the project itself, its workspaces, are left out: they are what the lock file is for.
 * @throws StellaError LOCKFILE_INVALID
 */
export function parseNpmLock(document: Uint8Array, what: string): LockedPackage[] {
  const lock = read.object(parseStrictJson(document, what, { code: 'LOCKFILE_INVALID' }), what);
  const version = lock['lockfileVersion'];
  if (version !== 2 && version !== 3)
    throw new StellaError('LOCKFILE_INVALID', `${what} is of lockfileVersion ${excerpt(String(version))}`, {
      hint: 'npm 7 and newer write versions 2 and 3: `npm install --package-lock-only --lockfile-version 3`',
    });
  const packages = Object.entries(read.object(lock['packages'], 'packages'));
  if (packages.length > MAX_PACKAGES) read.refuse('packages', `has more than ${MAX_PACKAGES} members`);
  return packages.filter(([path]) => path.includes(FOLDER)).map(([path, value]) => parsePackage(path, value));
}

function parsePackage(path: string, value: unknown): LockedPackage {
  const at = `packages.${excerpt(path)}`;
  const fields = read.object(value, at);
  const base = {
    ecosystem: 'npm' as const,
    name: text(fields, 'name', at) ?? path.slice(path.lastIndexOf(FOLDER) + FOLDER.length),
    version: text(fields, 'version', at) ?? '',
    entry: path,
  };
  const none = (gap: NonNullable<LockedPackage['gap']>): LockedPackage => ({ ...base, digests: [], gap });
  if (fields['link'] === true) return none('link');
  if (fields['inBundle'] === true) return none('bundled');
  const source = sourceOf(text(fields, 'resolved', at));
  if (source !== undefined) return none(source);
  const integrity = text(fields, 'integrity', at);
  if (integrity === undefined) return none('no digest');
  const digest = strongestIntegrity(integrity);
  return typeof digest === 'string' ? none(digest) : { ...base, digests: [digest] };
}

/** Anything but a tarball over HTTP is none of a registry's. */
function sourceOf(resolved: string | undefined): 'git' | 'file' | undefined {
  if (resolved === undefined || /^https?:/.test(resolved)) return undefined;
  return /^(?:git|github|gitlab|bitbucket)\b/.test(resolved) ? 'git' : 'file';
}

function text(fields: JsonObject, name: 'name' | 'version' | 'resolved' | 'integrity', at: string) {
  const value = fields[name];
  return value === undefined ? undefined : read.string(value, `${at}.${name}`);
}
