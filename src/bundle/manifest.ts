import { checkEntryPaths } from '../archive/entry-path.ts';
import { MAX_BUNDLE_MANIFEST_BYTES } from '../archive/limits.ts';
import { excerpt, formatSha256, formatUtf8, type Sha256Hex, sha256Hex } from '../base/bytes.ts';
import { formatCanonicalJson, isCanonicalJson } from '../base/canonical-json.ts';
import { type Instant, parseInstant } from '../base/clock.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { decodeJsonText, type JsonRules, parseKnownJson, parseStrictJson } from '../base/json.ts';
import { checkSchema } from '../base/schema.ts';
import type { Manifest, ManifestEntry } from '../base/schema-types.ts';
import { checkNoCredentials } from '../config/url-credentials.ts';
import { EMPTY_ROOT, leafHash, nodeHash } from '../tlog/hash.ts';

export type { Manifest, ManifestEntry } from '../base/schema-types.ts';

export const MANIFEST_PATH = 'manifest.json';
export const SIGNATURE_PATH = 'manifest.cose';
const FORMATS: readonly string[] = ['stella-bundle/v1', 'stella-bundle/v2'] satisfies Manifest['format'][];
const RULES: JsonRules = { code: 'MANIFEST_INVALID', maxDepth: 8, freeValues: 200_000 };
const SECTION = /^(?:attestations|logs|tuf|tuf\+[a-z0-9-]{1,32})\//;

/**
 * The folder of a bundle that a path is in, with its slash: `attestations/`, `logs/`, `tuf/` for the home repository,
 * `tuf+NAME/` for another. Each begins a new frame.
 * @returns `undefined` where it is in none
 */
export function sectionOf(path: string): string | undefined {
  return SECTION.exec(path)?.[0];
}

/** The format of a manifest: what v1 can say is said in v1, so that a bundle without news stays byte for byte the same. */
export function formatOf({ repositories }: Pick<Manifest, 'repositories'>): Manifest['format'] {
  return repositories === undefined ? 'stella-bundle/v1' : 'stella-bundle/v2';
}

/**
 * The canonical bytes of a manifest: keys sorted, no white space, LF at the end. Inverse of {@link parseManifest}.
 */
export function formatManifest(manifest: Manifest): Uint8Array {
  const { entries, ...facts } = manifest;
  // Entries are nearly all of it, and their form is known.
  const [before, after] = formatCanonicalJson({ ...facts, entries: [] }).split(EMPTY_ENTRIES) as [
    string,
    string,
  ];
  return formatUtf8(`${before}"entries":[${entries.map(formatEntry).join(',')}],"entries_root"${after}\n`);
}

/** Occurs once: inside of a JSON string, quotes are escaped, and no other object has this field. */
const EMPTY_ENTRIES = '"entries":[],"entries_root"';

/** The canonical JSON of an entry. */
function formatEntry({ path, sha256, size }: ManifestEntry): string {
  return `{"path":${JSON.stringify(path)},"sha256":${JSON.stringify(sha256)},"size":${size}}`;
}

/**
 * Reads manifest.json. Accepts the canonical form only, so that one manifest has one digest; checks the schema, every
 * path, their order and `entries_root`.
 * @param checked SHA-256 of a manifest that has passed all this before, which it need not do again
 * @throws StellaError MANIFEST_INVALID, MANIFEST_VERSION, ENTRY_PATH, ENTRY_DUPLICATE, ARCHIVE_LIMIT (too large)
 */
export function parseManifest(bytes: Uint8Array, checked?: string): Manifest {
  if (bytes.length > MAX_BUNDLE_MANIFEST_BYTES)
    throw new StellaError(
      'ARCHIVE_LIMIT',
      `the manifest has ${bytes.length} bytes, the most is ${MAX_BUNDLE_MANIFEST_BYTES}`,
    );
  if (checked !== undefined && sha256Hex(bytes) === checked) return parseKnownJson(bytes) as Manifest;
  const text = decodeJsonText(bytes, MANIFEST_PATH, 'MANIFEST_INVALID');
  const value = parseStrictJson(text, MANIFEST_PATH, RULES);
  // Half a surrogate pair is the one thing that JSON can say and UTF-8 cannot.
  if (text.includes('\\ud') && /\\ud[89a-f]/.test(text.replaceAll('\\\\', '')))
    throw new StellaError('MANIFEST_INVALID', 'manifest.json has a lone surrogate');
  checkFormat(value);
  const manifest = checkSchema('manifest', value, MANIFEST_PATH, 'MANIFEST_INVALID');
  if (!text.endsWith('\n') || !isCanonicalJson(text.slice(0, -1), manifest))
    throw new StellaError('MANIFEST_INVALID', 'manifest.json is not in canonical form');
  checkManifest(manifest);
  return manifest;
}

/** A later format is told from a broken one, so that the message can say what to do. */
function checkFormat(value: unknown): void {
  const format = value !== null && typeof value === 'object' && 'format' in value ? value.format : undefined;
  if (typeof format === 'string' && /^stella-bundle\/v[0-9]+$/.test(format) && !FORMATS.includes(format))
    throw new StellaError(
      'MANIFEST_VERSION',
      `the bundle is of format ${format}, this stella reads ${FORMATS.join(' and ')}`,
    );
}

/**
 * What a schema cannot say of a manifest apart from its entries: that its times exist, and that no log is described twice.
 * @throws StellaError MANIFEST_INVALID
 */
export function checkManifestFacts(
  manifest: Pick<Manifest, 'format' | 'sealed_at' | 'tuf' | 'logs' | 'repositories'>,
): void {
  checkOrigins(manifest.logs);
  const sealed = sealedAt(manifest);
  for (const role of Object.values(manifest.tuf.roles)) instant(role.expires, 'tuf.roles');
  checkRepositories(manifest, sealed);
}

/** One of two would escape what is checked of the other. */
function checkRepositories(
  { format, repositories = [] }: Pick<Manifest, 'format' | 'repositories'>,
  sealed: Instant,
): void {
  const invalid = (why: string) => new StellaError('MANIFEST_INVALID', `manifest.json ${why}`);
  if (repositories.length > 0 && format === 'stella-bundle/v1')
    throw invalid('lists further repositories, which its format stella-bundle/v1 does not have');
  for (const [i, { name, roles, as_of }] of repositories.entries()) {
    if (name === 'home') throw invalid('calls a further repository home, as only the first one is called');
    const before = repositories[i - 1]?.name;
    if (before === name) throw invalid(`lists the repository ${name} twice`);
    if (before !== undefined && before > name) throw invalid('does not list its repositories by name');
    for (const role of Object.values(roles)) instant(role.expires, `repositories.${name}.roles`);
    if (as_of !== undefined && instant(as_of, `repositories.${name}.as_of`) > sealed)
      throw invalid(`has the repository ${name} as of ${as_of}, which is after it was sealed`);
  }
}

/**
 * What a schema cannot say: that instants exist, and that the entries are what a bundle may hold, in order.
 * @throws StellaError MANIFEST_INVALID, URL_CREDENTIALS, ENTRY_PATH, ENTRY_DUPLICATE
 */
function checkManifest(manifest: Manifest): void {
  checkManifestFacts(manifest);
  checkNoCredentials(manifest.tuf.url, 'manifest.json: tuf.url');
  for (const { origin, url } of manifest.logs)
    checkNoCredentials(url, `manifest.json: the log ${excerpt(origin)}`);
  checkEntryPaths(manifest.entries.map(({ path }) => path));
  for (const { name, url } of manifest.repositories ?? [])
    checkNoCredentials(url, `manifest.json: the repository ${name}`);
  checkFolders(manifest.entries, manifest.repositories);
  if (entriesRoot(manifest.entries) !== manifest.entries_root)
    throw new StellaError('MANIFEST_INVALID', 'manifest.json: entries_root is not the root over the entries');
}

/** One of two would escape what is checked of the other. */
function checkOrigins(logs: Manifest['logs']): void {
  const seen = new Set<string>();
  for (const { origin } of logs) {
    if (seen.has(origin))
      throw new StellaError('MANIFEST_INVALID', `manifest.json lists the log ${excerpt(origin)} twice`);
    seen.add(origin);
  }
}

/**
 * That every entry is in a folder of a bundle.
 * @throws StellaError ENTRY_PATH
 */
export function checkFolders(
  entries: Iterable<{ readonly path: string }>,
  repositories: Manifest['repositories'] = [],
): void {
  const sections = new Set([
    'attestations/',
    'logs/',
    'tuf/',
    ...repositories.map(({ name }) => `tuf+${name}/`),
  ]);
  for (const { path } of entries) {
    const section = sectionOf(path);
    if (section === undefined || !sections.has(section))
      throw new StellaError('ENTRY_PATH', `an entry is in none of the folders of a bundle: ${excerpt(path)}`);
  }
}

function instant(text: string, field: string): Instant {
  try {
    return parseInstant(text);
  } catch (cause) {
    if (!isStellaError(cause)) throw cause;
    throw new StellaError('MANIFEST_INVALID', `manifest.json: ${field}: ${cause.message}`, { cause });
  }
}

/** `sealed_at` in milliseconds since the epoch. */
export function sealedAt(manifest: Pick<Manifest, 'sealed_at'>): Instant {
  return instant(manifest.sealed_at, 'sealed_at');
}

/**
 * The RFC 6962 Merkle tree hash over the entries in order, 64 hexadecimal digits. A leaf is the canonical JSON of an
 * entry, `{"path":…,"sha256":…,"size":…}`, without LF.
 */
export function entriesRoot(entries: Iterable<ManifestEntry>): Sha256Hex {
  // Roots of full subtrees of 2^level leaves, at most one of each level, the largest first.
  const subtrees: { level: number; hash: Uint8Array }[] = [];
  for (const entry of entries) {
    let subtree = { level: 0, hash: leafHash(formatUtf8(formatEntry(entry))) };
    while (subtrees.at(-1)?.level === subtree.level) {
      const left = subtrees.pop()!;
      subtree = { level: subtree.level + 1, hash: nodeHash(left.hash, subtree.hash) };
    }
    subtrees.push(subtree);
  }
  const last = subtrees.pop();
  if (!last) return formatSha256(EMPTY_ROOT);
  return formatSha256(subtrees.reduceRight((hash, left) => nodeHash(left.hash, hash), last.hash));
}
