import { excerpt } from '../base/bytes.ts';
import { type Instant, instant, parseInstant } from '../base/clock.ts';
import type { ErrorCode } from '../base/codes.ts';
import { StellaError } from '../base/errors.ts';
import { parseStrictJson } from '../base/json.ts';
import type { MetadataFile, MetadataKinds } from './metadata.ts';
import { isTopRole, TOP_ROLES, type TopRole } from './roles.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Custom metadata may be nested; deeper than this, canonical JSON could not be made of it. */
const MAX_DEPTH = 100;

/**
 * One metadata file, whoever wrote it: the form that the TUF specification gives it (§4.2–§4.6), and what implementations
 * in use have signed instead where it means the same. Fields that are not known stay as they are, since signatures cover
 * them. Nothing is said about the signatures.
 * @param what how to call the file in messages
 * @throws StellaError `code` (TUF_INVALID unless told otherwise)
 */
export function parseMetadata<K extends TopRole>(
  kind: K,
  bytes: Uint8Array,
  what: string,
  code: ErrorCode = 'TUF_INVALID',
): MetadataKinds[K] {
  const document = parseStrictJson(bytes, what, { code, maxDepth: MAX_DEPTH });
  try {
    checkDocument(kind, document);
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    throw new StellaError(code, `${what} is malformed: ${error.message}`);
  }
  return document as MetadataKinds[K];
}

/** The instant at which metadata expires. @param metadata from {@link parseMetadata} */
export function expiryOf(metadata: MetadataFile): Instant {
  return instant(new Date(metadata.signed.expires).getTime());
}

/** Why a document is not what it should be; becomes a refusal with a code where the file's name is known. */
class Malformed extends Error {}

function demand(condition: boolean, problem: string): asserts condition {
  if (!condition) throw new Malformed(problem);
}

function checkDocument(kind: TopRole, document: unknown): void {
  demand(isObject(document) && isObject(document['signed']), 'signed is not an object');
  const { signed, signatures } = document as { signed: Fields; signatures: unknown };
  demand(signed['_type'] === kind, `its type is ${excerpt(String(signed['_type']))}, not ${kind}`);
  checkSignatures(signatures);
  checkCommon(signed);
  PARTS[kind](signed);
}

const PARTS: Readonly<Record<TopRole, (signed: Fields) => void>> = {
  root: checkRoot,
  timestamp: checkTimestamp,
  snapshot: checkSnapshot,
  targets: checkTargets,
};

function checkSignatures(signatures: unknown): void {
  demand(Array.isArray(signatures) && signatures.every(isObject), 'signatures is not a list of objects');
  const seen = new Set<unknown>();
  for (const { keyid, sig } of signatures) {
    demand(typeof keyid === 'string' && typeof sig === 'string', 'a signature lacks keyid or sig');
    demand(!seen.has(keyid), `there are two signatures by key ${excerpt(keyid)}`);
    seen.add(keyid);
  }
}

function checkCommon({ spec_version: specVersion, version, expires }: Fields): void {
  demand(
    typeof specVersion === 'string' && /^1\.\d+(?:\.\d+)?$/.test(specVersion),
    'spec_version is not 1.N',
  );
  demand(isVersion(version), 'version must be a positive integer');
  demand(isTime(expires), 'expires is not a time');
}

/**
 * `2030-01-01T00:00:00Z` (§4.2.1), and what repositories have signed instead: with a fraction, or with an offset. Without
 * either zone it would be another time on every machine.
 */
function isTime(expires: unknown): boolean {
  const match =
    typeof expires === 'string' &&
    /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/.exec(expires);
  if (!match || !(new Date(match[0]).getTime() > 0)) return false;
  try {
    // Dates that do not exist are refused there.
    parseInstant(`${match[1]}Z`);
    return true;
  } catch {
    return false;
  }
}

function checkRoot({ consistent_snapshot: consistentSnapshot, keys, roles }: Fields): void {
  demand(
    consistentSnapshot === undefined || typeof consistentSnapshot === 'boolean',
    'consistent_snapshot must be a boolean',
  );
  demand(isTable(keys), 'keys is not an object of objects');
  checkKeys(keys);
  demand(isTable(roles), 'roles is not an object of objects');
  for (const name of TOP_ROLES) demand(Object.hasOwn(roles, name), `the role ${name} is missing`);
  for (const [name, role] of Object.entries(roles)) checkRoleKeys(role, name);
}

function checkTimestamp({ meta }: Fields): void {
  demand(isObject(meta) && isObject(meta['snapshot.json']), 'meta does not list snapshot.json');
  checkMetaFile(meta['snapshot.json'], 'snapshot.json');
}

function checkSnapshot({ meta }: Fields): void {
  demand(isTable(meta), 'meta is not an object of objects');
  for (const [name, file] of Object.entries(meta)) checkMetaFile(file, name);
}

function checkMetaFile({ version, length, hashes }: Fields, name: string): void {
  const what = `meta of ${excerpt(name)}`;
  demand(isVersion(version), `${what}: version must be a positive integer`);
  demand(length === undefined || isLength(length), `${what}: length must not be negative`);
  demand(hashes === undefined || isTextTable(hashes), `${what}: hashes must be texts by algorithm`);
}

function checkTargets({ targets, delegations }: Fields): void {
  demand(isTable(targets), 'targets is not an object of objects');
  for (const [name, { length, hashes }] of Object.entries(targets)) {
    demand(isLength(length), `target ${excerpt(name)}: length must not be negative`);
    demand(isTextTable(hashes), `target ${excerpt(name)}: hashes must be texts by algorithm`);
  }
  if (delegations !== undefined) {
    demand(isObject(delegations), 'delegations is not an object');
    checkDelegations(delegations);
  }
}

function checkDelegations({ keys, roles, succinct_roles: bins }: Fields): void {
  demand(isTable(keys), 'the keys of delegations are not an object of objects');
  checkKeys(keys);
  if (roles !== undefined) {
    demand(Array.isArray(roles) && roles.every(isObject), 'roles is not a list of objects');
    const seen = new Set<unknown>();
    for (const role of roles) {
      checkDelegatedRole(role);
      demand(!seen.has(role['name']), `the role ${excerpt(String(role['name']))} is delegated twice`);
      seen.add(role['name']);
    }
  }
  if (isObject(bins)) {
    checkRoleKeys(bins, 'hash bins');
    const { bit_length: bits, name_prefix: prefix } = bins;
    demand(Number.isInteger(bits) && Number(bits) >= 1 && Number(bits) <= 32, 'bit_length must be 1 to 32');
    demand(typeof prefix === 'string', 'name_prefix must be a text');
  } else demand(bins === undefined || bins === null, 'succinct_roles is not an object');
}

function checkDelegatedRole(role: Fields): void {
  const { name, terminating, paths, path_hash_prefixes: prefixes } = role;
  demand(typeof name === 'string', 'the name of a delegated role is not a text');
  // What could not be a file name, or a URL, is refused where it would be needed; half a surrogate pair is no character.
  demand(!/\p{Cs}/u.test(name), `a delegated role is called ${excerpt(name)}`);
  demand(!isTopRole(name), `the delegated role ${name} has the name of a top-level role`);
  checkRoleKeys(role, name);
  demand(typeof terminating === 'boolean', `role ${excerpt(name)}: terminating must be a boolean`);
  demand(paths === undefined || isTextList(paths), `role ${excerpt(name)}: paths must be texts`);
  demand(
    prefixes === undefined || isTextList(prefixes),
    `role ${excerpt(name)}: path_hash_prefixes must be texts`,
  );
  demand(
    paths === undefined || prefixes === undefined,
    `role ${excerpt(name)}: paths and path_hash_prefixes exclude each other`,
  );
}

function checkRoleKeys({ keyids, threshold }: Fields, name: string): void {
  demand(isTextList(keyids), `role ${excerpt(name)}: keyids must be texts`);
  demand(new Set(keyids).size === keyids.length, `role ${excerpt(name)}: a key id is listed twice`);
  demand(isVersion(threshold), `role ${excerpt(name)}: threshold must be a positive integer`);
}

const KNOWN_KEY_TYPES: ReadonlySet<unknown> = new Set([
  'ed25519',
  'ecdsa',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'rsa',
]);

/** Keys of other types may look like anything (§4.2): they sign nothing that counts. */
function checkKeys(keys: Readonly<Record<string, Fields>>): void {
  for (const [id, { keytype, scheme, keyval }] of Object.entries(keys)) {
    demand(typeof keytype === 'string', `key ${excerpt(id)}: keytype must be a text`);
    if (!KNOWN_KEY_TYPES.has(keytype)) continue;
    demand(typeof scheme === 'string', `key ${excerpt(id)}: scheme must be a text`);
    demand(isTextTable(keyval), `key ${excerpt(id)}: keyval must be texts`);
  }
}

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isTable = (value: unknown): value is Readonly<Record<string, Fields>> =>
  isObject(value) && Object.values(value).every(isObject);

const isTextTable = (value: unknown): boolean =>
  isObject(value) && Object.values(value).every((item) => typeof item === 'string');

const isTextList = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string');

const isVersion = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 1;

const isLength = (value: unknown) => typeof value === 'number' && value >= 0;
