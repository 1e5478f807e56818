import { join } from 'node:path';
import { PUBLISH_PREDICATE } from '../attest/document/npm-document.ts';
import { formatRegistryRecord, parseVersionInPackument } from '../attest/packages/registry-record.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { makeDirectory, readBoundedIfPresent, replaceFile } from '../base/files.ts';
import { parseStrictJson } from '../base/json.ts';
import { FieldReader } from '../base/json-fields.ts';
import type { LockedPackage } from '../lockfile/locked-package.ts';
import type { Fetcher } from '../net/types.ts';

/** Where attestations and signatures of packages are asked for; base URLs without a slash at their end. */
export interface Registries {
  readonly npm: string;
  readonly pypi: string;
}

export const PUBLIC_REGISTRIES: Registries = { npm: 'https://registry.npmjs.org', pypi: 'https://pypi.org' };

/** What became of one package. */
export interface CollectedPackage {
  readonly package: LockedPackage;
  readonly outcome: 'collected' | 'held already' | 'nothing to ask for' | 'not found' | 'failed';
  /** How many attestations there were. */
  readonly attestations: number;
  readonly error?: StellaError;
}

export interface CollectOptions {
  readonly out: string;
  readonly registries: Registries;
  /** Requests at a time. */
  readonly jobs: number;
  readonly signal?: AbortSignal;
}

/** The largest packument on npm's registry has some 30 MB. */
const MAX_PACKUMENT_BYTES = 64 * 1024 * 1024;
const MAX_ATTESTATION_BYTES = 32 * 1024 * 1024;
const MAX_FILES = 10_000;

const read = new FieldReader('FETCH_FAILED');

/**
 * Asks the registries for what they and the makers attest about the packages of a lock file: npm's packument (signatures)
 * and attestations document, PyPI's provenance objects. What was asked for stands in `out`, a file each, so that a run
 * that is repeated asks for the rest only; what a registry answers is kept as it came, and judged by whoever verifies.
 * One package that fails does not end the others.
 */
export async function* collectPackages(
  packages: readonly LockedPackage[],
  fetcher: Fetcher,
  options: CollectOptions,
): AsyncGenerator<CollectedPackage> {
  makeDirectory(options.out);
  const queue = distinct(packages).values();
  const running = new Set<Promise<{ done: CollectedPackage; self: Promise<unknown> }>>();
  const start = (each: LockedPackage) => {
    const work: Promise<{ done: CollectedPackage; self: Promise<unknown> }> = collectOne(
      each,
      fetcher,
      options,
    ).then((done) => ({ done, self: work }));
    running.add(work);
  };
  for (;;) {
    while (running.size < options.jobs) {
      const next = queue.next();
      if (next.done) break;
      start(next.value);
    }
    if (running.size === 0) return;
    const { done, self } = await Promise.race(running);
    running.delete(self as Promise<{ done: CollectedPackage; self: Promise<unknown> }>);
    yield done;
  }
}

/** A package that stands in several places of a lock file is asked for once. */
function distinct(packages: readonly LockedPackage[]): LockedPackage[] {
  const seen = new Set<string>();
  return packages.filter(({ ecosystem, name, version }) => {
    const key = `${ecosystem} ${name}@${version}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

const NAMES: Readonly<Record<LockedPackage['ecosystem'], RegExp>> = {
  npm: /^(?:@[a-z0-9~-][a-z0-9._~-]*\/)?[a-zA-Z0-9~_-][a-zA-Z0-9._~-]*$/,
  pypi: /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/,
};
const VERSION = /^[A-Za-z0-9][A-Za-z0-9.+!_-]{0,127}$/;

async function collectOne(
  each: LockedPackage,
  fetcher: Fetcher,
  options: CollectOptions,
): Promise<CollectedPackage> {
  const { ecosystem, name, version, digests } = each;
  const outcome = (what: CollectedPackage['outcome'], attestations = 0): CollectedPackage => ({
    package: each,
    outcome: what,
    attestations,
  });
  if (digests.length === 0) return outcome('nothing to ask for');
  try {
    if (!NAMES[ecosystem].test(name) || !VERSION.test(version))
      throw new StellaError('LOCKFILE_INVALID', `${ecosystem} has no package that is called so`);
    const file = join(options.out, `${ecosystem}-${name.replace('/', '+')}@${version}`);
    if (readBoundedIfPresent(`${file}.record.json`, MAX_PACKUMENT_BYTES)) return outcome('held already');
    const collect = ecosystem === 'npm' ? collectFromNpm : collectFromPypi;
    return outcome('collected', await collect(each, file, fetcher, options));
  } catch (error) {
    if (!isStellaError(error)) throw error;
    if (error.code === 'FETCH_NOT_FOUND') return outcome('not found');
    return { ...outcome('failed'), error };
  }
}

async function collectFromNpm(
  { name, version }: LockedPackage,
  file: string,
  fetcher: Fetcher,
  { registries: { npm }, signal }: CollectOptions,
): Promise<number> {
  const ask = { compressible: true, ...(signal ? { signal } : {}) };
  const path = name.replace('/', '%2f');
  const packument = await fetcher.fetch(`${npm}/${path}`, { most: MAX_PACKUMENT_BYTES, ...ask });
  const { record, published } = parseVersionInPackument(packument.bytes, version);
  let count = 0;
  const url = `${npm}/-/npm/v1/attestations/${path}@${encodeURIComponent(version)}`;
  const document = await fetchIfThere(fetcher, url, { most: MAX_ATTESTATION_BYTES, ...ask });
  if (document) {
    count = attestationsIn(document, `${name}@${version}`);
    replaceFile(`${file}.attestations.json`, document);
  }
  replaceFile(`${file}.record.json`, Buffer.from(formatRegistryRecord(record, published)));
  return count;
}

/** Only what is at least such a list is kept: a proxy's page of HTML in its place would show only behind the gap. */
function attestationsIn(document: Uint8Array, what: string): number {
  const rules = { code: 'FETCH_FAILED' } as const;
  const value = read.object(parseStrictJson(document, `what the registry says of ${what}`, rules), what);
  const list = read.array(value['attestations'], `${what}: attestations`, MAX_FILES);
  return list.filter(
    (item) =>
      item !== null &&
      typeof item === 'object' &&
      (item as { predicateType?: unknown }).predicateType !== PUBLISH_PREDICATE,
  ).length;
}

async function collectFromPypi(
  { name, version, digests }: LockedPackage,
  file: string,
  fetcher: Fetcher,
  { registries: { pypi }, signal }: CollectOptions,
): Promise<number> {
  const ask = { most: MAX_ATTESTATION_BYTES, compressible: true, ...(signal ? { signal } : {}) };
  const release = `${encodeURIComponent(name)}/${encodeURIComponent(version)}`;
  const answer = await fetcher.fetch(`${pypi}/pypi/${release}/json`, ask);
  const what = `what the index says of ${name} ${version}`;
  const value = read.object(parseStrictJson(answer.bytes, what, { code: 'FETCH_FAILED' }), what);
  const wanted = new Set(digests.map(({ hex }) => hex));
  const files: { filename: string; attested: boolean }[] = [];
  for (const [i, item] of read.array(value['urls'], `${what}: urls`, MAX_FILES).entries()) {
    const at = `${what}: urls.${i}`;
    const fields = read.object(item, at);
    const sha256 = read.object(fields['digests'], `${at}.digests`)['sha256'];
    if (typeof sha256 !== 'string' || !wanted.has(sha256)) continue;
    const filename = read.string(fields['filename'], `${at}.filename`, 255);
    if (!/^[A-Za-z0-9][A-Za-z0-9._+!-]*$/.test(filename))
      read.refuse(`${at}.filename`, 'is no name of a file');
    const url = `${pypi}/integrity/${release}/${encodeURIComponent(filename)}/provenance`;
    const document = await fetchIfThere(fetcher, url, ask);
    if (document) {
      read.array(
        read.object(parseStrictJson(document, url, { code: 'FETCH_FAILED' }), url)['attestation_bundles'],
        `${url}: attestation_bundles`,
        MAX_FILES,
      );
      replaceFile(`${file}.${filename}.provenance.json`, document);
    }
    files.push({ filename, attested: document !== undefined });
  }
  replaceFile(`${file}.record.json`, Buffer.from(`${JSON.stringify({ name, version, files })}\n`));
  return files.filter(({ attested }) => attested).length;
}

async function fetchIfThere(
  fetcher: Fetcher,
  url: string,
  options: Parameters<Fetcher['fetch']>[1],
): Promise<Uint8Array | undefined> {
  try {
    return (await fetcher.fetch(url, options)).bytes;
  } catch (error) {
    if (isStellaError(error, 'FETCH_NOT_FOUND')) return undefined;
    throw error;
  }
}
