/**
 * attest/batch/: many attestations at once: in threads, in shards on several machines, and joined again. It changes
 * how fast verdicts come, never what they say: each is the one that verify.ts gives alone. A shard that is missing,
 * there twice or cut off is an error of the merge. All threads of one run judge by the same trust and the same
 * instant; none of them loads its own.
 * Start here, then shard.ts for how inputs are divided and merge.ts for joining what was printed.
 */

import type { Worker } from 'node:worker_threads';
import type { Instant } from '../../base/clock.ts';
import { isStellaError, StellaError } from '../../base/errors.ts';
import { letInterruptsIn } from '../../base/interrupt.ts';
import type { VerdictDocument } from '../../base/schema-types.ts';
import { fileChunks } from '../../base/streams.ts';
import { startThread } from '../../base/thread.ts';
import { loadTrust, type TrustInputs, type VerifierTrust } from '../authority/verifier-trust.ts';
import { type FoundInput, type InputFile, isInputFile } from '../document/find.ts';
import {
  formOf,
  type Input,
  type InputName,
  inputsIn,
  inputsInLines,
  type LineBlock,
  lineBlocks,
  readInputs,
} from '../document/inputs.ts';
import { areJsonLines, type Parsed } from '../document/parse.ts';
import { type SkipReason, startsAsList } from '../document/recognize.ts';
import { unreadable, type Verdict } from '../verdict/verdict.ts';
import { verdictJson } from '../verdict/verdict-json.ts';
import type { VerifyOptions } from '../verify.ts';
import { verifyInDocument } from '../verify-document.ts';

/** What one verification after the other is done with; plain data, so that it can be sent to worker threads. */
export interface BatchRules {
  readonly trust: TrustInputs;
  readonly options: VerifyOptions;
  readonly now: Instant;
  /** Whether verdicts repeat the statements that held. */
  readonly withStatement?: boolean;
}

/** A piece of work: some files, some lines, a document at hand, or what needs no work. */
export type BatchPiece =
  | { readonly files: readonly InputFile[]; readonly hasMany?: boolean }
  | { readonly lines: LineBlock }
  | { readonly file: InputName; readonly document: Uint8Array }
  | { readonly inputs: readonly Input[]; readonly file?: InputName };

/** Something that was found and is no attestation. */
export interface SkippedSource {
  readonly source: string;
  readonly reason: SkipReason;
}

/** What a piece of work came to. */
export interface PieceResult {
  readonly documents: readonly VerdictDocument[];
  readonly skipped: readonly SkippedSource[];
}

const MAX_FILES_TOGETHER = 32;
/** So many bytes of files at once: what they hold, and the verdicts on it, are in memory together. */
const MAX_BYTES_TOGETHER = 256 * 1024;
/** A larger file is read by itself, and in blocks where it has lines. */
const MAX_SMALL_FILE_BYTES = 64 * 1024;
/** Larger documents are judged one at a time, by this thread. */
const MAX_BYTES_FOR_THREAD = 8 * 1024 * 1024;
/** Pieces that a thread has before it, so that it never waits. */
const PIECES_AHEAD = 2;
const MAX_VERDICTS_WAITING = 5000;
/** This many are done before a thread has started, and another thread joins after as many more. */
const PIECES_BEFORE_THREAD = 16;

/** The work in pieces, read no faster than it is done. */
export function* piecesOf(inputs: Iterable<FoundInput>): Generator<BatchPiece> {
  let together: InputFile[] = [];
  let bytes = 0;
  for (const input of inputs) {
    const isSmall = isInputFile(input) && input.size <= MAX_SMALL_FILE_BYTES;
    if (
      together.length === MAX_FILES_TOGETHER ||
      (together.length > 0 && (!isSmall || bytes + input.size > MAX_BYTES_TOGETHER))
    ) {
      yield { files: together };
      together = [];
      bytes = 0;
    }
    if (isSmall) {
      together.push(input);
      bytes += input.size;
    } else if (isInputFile(input)) yield* piecesOfLarge(input);
    else yield { inputs: [inputOf(input)] };
  }
  if (together.length > 0) yield { files: together };
}

function inputOf(input: Exclude<FoundInput, InputFile>): Input {
  return 'error' in input
    ? { source: input.name, parsed: { error: input.error } }
    : { source: input.name, skipped: input.skipped };
}

function* piecesOfLarge(file: InputFile): Generator<BatchPiece> {
  try {
    const form = formOf(file);
    if (form === 'lines') yield* piecesOfLines(file, fileChunks(file.path));
    else if (form === 'list') yield { files: [file], hasMany: true };
    else if (form === 'document') yield { files: [file] };
    else yield { inputs: [form], file };
  } catch (error) {
    if (!isStellaError(error)) throw error;
    yield { inputs: [{ source: file.name, parsed: { error } }] };
  }
}

/** A document at hand, in pieces where it has lines. */
export function* piecesOfDocument(file: InputName, document: Uint8Array): Generator<BatchPiece> {
  if (document.length > MAX_SMALL_FILE_BYTES && areJsonLines([document]))
    yield* piecesOfLines(file, [document]);
  else yield { file, document };
}

function* piecesOfLines(file: InputName, chunks: Iterable<Uint8Array>): Generator<BatchPiece> {
  for (const block of lineBlocks(file, chunks))
    yield 'end' in block ? { inputs: [block.end], file } : { lines: block.lines };
}

function* inputsOf(piece: BatchPiece): Generator<Input> {
  if ('inputs' in piece) yield* piece.inputs;
  else if ('lines' in piece) yield* inputsInLines(piece.lines);
  else if ('document' in piece) yield* inputsIn(piece.file, piece.document);
  else {
    for (const file of piece.files) {
      try {
        yield* readInputs(file);
      } catch (error) {
        yield { source: file.name, parsed: { error: stellaErrorOf(error) } };
      }
    }
  }
}

/** What should not have happened is said of the one input that it happened with; the others are judged all the same. */
function stellaErrorOf(error: unknown): StellaError {
  if (isStellaError(error)) return error;
  return new StellaError('INTERNAL', error instanceof Error ? error.message : String(error), {
    cause: error,
  });
}

/** Verifies one piece of work. */
export async function verifyPiece(
  piece: BatchPiece,
  trust: VerifierTrust,
  { options, now, withStatement = false }: Omit<BatchRules, 'trust'>,
): Promise<PieceResult> {
  const documents: VerdictDocument[] = [];
  const skipped: SkippedSource[] = [];
  for (const input of inputsOf(piece)) {
    const { source } = input;
    if ('skipped' in input) skipped.push({ source, reason: input.skipped });
    else
      documents.push(
        verdictJson(source, await verdictOn(input.parsed, trust, options, now), { withStatement }),
      );
  }
  return { documents, skipped };
}

async function verdictOn(
  parsed: Parsed,
  trust: VerifierTrust,
  options: VerifyOptions,
  now: Instant,
): Promise<Verdict> {
  if ('error' in parsed) return unreadable(parsed.error, trust);
  try {
    return await verifyInDocument(parsed.attestation, trust, options, now);
  } catch (error) {
    return unreadable(stellaErrorOf(error), trust);
  }
}

/** Whether another thread may take it: of what is large, or has very many attestations, there is one at a time. */
function isForThread(piece: BatchPiece): boolean {
  if ('inputs' in piece) return false;
  if ('document' in piece) return piece.document.length <= MAX_BYTES_FOR_THREAD;
  if ('lines' in piece)
    return !piece.lines.lines.some((line) => line.length > MAX_SMALL_FILE_BYTES && startsAsList(line));
  return !piece.hasMany && piece.files.every(({ size }) => size <= MAX_BYTES_FOR_THREAD);
}

/**
 * Verifies any number of attestations in constant memory, their verdicts in the order of the input. This thread works, too;
 * others join it as the work goes on, so that little work is done before any has started.
 * @param jobs threads that verify, this one included
 * @param trust what `rules.trust` was loaded to, if it was
 */
export async function* verifyBatch(
  pieces: AsyncIterable<BatchPiece>,
  rules: BatchRules,
  jobs: number,
  trust: VerifierTrust = loadTrust(rules.trust),
): AsyncGenerator<PieceResult> {
  const threads: BatchThread[] = [];
  const waiting: Work[] = [];
  let taken = 0;
  try {
    for await (const piece of pieces) {
      const free = isForThread(piece) ? threads.find(({ isFree }) => isFree) : undefined;
      waiting.push(free ? free.verify(piece) : { result: await verifyPiece(piece, trust, rules) });
      taken += 1;
      if (threads.length < Math.min(jobs - 1, Math.floor(taken / PIECES_BEFORE_THREAD)))
        threads.push(new BatchThread(rules));
      // Otherwise nothing that the threads say would be heard, either.
      await letInterruptsIn();
      while (waiting[0]?.result || waiting.length > jobs * PIECES_AHEAD || isMuch(waiting))
        yield await resultOf(waiting.shift()!);
    }
    for (const work of waiting) yield await resultOf(work);
  } finally {
    await Promise.all(threads.map((thread) => thread.end()));
  }
}

/** Whether more verdicts wait for their turn than should be in memory. */
const isMuch = (waiting: readonly Work[]) =>
  waiting.reduce((sum, { result }) => sum + (result?.documents.length ?? 0), 0) > MAX_VERDICTS_WAITING;

/** A piece that was taken on: its verdicts, or the promise of them. */
interface Work {
  result?: PieceResult;
  readonly answer?: Promise<PieceResult>;
}

async function resultOf({ result, answer }: Work): Promise<PieceResult> {
  return result ?? (await answer!);
}

type Answer = 'ready' | PieceResult | { readonly failure: string };

/** A worker thread; it answers pieces in the order in which it gets them. */
class BatchThread {
  readonly #worker: Worker;
  readonly #asked: { resolve: (result: PieceResult) => void; reject: (error: Error) => void }[] = [];
  #isReady = false;

  constructor(rules: BatchRules) {
    this.#worker = startThread('batch-thread', import.meta.url, rules);
    this.#worker.on('message', (answer: Answer) => {
      if (answer === 'ready') {
        this.#isReady = true;
        return;
      }
      const asked = this.#asked.shift()!;
      if ('documents' in answer) asked.resolve(answer);
      else asked.reject(new StellaError('INTERNAL', answer.failure));
    });
    this.#worker.on('error', (error) => {
      this.#isReady = false;
      for (const { reject } of this.#asked.splice(0)) reject(error as Error);
    });
  }

  /** Whether it has started and would soon have nothing to do. */
  get isFree(): boolean {
    return this.#isReady && this.#asked.length < PIECES_AHEAD;
  }

  verify(piece: BatchPiece): Work {
    const answer = new Promise<PieceResult>((resolve, reject) => {
      this.#asked.push({ resolve, reject });
    });
    const work: Work = { answer };
    // A failure is reported when its turn comes; until then it must not count as unhandled.
    answer.then(
      (result) => {
        work.result = result;
      },
      () => {},
    );
    this.#worker.postMessage(piece);
    return work;
  }

  async end(): Promise<void> {
    await this.#worker.terminate();
  }
}
