import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { ByteFile } from '../archive/byte-file.ts';
import { excerpt, formatHex, formatUtf8, type Sha256Hex } from '../base/bytes.ts';
import { formatCanonicalJson } from '../base/canonical-json.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { readBounded, readBoundedIfPresent } from '../base/files.ts';
import { parseJson } from '../base/schema.ts';
import type { Parts } from '../base/schema-types.ts';
import { BUNDLE_PARTS_TYPE, parseManifestSignature, type SignedParts } from './signature.ts';

export type { Parts } from '../base/schema-types.ts';

export const PARTS_FORMAT = 'stella-parts/v1';
/** Parts are numbered with three digits. */
export const MAX_PARTS = 999;
const MAX_PARTS_BYTES = 256 * 1024;
const MAX_SIGNATURE_BYTES = 64 * 1024;

/** The file names of a split bundle. */
export interface VolumeNames {
  /** `NAME.parts.json`, without the `.tar.zst` of the bundle's name. */
  readonly list: string;
  /** `NAME.parts.cose`: a COSE_Sign over the list, as manifest.cose is over the manifest. */
  readonly signature: string;
  /** `NAME.tar.zst.001` and on. */
  part(index: number): string;
}

/** @param bundle file name of the whole bundle */
export function volumeNames(bundle: string): VolumeNames {
  const stem = bundle.replace(/\.tar\.zst$/, '');
  return {
    list: `${stem}.parts.json`,
    signature: `${stem}.parts.cose`,
    part: (index) => `${bundle}.${String(index + 1).padStart(3, '0')}`,
  };
}

/** Whether a path is of a part or of a list of parts, going by its name. */
export function isVolumePath(path: string): boolean {
  return /(?:\.parts\.json|\.\d{3})$/.test(basename(path));
}

/**
 * Where a bundle lies, by the path it was sealed at: there, or split next to it, by its list or, where that is missing, by its
 * first part, so that what is missing can be named.
 */
export function foundBundle(path: string): string {
  if (isVolumePath(path) || existsSync(path)) return path;
  const names = volumeNames(basename(path));
  const found = [names.list, names.part(0)]
    .map((name) => join(dirname(path), name))
    .find((one) => existsSync(one));
  return found ?? path;
}

/**
 * What is left of a split bundle at a path, besides the files that are about to be made: what its list names, and parts that no
 * list names.
 * @param made names of files
 */
export function splitRemains(
  path: string,
  made: ReadonlySet<string>,
): { readonly listed: readonly string[]; readonly unlisted: readonly string[] } {
  const directory = dirname(path);
  const names = volumeNames(basename(path));
  const list = join(directory, names.list);
  const parts = listedParts(list);
  const known = new Set([names.list, names.signature, ...parts.map((_, i) => names.part(i))]);
  const there = namesIn(directory) ?? [...known].filter((name) => existsSync(join(directory, name)));
  const others = there.filter(
    (name) =>
      !made.has(name) &&
      (known.has(name) ||
        (name.startsWith(`${basename(path)}.`) &&
          /\.\d{3}$/.test(name) &&
          names.part(Number(name.slice(-3)) - 1) === name)),
  );
  const paths = (areListed: boolean) =>
    others.filter((name) => known.has(name) === areListed).map((name) => join(directory, name));
  return { listed: paths(true), unlisted: paths(false) };
}

/** @returns `undefined` where they cannot be listed */
function namesIn(directory: string): string[] | undefined {
  try {
    return readdirSync(directory);
  } catch {
    return undefined;
  }
}

function listedParts(list: string): Parts['parts'] {
  try {
    return existsSync(list) ? loadParts(list).parts.parts : [];
  } catch (error) {
    // A damaged list names no parts.
    if (isStellaError(error)) return [];
    throw error;
  }
}

/** The canonical bytes of a list of parts. Inverse of {@link parseParts}. */
export function formatParts(parts: Parts): Uint8Array {
  return formatUtf8(`${formatCanonicalJson(parts)}\n`);
}

/**
 * Reads NAME.parts.json; accepts the canonical form only.
 * @throws StellaError SCHEMA_INVALID
 */
export function parseParts(bytes: Uint8Array): Parts {
  const parts = parseJson('parts', bytes, 'the list of parts');
  if (Buffer.compare(formatParts(parts), bytes) !== 0)
    throw new StellaError('SCHEMA_INVALID', 'the list of parts is not in canonical form');
  if (!/^[^/\\:\p{Cc}]+$/u.test(parts.name) || /^\.*$/.test(parts.name))
    throw new StellaError(
      'SCHEMA_INVALID',
      `the list of parts names a file that is none: ${excerpt(parts.name)}`,
    );
  return parts;
}

/** What is wrong with a part. */
export interface PartProblem {
  readonly name: string;
  readonly problem: 'missing' | 'short' | 'long' | 'damaged';
}

/** A list of parts whose parts are all there. */
class CheckedParts implements SignedParts {
  readonly bytes: Uint8Array;
  readonly signatures: SignedParts['signatures'];
  readonly #parts: Parts;

  constructor(bytes: Uint8Array, signature: Uint8Array, parts: Parts) {
    this.bytes = bytes;
    this.signatures = parseManifestSignature(signature, BUNDLE_PARTS_TYPE);
    this.#parts = parts;
  }

  /** @throws StellaError MANIFEST_INVALID where the list is of another bundle */
  checkBundle(manifestSha256: Sha256Hex): void {
    if (this.#parts.manifest_sha256 !== manifestSha256)
      throw new StellaError('MANIFEST_INVALID', 'the list of parts is of another bundle');
  }
}

/**
 * The volumes of a split bundle in order, by the path of its list or of one of its parts.
 * @throws StellaError PARTS_INCOMPLETE (no list), SCHEMA_INVALID, FILE_NOT_FOUND, FILE_UNREADABLE
 */
export function volumePaths(path: string): string[] {
  const { directory, parts, names } = loadParts(path);
  return parts.parts.map((_, i) => join(directory, names.part(i)));
}

function loadParts(path: string): { directory: string; bytes: Uint8Array; parts: Parts; names: VolumeNames } {
  const directory = dirname(path);
  const listPath = path.endsWith('.parts.json')
    ? path
    : join(directory, volumeNames(basename(path).replace(/\.\d{3}$/, '')).list);
  const bytes = path === listPath ? readBounded(path, MAX_PARTS_BYTES) : readList(listPath);
  const parts = parseParts(bytes);
  const names = volumeNames(parts.name);
  if (names.list !== basename(listPath))
    throw new StellaError('SCHEMA_INVALID', `${listPath} is a list of the parts of ${excerpt(parts.name)}`, {
      hint: 'leave the files of a split bundle the names they were written with',
    });
  return { directory, bytes, parts, names };
}

/**
 * Opens a split bundle as if it were whole, by the path of its list or of one of its parts. Every part is read and
 * compared with the list first; all that are missing, short, long or damaged are named at once.
 * @throws StellaError PARTS_INCOMPLETE, SCHEMA_INVALID, COSE_INVALID, FILE_NOT_FOUND, FILE_UNREADABLE
 */
export async function openVolumes(path: string): Promise<{ file: ByteFile; parts: CheckedParts }> {
  const { directory, bytes, parts, names } = loadParts(path);
  const signature = readBoundedIfPresent(join(directory, names.signature), MAX_SIGNATURE_BYTES);
  const problems: PartProblem[] = signature ? [] : [{ name: names.signature, problem: 'missing' }];
  for (const [i, part] of parts.parts.entries()) {
    const problem = await problemOf(join(directory, names.part(i)), part);
    if (problem) problems.push({ name: names.part(i), problem });
  }
  if (!signature || problems.length > 0) throw incomplete(problems, parts.parts.length);
  const checked = new CheckedParts(bytes, signature, parts);
  const paths = parts.parts.map((_, i) => join(directory, names.part(i)));
  return { file: await ByteFile.open(parts.name, paths), parts: checked };
}

function readList(path: string): Uint8Array {
  const bytes = readBoundedIfPresent(path, MAX_PARTS_BYTES);
  if (!bytes) throw incomplete([{ name: basename(path), problem: 'missing' }], undefined);
  return bytes;
}

function incomplete(problems: readonly PartProblem[], count: number | undefined): StellaError {
  const named = problems.map(({ name, problem }) => `${name} (${problem})`).join(', ');
  return new StellaError(
    'PARTS_INCOMPLETE',
    `of ${count === undefined ? 'a split bundle' : `${count} parts`}, these are not as they should be: ${named}`,
    { details: { parts: problems } },
  );
}

async function problemOf(
  path: string,
  part: Parts['parts'][number],
): Promise<PartProblem['problem'] | undefined> {
  let file: ByteFile;
  try {
    file = await ByteFile.open(path, [path]);
  } catch (error) {
    if (isStellaError(error, 'FILE_NOT_FOUND')) return 'missing';
    throw error;
  }
  try {
    if (file.size !== part.size) return file.size < part.size ? 'short' : 'long';
    const hash = createHash('sha256');
    for await (const piece of file.stream()) hash.update(piece);
    return formatHex(hash.digest()) === part.sha256 ? undefined : 'damaged';
  } finally {
    await file.close();
  }
}
