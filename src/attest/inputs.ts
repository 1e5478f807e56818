import { createReadStream, globSync, opendirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { compareBytewise } from '../base/bytes.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { readBounded, readError } from '../base/files.ts';
import { LIMITS } from './limits.ts';
import { type Parsed, parseAttestations, parseLine } from './parse.ts';

/** A document with attestations, as it was named or found. */
export interface InputFile {
  readonly path: string;
  /** Found in a directory, where other files may lie too. */
  readonly found: boolean;
}

/** One attestation and where it comes from. */
export interface Input {
  /** `FILE`, or `FILE#3` for the fourth of several. */
  readonly source: string;
  readonly parsed: Parsed;
}

/**
 * The files that paths, directories (with everything below them, in bytewise order) and glob patterns name. `-` stays
 * as it is.
 * @throws StellaError FILE_NOT_FOUND, FILE_UNREADABLE
 */
export function* expandPaths(paths: readonly string[]): Generator<InputFile> {
  for (const path of paths) {
    if (path === '-') {
      yield { path, found: false };
      continue;
    }
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat?.isDirectory()) yield* filesBelow(path);
    else if (stat) yield { path, found: false };
    else if (/[*?[{]/.test(path)) {
      const matches = globSync(path).sort(compareBytewise);
      if (matches.length === 0) throw new StellaError('FILE_NOT_FOUND', `nothing matches ${path}`);
      for (const match of matches) {
        if (statSync(match).isDirectory()) yield* filesBelow(match);
        else yield { path: match, found: false };
      }
    } else throw new StellaError('FILE_NOT_FOUND', `no such file: ${path}`);
  }
}

function* filesBelow(directory: string): Generator<InputFile> {
  const names: { name: string; isDirectory: boolean }[] = [];
  try {
    const handle = opendirSync(directory);
    try {
      for (let entry = handle.readSync(); entry; entry = handle.readSync()) {
        const isDirectory = entry.isDirectory();
        if (isDirectory || entry.isFile()) names.push({ name: entry.name, isDirectory });
      }
    } finally {
      handle.closeSync();
    }
  } catch (cause) {
    throw readError(directory, cause);
  }
  names.sort((a, b) => compareBytewise(a.name, b.name));
  for (const { name, isDirectory } of names) {
    const path = join(directory, name);
    if (isDirectory) yield* filesBelow(path);
    else yield { path, found: true };
  }
}

/**
 * The attestations in a file. A file that was found in a directory and is no document with attestations gives none;
 * one that was named, and is none, is an error.
 */
export async function* readInputs(file: InputFile): AsyncGenerator<Input> {
  const size = statSync(file.path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > LIMITS.documentBytes) {
    yield* readLines(file);
    return;
  }
  yield* inputsIn(file, readBounded(file.path, LIMITS.documentBytes));
}

/** {@link readInputs} of a document at hand. */
export function* inputsIn(file: InputFile, document: Uint8Array): Generator<Input> {
  let parsed: Parsed[];
  try {
    parsed = parseAttestations(document, file.path);
  } catch (error) {
    if (!isStellaError(error)) throw error;
    parsed = [{ error }];
  }
  const isSingle = parsed.length === 1;
  const [only] = parsed;
  // What was found and neither is nor was meant to be an attestation (trusted roots, artifacts) is passed over.
  if (
    file.found &&
    isSingle &&
    'error' in only! &&
    only.error.code === 'PARSE_FAILED' &&
    !wasMeantAsAttestation(document)
  )
    return;
  for (const [i, each] of parsed.entries())
    yield { source: isSingle ? file.path : `${file.path}#${i}`, parsed: each };
}

/** Whether the text has the marks of an attestation, though it may be cut off or damaged. */
function wasMeantAsAttestation(document: Uint8Array): boolean {
  const text = Buffer.from(document).toString('latin1');
  return /sigstore\.bundle|"verificationMaterial"|"payloadType"|"base64Signature"/.test(text);
}

/** JSON lines too long to be held at once. */
async function* readLines(file: InputFile): AsyncGenerator<Input> {
  const lines = createInterface({ input: createReadStream(file.path), crlfDelay: Number.POSITIVE_INFINITY });
  let number = 0;
  for await (const line of lines) {
    if (line.length > LIMITS.documentBytes)
      throw new StellaError(
        'FILE_TOO_LARGE',
        `${file.path}: a line is longer than ${LIMITS.documentBytes} characters`,
      );
    if (line.trim() === '') continue;
    for (const parsed of parseLine(line, `${file.path} line ${number + 1}`))
      yield { source: `${file.path}#${number}`, parsed };
    number += 1;
  }
}
