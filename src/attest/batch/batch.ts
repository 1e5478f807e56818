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
import { startThread } from '../../base/thread.ts';
import { loadTrust, type TrustInputs, type VerifierTrust } from '../authority/verifier-trust.ts';
import {
  type Input,
  type InputFile,
  inputsIn,
  inputsInLines,
  isLongFile,
  type LineBlock,
  readInputs,
  readLines,
} from '../document/inputs.ts';
import { unreadable } from '../verdict/verdict.ts';
import { verdictJson } from '../verdict/verdict-json.ts';
import { type VerifyOptions, verifyAttestation } from '../verify.ts';

/** What one verification after the other is done with; plain data, so that it can be sent to worker threads. */
export interface BatchRules {
  readonly trust: TrustInputs;
  readonly options: VerifyOptions;
  readonly now: Instant;
}

/** A piece of work: some files, some lines, or a document at hand. */
export type BatchPiece =
  | { readonly files: readonly InputFile[] }
  | { readonly lines: LineBlock }
  | { readonly file: InputFile; readonly document: Uint8Array };

const FILES_TOGETHER = 32;
/** Pieces that a thread has before it, so that it never waits. */
const PIECES_AHEAD = 2;
/** This many are done before a thread has started, and another thread joins after as many more. */
const PIECES_BEFORE_THREAD = 16;

/** The work in pieces, read no faster than it is done. */
export async function* piecesOf(files: Iterable<InputFile>): AsyncGenerator<BatchPiece> {
  let together: InputFile[] = [];
  for (const file of files) {
    if (isLongFile(file)) {
      if (together.length > 0) yield { files: together };
      together = [];
      for await (const lines of readLines(file)) yield { lines };
      continue;
    }
    together.push(file);
    if (together.length < FILES_TOGETHER) continue;
    yield { files: together };
    together = [];
  }
  if (together.length > 0) yield { files: together };
}

function* inputsOf(piece: BatchPiece): Generator<Input> {
  if ('lines' in piece) yield* inputsInLines(piece.lines);
  else if ('document' in piece) yield* inputsIn(piece.file, piece.document);
  else {
    for (const file of piece.files) {
      try {
        yield* readInputs(file);
      } catch (error) {
        if (!isStellaError(error)) throw error;
        yield { source: file.name, parsed: { error } };
      }
    }
  }
}

/** Verifies one piece of work. */
export async function verifyPiece(
  piece: BatchPiece,
  trust: VerifierTrust,
  { options, now }: Pick<BatchRules, 'options' | 'now'>,
): Promise<VerdictDocument[]> {
  const documents: VerdictDocument[] = [];
  for (const { source, parsed } of inputsOf(piece)) {
    const verdict =
      'error' in parsed
        ? unreadable(parsed.error, trust)
        : await verifyAttestation(parsed.attestation, trust, options, now);
    documents.push(verdictJson(source, verdict));
  }
  return documents;
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
): AsyncGenerator<VerdictDocument[]> {
  const threads: BatchThread[] = [];
  const waiting: Work[] = [];
  let taken = 0;
  try {
    for await (const piece of pieces) {
      const free = threads.find(({ isFree }) => isFree);
      waiting.push(free ? free.verify(piece) : { documents: await verifyPiece(piece, trust, rules) });
      taken += 1;
      if (threads.length < Math.min(jobs - 1, Math.floor(taken / PIECES_BEFORE_THREAD)))
        threads.push(new BatchThread(rules));
      // Otherwise nothing that the threads say would be heard, either.
      await letInterruptsIn();
      while (waiting[0]?.documents || waiting.length > jobs * PIECES_AHEAD)
        yield await resultOf(waiting.shift()!);
    }
    for (const work of waiting) yield await resultOf(work);
  } finally {
    await Promise.all(threads.map((thread) => thread.end()));
  }
}

/** A piece that was taken on: its verdicts, or the promise of them. */
interface Work {
  documents?: VerdictDocument[];
  readonly answer?: Promise<VerdictDocument[]>;
}

async function resultOf({ documents, answer }: Work): Promise<VerdictDocument[]> {
  return documents ?? (await answer!);
}

type Answer = 'ready' | { readonly documents: VerdictDocument[] } | { readonly failure: string };

/** A worker thread; it answers pieces in the order in which it gets them. */
class BatchThread {
  readonly #worker: Worker;
  readonly #asked: { resolve: (documents: VerdictDocument[]) => void; reject: (error: Error) => void }[] = [];
  #isReady = false;

  constructor(rules: BatchRules) {
    this.#worker = startThread('batch-thread', import.meta.url, rules);
    this.#worker.on('message', (answer: Answer) => {
      if (answer === 'ready') {
        this.#isReady = true;
        return;
      }
      const asked = this.#asked.shift()!;
      if ('documents' in answer) asked.resolve(answer.documents);
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
    const answer = new Promise<VerdictDocument[]>((resolve, reject) => {
      this.#asked.push({ resolve, reject });
    });
    const work: Work = { answer };
    // A failure is reported when its turn comes; until then it must not count as unhandled.
    answer.then(
      (documents) => {
        work.documents = documents;
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
