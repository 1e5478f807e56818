import { excerpt, parseUtf8 } from '../base/bytes.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { FieldReader, type JsonObject } from '../base/json-fields.ts';
import { hexDigest, type LockedDigest } from './integrity.ts';
import type { LockedPackage } from './locked-package.ts';

const read = new FieldReader('LOCKFILE_INVALID');
const MAX_PACKAGES = 100_000;

/** A name as PyPI compares it (PEP 503). */
const normalized = (name: string) => name.toLowerCase().replace(/[-_.]+/g, '-');

/**
 * `requirements.txt` with hashes (pip, "Hash-checking Mode"): one requirement a line, `\` goes on in the next one. What
 * names no version or no hash is a gap, not a mistake: pip installs it all the same where no line has hashes.
 * @throws StellaError LOCKFILE_INVALID
 */
export function parseRequirements(document: Uint8Array, what: string): LockedPackage[] {
  const lines = textOf(document, what)
    .replace(/\\\r?\n/g, ' ')
    .split(/\r?\n/);
  const packages: LockedPackage[] = [];
  for (const [i, line] of lines.entries()) {
    const requirement = line.replace(/(?:^|\s)#.*$/, '').trim();
    if (requirement === '' || /^--?(?!e\b|editable\b|r\b|requirement\b)\S/.test(requirement)) continue;
    packages.push(parseRequirement(requirement, `${what} line ${i + 1}`));
    if (packages.length > MAX_PACKAGES) read.refuse(what, `has more than ${MAX_PACKAGES} requirements`);
  }
  return packages;
}

function parseRequirement(requirement: string, entry: string): LockedPackage {
  const base = { ecosystem: 'pypi' as const, entry };
  if (/^(?:-r|--requirement)\b/.test(requirement))
    return { ...base, name: requirement, version: '', digests: [], gap: 'file' };
  const [, name, version] =
    /^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*===?\s*([^\s;,]+)/.exec(requirement) ?? [];
  if (name === undefined || version === undefined) {
    const gap = /\bgit\+/.test(requirement)
      ? 'git'
      : /^(?:-e|--editable)\b|^\.{0,2}\//.test(requirement)
        ? 'link'
        : /@\s*https?:|^https?:/.test(requirement)
          ? 'url'
          : 'no digest';
    return { ...base, name: requirement.split(/[\s;]/)[0]!, version: '', digests: [], gap };
  }
  const hashes = [...requirement.matchAll(/--hash[=\s]\s*([a-z0-9]+):([0-9a-fA-F]+)/g)];
  const digests = hashes.flatMap(([, algorithm, hex]) => hexDigest(algorithm!, hex!) ?? []);
  const gap = hashes.length === 0 ? 'no digest' : digests.length < hashes.length ? 'unreadable' : undefined;
  return { ...base, name: normalized(name), version, digests, ...(gap === undefined ? {} : { gap }) };
}

/**
 * `pylock.toml` (PEP 751, lock-version 1.0): each file of a package has its hashes.
 * @throws StellaError LOCKFILE_INVALID
 */
export async function parsePylock(document: Uint8Array, what: string): Promise<LockedPackage[]> {
  const lock = await parseToml(document, what);
  if (lock['lock-version'] !== '1.0')
    read.refuse(what, `is of lock-version ${excerpt(String(lock['lock-version']))}, stella reads 1.0`);
  return read.array(lock['packages'] ?? [], 'packages', MAX_PACKAGES).map((value, i) => {
    const at = `packages.${i}`;
    const fields = read.object(value, at);
    const { vcs, directory, archive, sdist, wheels } = fields;
    if (vcs !== undefined) return packageOf(fields, at, { gap: 'git' });
    if (directory !== undefined) return packageOf(fields, at, { gap: 'link' });
    if (archive !== undefined) return packageOf(fields, at, { gap: 'url' });
    const files = [...(sdist === undefined ? [] : [sdist]), ...filesIn(wheels, `${at}.wheels`)];
    return packageOf(fields, at, {
      files: files.map((file, n) => {
        const hashes = read.object(read.object(file, `${at} file ${n}`)['hashes'], `${at} file ${n}.hashes`);
        return Object.entries(hashes).flatMap(
          ([algorithm, hex]) => (typeof hex === 'string' ? hexDigest(algorithm, hex) : undefined) ?? [],
        )[0];
      }),
    });
  });
}

/**
 * `uv.lock` (uv's documentation, version 1): each file of a package has one hash.
 * @throws StellaError LOCKFILE_INVALID
 */
export async function parseUvLock(document: Uint8Array, what: string): Promise<LockedPackage[]> {
  const lock = await parseToml(document, what);
  if (lock['version'] !== 1)
    read.refuse(what, `is of version ${excerpt(String(lock['version']))}, stella reads 1`);
  return read.array(lock['package'] ?? [], 'package', MAX_PACKAGES).flatMap((value, i) => {
    const at = `package.${i}`;
    const fields = read.object(value, at);
    const source = read.object(fields['source'], `${at}.source`);
    // What the lock file is for.
    if (source['virtual'] !== undefined || source['editable'] === '.') return [];
    if (source['git'] !== undefined) return [packageOf(fields, at, { gap: 'git' })];
    if (source['url'] !== undefined) return [packageOf(fields, at, { gap: 'url' })];
    if (source['registry'] === undefined) return [packageOf(fields, at, { gap: 'link' })];
    const { sdist, wheels } = fields;
    const files = [...(sdist === undefined ? [] : [sdist]), ...filesIn(wheels, `${at}.wheels`)];
    return [
      packageOf(fields, at, {
        files: files.map((file, n) => {
          const hash = read.object(file, `${at} file ${n}`)['hash'];
          const [algorithm = '', hex = ''] = typeof hash === 'string' ? hash.split(':') : [];
          return hexDigest(algorithm, hex);
        }),
      }),
    ];
  });
}

const filesIn = (value: unknown, at: string) => (value === undefined ? [] : read.array(value, at, 10_000));

function packageOf(
  fields: JsonObject,
  entry: string,
  has: { readonly gap: NonNullable<LockedPackage['gap']> } | { readonly files: (LockedDigest | undefined)[] },
): LockedPackage {
  const name = normalized(read.string(fields['name'], `${entry}.name`));
  const version = fields['version'] === undefined ? '' : read.string(fields['version'], `${entry}.version`);
  const base = { ecosystem: 'pypi' as const, name, version, entry };
  if ('gap' in has) return { ...base, digests: [], gap: has.gap };
  const digests = has.files.filter((digest) => digest !== undefined);
  if (has.files.length === 0) return { ...base, digests, gap: 'no digest' };
  return { ...base, digests, ...(digests.length < has.files.length ? { gap: 'unreadable' } : {}) };
}

function textOf(document: Uint8Array, what: string): string {
  try {
    return parseUtf8(document);
  } catch (cause) {
    throw new StellaError('LOCKFILE_INVALID', `${what} is not UTF-8`, { cause });
  }
}

async function parseToml(document: Uint8Array, what: string): Promise<JsonObject> {
  const { parse } = await import('smol-toml');
  try {
    return parse(textOf(document, what));
  } catch (cause) {
    if (isStellaError(cause)) throw cause;
    throw new StellaError('LOCKFILE_INVALID', `${what} is not TOML`, { cause });
  }
}
