import {
  appendFileSync,
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  truncateSync,
} from 'node:fs';
import { join } from 'node:path';
import { type Sha256Hex, sha256Hex } from '../base/bytes.ts';
import { formatCanonicalJson } from '../base/canonical-json.ts';
import { formatInstant, type Instant } from '../base/clock.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { openOwnIfPresent, readError, readOwnIfPresent, replaceFile, writeError } from '../base/files.ts';
import { parseStrictJson } from '../base/json.ts';
import type { StoreState } from '../base/schema-types.ts';
import { type Line, openChunks, splitLines } from '../base/streams.ts';
import type { Generation } from './store.ts';

/** What an audit line is about. */
export type AuditEvent =
  | 'init'
  | 'sync'
  | 'import'
  | 'export'
  | 'pin'
  | 'unpin'
  | 'prune'
  | 'refusal'
  | 'recovery';

export interface AuditLine {
  readonly time: string;
  readonly event: AuditEvent;
  /** SHA-256 of the line before it (without its line feed); 64 zeroes on the first. */
  readonly previous: string;
  readonly [fact: string]: unknown;
}

const NONE = '0'.repeat(64);
/** Bytes of one line; an import's has some 500. */
const MAX_LINE_BYTES = 4 * 1024 * 1024;

const logPath = (store: string) => join(store, 'audit.jsonl');
/** Holds a copy of the last line, so that a missing last line is noticed, and a torn one can be completed. */
const headPath = (store: string) => join(store, 'audit.head');

/**
 * Appends one line to the hash-chained audit log. The head is written first: after a crash between the two, the next
 * append completes the log from it. Call it with the store's lock held.
 * @throws StellaError WRITE_FAILED
 */
export function appendAudit(
  store: string,
  now: Instant,
  event: AuditEvent,
  facts: Readonly<Record<string, unknown>>,
): void {
  const last = completeAudit(store);
  const line = formatCanonicalJson({
    ...facts,
    time: formatInstant(now),
    event,
    previous: last === undefined ? NONE : sha256Hex(Buffer.from(last)),
  });
  replaceFile(headPath(store), Buffer.from(`${line}\n`));
  appendLine(logPath(store), line);
}

/**
 * Makes the audit log whole after a crash: finishes an append that was interrupted, and records a generation that became
 * current without a line about it. Call it with the store's lock held.
 */
export function recoverAudit(store: string, now: Instant, generation: number | undefined): void {
  const last = completeAudit(store);
  if (generation === undefined) return;
  if (last === undefined || !tellsOf(store, generation))
    appendAudit(store, now, 'recovery', { generation, reason: 'interrupted before it was recorded' });
}

function tellsOf(store: string, generation: number): boolean {
  const wanted = `"generation":${generation},`;
  for (const { bytes } of linesOf(store)) if (bytes?.includes(wanted)) return true;
  return false;
}

/** The lines of the log, if there is one. */
function linesOf(store: string): Iterable<Line> {
  const path = logPath(store);
  const fd = openOwnIfPresent(path);
  return fd === undefined ? [] : splitLines(openChunks(fd, path), MAX_LINE_BYTES);
}

/** Finishes an append that was interrupted; returns the last line. */
function completeAudit(store: string): string | undefined {
  const head = loadHead(store);
  if (head === undefined) return undefined;
  const path = logPath(store);
  const expected = Buffer.from(`${head}\n`);
  const { size, end } = endOf(path);
  if (end.subarray(-expected.length).equals(expected)) return head;
  try {
    const whole = size - end.length + end.lastIndexOf(0x0a) + 1;
    if (whole < size) truncateSync(path, whole);
  } catch (cause) {
    throw writeError(path, cause);
  }
  appendLine(path, head);
  return head;
}

/** The size of the log, and its last bytes: a line at the most. */
function endOf(path: string): { readonly size: number; readonly end: Buffer } {
  const fd = openOwnIfPresent(path);
  if (fd === undefined) return { size: 0, end: Buffer.alloc(0) };
  try {
    const { size } = fstatSync(fd);
    const end = Buffer.alloc(Math.min(size, MAX_LINE_BYTES));
    return { size, end: end.subarray(0, readSync(fd, end, 0, end.length, size - end.length)) };
  } catch (cause) {
    throw readError(path, cause);
  } finally {
    closeSync(fd);
  }
}

const loadHead = (store: string) =>
  readOwnIfPresent(headPath(store), MAX_LINE_BYTES + 1)
    ?.toString('utf8')
    .trimEnd();

function appendLine(path: string, line: string): void {
  try {
    // A pipe or link in the place of the log is not waited for, and nothing is written through it.
    const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
    const fd = openSync(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o644);
    try {
      if (!fstatSync(fd).isFile()) throw new StellaError('WRITE_FAILED', `${path} is not a regular file`);
      appendFileSync(fd, `${line}\n`);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    throw writeError(path, cause);
  }
}

/**
 * Reads the audit log, line by line, and checks its chain. Nothing is known to be whole before the last line was given.
 * @throws StellaError AUDIT_BROKEN naming the first line that was edited, removed or moved
 */
export function* readAudit(store: string): Generator<AuditLine> {
  let previous: string = NONE;
  let count = 0;
  let last: Buffer | undefined;
  for (const line of linesOf(store)) {
    const value = auditLineIn(line, previous);
    last = line.bytes!;
    previous = sha256Hex(last);
    count = line.number;
    yield value;
  }
  const head = loadHead(store);
  if (head === last?.toString('utf8')) return;
  throw head === undefined
    ? broken(count, 'the record of its last line is gone')
    : broken(count + 1, 'the last line is missing or altered');
}

const broken = (line: number, why: string) =>
  new StellaError('AUDIT_BROKEN', `the audit log is broken at line ${line}: ${why}`, { details: { line } });

function auditLineIn({ number, bytes, isEnded }: Line, previous: string): AuditLine {
  if (!bytes) throw broken(number, 'it is too long');
  if (!isEnded) throw broken(number, 'it ends in the middle of a line');
  let value: unknown;
  try {
    value = parseStrictJson(bytes, 'it', { code: 'AUDIT_BROKEN' });
  } catch (error) {
    if (!isStellaError(error)) throw error;
    throw broken(number, error.message);
  }
  if (value === null || typeof value !== 'object' || (value as { previous?: unknown }).previous !== previous)
    throw broken(number, 'it does not follow from the line before it');
  return value as AuditLine;
}

/**
 * {@link readAudit} as a list, of the last lines only where told so.
 * @throws StellaError AUDIT_BROKEN
 */
export function loadAudit(store: string, last = Number.POSITIVE_INFINITY): AuditLine[] {
  const lines: AuditLine[] = [];
  for (const line of readAudit(store)) {
    lines.push(line);
    if (lines.length > 2 * last) lines.splice(0, lines.length - last);
  }
  return lines.length > last ? lines.slice(-last) : lines;
}

/** How long an audit log is, and the SHA-256 of its last line, if it has one. */
export type AuditMark = NonNullable<StoreState['audit']>;

/**
 * What a new generation remembers of the audit log. Where the log is no longer the one that the generation before
 * remembers, that stays remembered, so that what is missing goes on being missed.
 */
export function nextAuditMark(store: string, remembered: AuditMark | undefined): AuditMark {
  let lines = 0;
  let head: Sha256Hex | undefined;
  let atRemembered: Sha256Hex | undefined;
  for (const { number, bytes, isEnded } of linesOf(store)) {
    if (!isEnded) break;
    lines = number;
    head = bytes && sha256Hex(bytes);
    if (number === remembered?.lines) atRemembered = head;
  }
  if (remembered !== undefined && remembered.lines > 0 && atRemembered !== remembered.head) return remembered;
  return head === undefined ? { lines: 0 } : { lines, head };
}

/** What an audit log holds that was found to be the record of its store. */
export interface CheckedAudit {
  readonly lines: number;
  /** The time of the last line. */
  readonly last: string | undefined;
  /** SHA-256 of the last line. */
  readonly head: Sha256Hex | undefined;
}

/**
 * Checks the chain of a store's audit log, and that it is the record of this store and has no end cut off: it holds what
 * the current generation remembers, and a line about that generation.
 * @throws StellaError AUDIT_BROKEN, STORE_CORRUPT, STORE_NOT_INITIALIZED where there is neither a store nor a log
 */
export function checkAudit(store: {
  readonly directory: string;
  current(): Pick<Generation, 'number' | 'state'> | undefined;
}): CheckedAudit {
  const generation = store.current();
  const { lines: count, head: expected } = generation?.state.audit ?? { lines: 0 };
  let lines = 0;
  let last: string | undefined;
  let told: number | undefined;
  let isTold = false;
  let found: string | undefined;
  for (const line of readAudit(store.directory)) {
    if (count > 0 && lines === count) found = line.previous;
    lines += 1;
    last = line.time;
    const { generation: number } = line as { generation?: unknown };
    if (typeof number === 'number') told = number;
    if (lines > count && number === generation?.number) isTold = true;
  }
  const head = auditHead(store.directory);
  if (count > 0 && lines === count) found = head;
  const checked = { lines, last, head };
  if (!generation) {
    if (told !== undefined)
      throw new StellaError(
        'STORE_CORRUPT',
        `the audit log tells of generation ${told}, but ${store.directory} has none`,
      );
    if (lines > 0) return checked;
    throw new StellaError('STORE_NOT_INITIALIZED', `there is no trust store in ${store.directory}`);
  }
  const { number } = generation;
  const cut = (why: string) =>
    new StellaError('AUDIT_BROKEN', why, { details: { lines, remembered: count } });
  if (lines < count)
    throw cut(
      `the audit log has ${lines} lines, but had ${count} when generation ${number} was made: lines were removed`,
    );
  if (found !== expected)
    throw cut(`line ${count} of the audit log is not the one that generation ${number} remembers`);
  if (!isTold)
    throw cut(
      `the audit log has no line about generation ${number}: it was removed, or its command was interrupted; then the next sync or import records it`,
    );
  return checked;
}

/** SHA-256 of the last line; `undefined` where there is none yet. It vouches for every line before it. */
export function auditHead(store: string): Sha256Hex | undefined {
  const head = loadHead(store);
  return head === undefined ? undefined : sha256Hex(Buffer.from(head));
}
