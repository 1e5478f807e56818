import { appendFileSync, closeSync, fsyncSync, openSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { sha256Hex } from '../base/bytes.ts';
import { formatCanonicalJson } from '../base/canonical-json.ts';
import { formatInstant, type Instant } from '../base/clock.ts';
import { isStellaError, StellaError } from '../base/errors.ts';
import { readBounded, readBoundedIfPresent, replaceFile, writeError } from '../base/files.ts';
import { decodeJsonText, parseStrictJson } from '../base/json.ts';

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
  const lines = last === undefined ? '' : readBounded(logPath(store), MOST_BYTES).toString('utf8');
  if (!lines.includes(`"generation":${generation},`))
    appendAudit(store, now, 'recovery', { generation, reason: 'interrupted before it was recorded' });
}

/** Finishes an append that was interrupted; returns the last line. */
function completeAudit(store: string): string | undefined {
  const head = readBoundedIfPresent(headPath(store), MOST_BYTES)?.toString('utf8').trimEnd();
  if (head === undefined) return undefined;
  const text = readBoundedIfPresent(logPath(store), MOST_BYTES)?.toString('utf8') ?? '';
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
 * Reads the audit log and checks its chain.
 * @throws StellaError AUDIT_BROKEN naming the first line that was edited, removed or moved
 */
export function loadAudit(store: string): AuditLine[] {
  const bytes = readBoundedIfPresent(logPath(store), MOST_BYTES);
  const text = bytes ? decodeJsonText(bytes, 'the audit log', 'AUDIT_BROKEN') : '';
  const head = readBoundedIfPresent(headPath(store), MOST_BYTES)?.toString('utf8').trimEnd();
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

/** SHA-256 of the last line; `undefined` where there is none yet. It vouches for every line before it. */
export function auditHead(store: string): string | undefined {
  const head = readBoundedIfPresent(headPath(store), MOST_BYTES);
  return head && sha256Hex(Buffer.from(head.toString('utf8').trimEnd()));
}
