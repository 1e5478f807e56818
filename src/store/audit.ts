import {
  appendFileSync,
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { join } from 'node:path';
import { sha256Hex } from '../base/bytes.ts';
import { formatCanonicalJson } from '../base/canonical-json.ts';
import { formatInstant, type Instant } from '../base/clock.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { readBoundedIfPresent, readError, replaceFile, writeError } from '../base/files.ts';
import { parseStrictJson } from '../base/json.ts';
import { fileChunks, type Line, splitLines } from '../base/streams.ts';

/** What an audit line is about. */
export type AuditEvent = 'init' | 'sync' | 'import' | 'export' | 'prune' | 'refusal' | 'recovery';

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
  for (const { bytes } of splitLines(fileChunks(logPath(store)), MAX_LINE_BYTES))
    if (bytes?.includes(wanted)) return true;
  return false;
}

/** Finishes an append that was interrupted; returns the last line. */
function completeAudit(store: string): string | undefined {
  const head = loadHead(store);
  if (head === undefined) return undefined;
  const path = logPath(store);
  const expected = Buffer.from(`${head}\n`);
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size >= expected.length && readEnd(path, size, expected.length).equals(expected)) return head;
  try {
    const tail = readEnd(path, size, Math.min(size, MAX_LINE_BYTES));
    const whole = size - tail.length + tail.lastIndexOf(0x0a) + 1;
    if (whole < size) truncateSync(path, whole);
  } catch (cause) {
    throw writeError(path, cause);
  }
  appendLine(path, head);
  return head;
}

/** The last `count` bytes of a file of `size` bytes. */
function readEnd(path: string, size: number, count: number): Buffer {
  const bytes = Buffer.alloc(count);
  if (count === 0) return bytes;
  try {
    const fd = openSync(path, 'r');
    try {
      return bytes.subarray(0, readSync(fd, bytes, 0, count, size - count));
    } finally {
      closeSync(fd);
    }
  } catch (cause) {
    throw readError(path, cause);
  }
}

const loadHead = (store: string) =>
  readBoundedIfPresent(headPath(store), MAX_LINE_BYTES + 1)
    ?.toString('utf8')
    .trimEnd();

function appendLine(path: string, line: string): void {
  try {
    const fd = openSync(path, 'a', 0o644);
    try {
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
  const path = logPath(store);
  let previous = NONE;
  let count = 0;
  let last: Buffer | undefined;
  if (existsSync(path)) {
    for (const line of splitLines(fileChunks(path), MAX_LINE_BYTES)) {
      const value = auditLineIn(line, previous);
      last = line.bytes!;
      previous = sha256Hex(last);
      count = line.number;
      yield value;
    }
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

/** SHA-256 of the last line; `undefined` where there is none yet. It vouches for every line before it. */
export function auditHead(store: string): string | undefined {
  const head = loadHead(store);
  return head === undefined ? undefined : sha256Hex(Buffer.from(head));
}
