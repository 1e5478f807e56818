import { StellaError } from '../../base/errors.ts';
import { readBounded } from '../../base/files.ts';
import { fileChunks, splitLines } from '../../base/streams.ts';
import type { InputFile } from './find.ts';
import { ATTESTATION_LIMITS } from './limits.ts';
import { areJsonLines, type Parsed, parseDocument, parseLine } from './parse.ts';
import {
  isBlank,
  isTextMeantAsAttestation,
  type SkipReason,
  startsAsJson,
  startsAsList,
} from './recognize.ts';

/** A document by what it is called. */
export type InputName = Pick<InputFile, 'name' | 'found' | 'size'>;

/** One attestation and where it comes from, or why there is none. */
export type Input =
  | {
      /** `FILE`, or `FILE#3` for the fourth of several. */
      readonly source: string;
      readonly parsed: Parsed;
    }
  | { readonly source: string; readonly skipped: SkipReason };

/** Lines that are read together. */
export interface LineBlock {
  readonly file: InputName;
  /** The number of the first of the lines, from 0, without blank ones. */
  readonly first: number;
  readonly lines: readonly Uint8Array[];
}

/** Whether a file is too large for one document, so that it can only be JSON lines. */
export function isLongFile(file: Pick<InputFile, 'size'>): boolean {
  return file.size > ATTESTATION_LIMITS.documentBytes;
}

/**
 * The attestations in a file. A file that was found in a directory and is not meant as one is skipped; one that was named
 * is an error.
 * @throws StellaError FILE_NOT_FOUND, FILE_UNREADABLE, FILE_TOO_LARGE
 */
export function readInputs(file: InputFile): Generator<Input> {
  return inputsIn(file, readBounded(file.path, ATTESTATION_LIMITS.documentBytes));
}

/** {@link readInputs} of a document at hand. */
export function* inputsIn(file: InputName, document: Uint8Array): Generator<Input> {
  if (areJsonLines([document])) {
    for (const block of lineBlocks(file, [document]))
      yield* 'end' in block ? [block.end] : inputsInLines(block.lines);
    return;
  }
  const { parsed, other } = parseDocument(document, file.name);
  if (other !== undefined && (file.found || parsed.length === 0)) {
    yield { source: file.name, skipped: other };
    return;
  }
  for (const [i, each] of parsed.entries())
    yield { source: parsed.length === 1 ? file.name : `${file.name}#${i}`, parsed: each };
}

/** A block of lines, or what ends the reading of a file. */
export type LinesOrEnd = { readonly lines: LineBlock } | { readonly end: Input };

const MAX_LINES_TOGETHER = 64;
/** So many bytes of lines at once, unless one has more. */
const MAX_BYTES_TOGETHER = 256 * 1024;

/**
 * JSON lines in blocks of bounded size. What is found and has no line that is meant as an attestation, in as much of it as
 * one document may have, is skipped. The reading ends at a line that is too long, and after too many that are not meant as
 * attestations: whatever a file holds, what it costs is bounded.
 */
export function* lineBlocks(file: InputName, chunks: Iterable<Uint8Array>): Generator<LinesOrEnd> {
  const ended = (line: number, why: string): LinesOrEnd => ({
    end: {
      source: `${file.name}#${line}`,
      parsed: {
        error: new StellaError('FILE_TOO_LARGE', `${file.name}: ${why}; the rest was not read`, {
          hint: 'leave out what is no attestation, and split the file',
        }),
      },
    },
  });
  let [first, others, bytesBefore, isMeant] = [0, 0, 0, !file.found];
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  for (const { number, bytes } of splitLines(chunks, ATTESTATION_LIMITS.documentBytes)) {
    if (bytes && isBlank(bytes)) continue;
    const isOther = !bytes || !isTextMeantAsAttestation(bytes.toString('latin1'));
    if (isOther) others += 1;
    else isMeant = true;
    bytesBefore += bytes?.length ?? Number.POSITIVE_INFINITY;
    if (
      !isMeant &&
      (others > ATTESTATION_LIMITS.otherLines || bytesBefore > ATTESTATION_LIMITS.documentBytes)
    )
      break;
    const isFull =
      held.length === MAX_LINES_TOGETHER ||
      (held.length > 0 && heldBytes + (bytes?.length ?? 0) > MAX_BYTES_TOGETHER);
    if (isMeant && isFull) {
      yield { lines: { file, first, lines: held } };
      first += held.length;
      held = [];
      heldBytes = 0;
    }
    if (!bytes || others > ATTESTATION_LIMITS.otherLines) {
      if (held.length > 0) yield { lines: { file, first, lines: held } };
      yield ended(
        first + held.length,
        bytes
          ? `more than ${ATTESTATION_LIMITS.otherLines} lines are no attestations`
          : `line ${number} is longer than ${ATTESTATION_LIMITS.documentBytes} bytes`,
      );
      return;
    }
    held.push(bytes);
    heldBytes += bytes.length;
  }
  if (!isMeant) yield { end: { source: file.name, skipped: 'no attestation' } };
  else if (held.length > 0) yield { lines: { file, first, lines: held } };
}

/** What a file holds that is not to be read at once: JSON lines, one document, or neither. */
export function formOf(file: InputFile): 'lines' | 'list' | 'document' | Input {
  if (areJsonLines(fileChunks(file.path))) return 'lines';
  const [start] = fileChunks(file.path);
  if (!isLongFile(file)) return start && startsAsList(start) ? 'list' : 'document';
  const isJson = start !== undefined && startsAsJson(start);
  if (file.found) return { source: file.name, skipped: isJson ? 'too large for one document' : 'not JSON' };
  return {
    source: file.name,
    parsed: {
      error: isJson
        ? new StellaError(
            'FILE_TOO_LARGE',
            `${file.name} is larger than ${ATTESTATION_LIMITS.documentBytes} bytes`,
            { hint: 'give its attestations as JSON lines' },
          )
        : new StellaError('PARSE_FAILED', `${file.name} is not JSON`),
    },
  };
}

/** Why a document that was found in a directory is no attestation; `undefined` where it is meant as one, or was named. */
export function skipReasonOf(file: InputName, document: Uint8Array): SkipReason | undefined {
  if (!file.found) return undefined;
  if (!areJsonLines([document])) return parseDocument(document, file.name).other;
  const [first] = lineBlocks(file, [document]);
  return first && skipReasonIn(first);
}

/** {@link skipReasonOf} of a file that is too large for one document. */
export function longSkipReasonOf(file: InputFile): SkipReason | undefined {
  const form = formOf(file);
  if (form === 'list' || form === 'document') return undefined;
  if (form !== 'lines') return 'skipped' in form ? form.skipped : undefined;
  const [first] = lineBlocks(file, fileChunks(file.path));
  return first && skipReasonIn(first);
}

const skipReasonIn = (block: LinesOrEnd) =>
  'end' in block && 'skipped' in block.end ? block.end.skipped : undefined;

/** The attestations in lines. */
export function* inputsInLines({ file, first, lines }: LineBlock): Generator<Input> {
  for (const [i, line] of lines.entries()) {
    const source = `${file.name}#${first + i}`;
    for (const parsed of parseLine(line, source)) yield { source, parsed };
  }
}
