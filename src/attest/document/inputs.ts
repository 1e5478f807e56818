import { createReadStream, globSync, opendirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { compareBytewise } from '../../base/bytes.ts';
import { isStellaError, StellaError } from '../../base/errors.ts';
import { readBounded, readError } from '../../base/files.ts';
import { ATTESTATION_LIMITS } from './limits.ts';
import { type Parsed, parseAttestations, parseLine } from './parse.ts';

/** A document with attestations, as it was named or found. */
export interface InputFile {
  readonly path: string;
  /** How to call it: as it was named, with what was found below it. */
  readonly name: string;
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
export function* expandPaths(paths: readonly string[], cwd: string): Generator<InputFile> {
  for (const name of paths) {
    if (name === '-') {
      yield { path: name, name: 'stdin', found: false };
      continue;
    }
    const path = resolve(cwd, name);
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat?.isDirectory()) yield* filesBelow(path, name);
    else if (stat) yield { path, name, found: false };
    else if (/[*?[{]/.test(name)) {
      const matches = globSync(name, { cwd }).sort(compareBytewise);
      if (matches.length === 0) throw new StellaError('FILE_NOT_FOUND', `nothing matches ${name}`);
      for (const match of matches) {
        const matched = resolve(cwd, match);
        if (statSync(matched).isDirectory()) yield* filesBelow(matched, match);
        else yield { path: matched, name: match, found: false };
      }
    } else throw new StellaError('FILE_NOT_FOUND', `no such file: ${name}`);
  }
}

function* filesBelow(directory: string, shown: string): Generator<InputFile> {
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
    const [path, shownPath] = [join(directory, name), join(shown, name)];
    if (isDirectory) yield* filesBelow(path, shownPath);
    else yield { path, name: shownPath, found: true };
  }
}

/** Lines that are read together. */
export interface LineBlock {
  readonly file: InputFile;
  /** The number of the first of the lines, from 0. */
  readonly first: number;
  readonly lines: readonly string[];
}

/** Whether a file is too large for one document, so that it can only be JSON lines. */
export function isLongFile(file: InputFile): boolean {
  return fileSize(file) > ATTESTATION_LIMITS.documentBytes;
}

/** Bytes; 0 where there is no such file. */
export function fileSize(file: InputFile): number {
  return statSync(file.path, { throwIfNoEntry: false })?.size ?? 0;
}

/**
 * The attestations in a file. A file that was found in a directory and is no document with attestations gives none;
 * one that was named, and is none, is an error.
 * @throws StellaError FILE_NOT_FOUND, FILE_UNREADABLE, FILE_TOO_LARGE
 */
export function readInputs(file: InputFile): Generator<Input> {
  return inputsIn(file, readBounded(file.path, ATTESTATION_LIMITS.documentBytes));
}

/** {@link readInputs} of a document at hand. */
export function* inputsIn(file: InputFile, document: Uint8Array): Generator<Input> {
  let parsed: Parsed[];
  try {
    parsed = parseAttestations(document, file.name);
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
    yield { source: isSingle ? file.name : `${file.name}#${i}`, parsed: each };
}

/** Whether the text has the marks of an attestation, though it may be cut off or damaged. */
function wasMeantAsAttestation(document: Uint8Array): boolean {
  const text = Buffer.from(document).toString('latin1');
  return /sigstore\.bundle|"verificationMaterial"|"payloadType"|"base64Signature"/.test(text);
}

const LINES_TOGETHER = 64;

/** JSON lines too long to be held at once. @throws StellaError FILE_TOO_LARGE for a line longer than a document may be */
export async function* readLines(file: InputFile): AsyncGenerator<LineBlock> {
  const lines = createInterface({
    input: createReadStream(file.path),
    crlfDelay: Number.POSITIVE_INFINITY,
  });
  let number = 0;
  let block: string[] = [];
  for await (const line of lines) {
    if (line.length > ATTESTATION_LIMITS.documentBytes)
      throw new StellaError(
        'FILE_TOO_LARGE',
        `${file.name}: a line is longer than ${ATTESTATION_LIMITS.documentBytes} characters`,
      );
    if (line.trim() === '') continue;
    block.push(line);
    if (block.length < LINES_TOGETHER) continue;
    yield { file, first: number, lines: block };
    number += block.length;
    block = [];
  }
  if (block.length > 0) yield { file, first: number, lines: block };
}

/** The attestations in lines. */
export function* inputsInLines({ file, first, lines }: LineBlock): Generator<Input> {
  for (const [i, line] of lines.entries()) {
    const source = `${file.name}#${first + i}`;
    for (const parsed of parseLine(line, source)) yield { source, parsed };
  }
}
