import { appendFileSync, closeSync, constants, fstatSync, fsyncSync, openSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { sha256Hex } from '../base/bytes.ts';
import { formatCanonicalJson } from '../base/canonical-json.ts';
import { formatInstant, type Instant } from '../base/clock.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { readOwnIfPresent, replaceFile, writeError } from '../base/files.ts';
import { decodeJsonText, parseStrictJson } from '../base/json.ts';
import type { StoreState } from '../base/schema-types.ts';
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
/** Some ten years of an import an hour. */
const MOST_BYTES = 256 * 1024 * 1024;

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
  const lines =
    last === undefined ? '' : (readOwnIfPresent(logPath(store), MOST_BYTES)?.toString('utf8') ?? '');
  if (!lines.includes(`"generation":${generation},`))
    appendAudit(store, now, 'recovery', { generation, reason: 'interrupted before it was recorded' });
}

/** Finishes an append that was interrupted; returns the last line. */
function completeAudit(store: string): string | undefined {
  const head = readOwnIfPresent(headPath(store), MOST_BYTES)?.toString('utf8').trimEnd();
  if (head === undefined) return undefined;
  const text = readOwnIfPresent(logPath(store), MOST_BYTES)?.toString('utf8') ?? '';
  if (text.endsWith(`${head}\n`)) return head;
  const whole = text.lastIndexOf('\n') + 1;
  try {
    if (whole < text.length) truncateSync(logPath(store), Buffer.byteLength(text.slice(0, whole)));
  } catch (cause) {
    throw writeError(logPath(store), cause);
  }
  appendLine(logPath(store), head);
  return head;
}

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
 * Reads the audit log and checks its chain.
 * @throws StellaError AUDIT_BROKEN naming the first line that was edited, removed or moved
 */
export function loadAudit(store: string): AuditLine[] {
  const bytes = readOwnIfPresent(logPath(store), MOST_BYTES);
  const text = bytes ? decodeJsonText(bytes, 'the audit log', 'AUDIT_BROKEN') : '';
  const head = readOwnIfPresent(headPath(store), MOST_BYTES)?.toString('utf8').trimEnd();
  const broken = (line: number, why: string) =>
    new StellaError('AUDIT_BROKEN', `the audit log is broken at line ${line}: ${why}`, { details: { line } });
  const texts = text === '' ? [] : text.split('\n');
  if (texts.length > 0 && texts.pop() !== '')
    throw broken(texts.length + 1, 'it ends in the middle of a line');
  let previous = NONE;
  const lines = texts.map((line, i): AuditLine => {
    let value: unknown;
    try {
      value = parseStrictJson(line, 'it', { code: 'AUDIT_BROKEN' });
    } catch (error) {
      if (!isStellaError(error)) throw error;
      throw broken(i + 1, error.message);
    }
    if (
      value === null ||
      typeof value !== 'object' ||
      (value as { previous?: unknown }).previous !== previous
    ) {
      throw broken(i + 1, 'it does not follow from the line before it');
    }
    previous = sha256Hex(Buffer.from(line));
    return value as AuditLine;
  });
  const last = texts.at(-1);
  if (head !== last) {
    throw broken(
      texts.length + (head === undefined ? 0 : 1),
      head === undefined ? 'the record of its last line is gone' : 'the last line is missing or altered',
    );
  }
  return lines;
}

/** How long an audit log is, and the SHA-256 of its last line, if it has one. */
export type AuditMark = NonNullable<StoreState['audit']>;

/**
 * What a new generation remembers of the audit log. Where the log is no longer the one that the generation before
 * remembers, that stays remembered, so that what is missing goes on being missed.
 */
export function nextAuditMark(store: string, remembered: AuditMark | undefined): AuditMark {
  const text = readOwnIfPresent(logPath(store), MOST_BYTES)?.toString('utf8') ?? '';
  const lines = text.split('\n').slice(0, -1);
  const digestAt = (count: number) => sha256Hex(Buffer.from(lines[count - 1]!));
  if (remembered !== undefined && remembered.lines > 0) {
    if (lines.length < remembered.lines || digestAt(remembered.lines) !== remembered.head) return remembered;
  }
  return lines.length === 0 ? { lines: 0 } : { lines: lines.length, head: digestAt(lines.length) };
}

/**
 * That a chain is the record of this store and has no end cut off: it holds what the current generation remembers, and
 * a line about that generation.
 * @param lines as {@link loadAudit} gives them
 * @param head as {@link auditHead} gives it
 * @throws StellaError AUDIT_BROKEN, STORE_CORRUPT, STORE_NOT_INITIALIZED where there is neither a store nor a log
 */
export function checkRecorded(
  lines: readonly AuditLine[],
  head: string | undefined,
  store: { readonly directory: string; current(): Pick<Generation, 'number' | 'state'> | undefined },
): void {
  const generation = store.current();
  const told = lines.findLast(({ generation: number }) => typeof number === 'number');
  if (!generation) {
    if (told !== undefined)
      throw new StellaError(
        'STORE_CORRUPT',
        `the audit log tells of generation ${String(told['generation'])}, but ${store.directory} has none`,
      );
    if (lines.length > 0) return;
    throw new StellaError('STORE_NOT_INITIALIZED', `there is no trust store in ${store.directory}`);
  }
  const { number, state } = generation;
  const { lines: count, head: expected } = state.audit ?? { lines: 0 };
  const broken = (why: string) =>
    new StellaError('AUDIT_BROKEN', why, { details: { lines: lines.length, remembered: count } });
  if (lines.length < count)
    throw broken(
      `the audit log has ${lines.length} lines, but had ${count} when generation ${number} was made: lines were removed`,
    );
  const found = count === 0 ? undefined : count < lines.length ? lines[count]!.previous : head;
  if (found !== expected)
    throw broken(`line ${count} of the audit log is not the one that generation ${number} remembers`);
  if (!lines.slice(count).some((line) => line['generation'] === number))
    throw broken(
      `the audit log has no line about generation ${number}: it was removed, or its command was interrupted; then the next sync or import records it`,
    );
}

/** SHA-256 of the last line; `undefined` where there is none yet. It vouches for every line before it. */
export function auditHead(store: string): string | undefined {
  const head = readOwnIfPresent(headPath(store), MOST_BYTES);
  return head && sha256Hex(Buffer.from(head.toString('utf8').trimEnd()));
}
