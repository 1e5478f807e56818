/**
 * base/: what every room above needs and what knows of none of them: errors, bytes, clock, files, locks, keys, COSE,
 * JSON Schemas with the types made from them, threads. It never prints, never decides what is trusted, and nothing but
 * `systemClock` reads the present time. Every refusal of the program is a `StellaError`; exit status, hint and
 * troubleshooting page follow from its code.
 * Start here, then codes.ts (the closed union of codes), files.ts (the only way to the disk), keys.ts and cose.ts.
 */

import type { Duration } from './clock.ts';
import { CODES, type ErrorCode, EXIT, type ExitStatus } from './codes.ts';
import { maskUrls } from './safety/masked-url.ts';

export { systemCode } from './file-system/system-error.ts';

/** What an error may carry besides its code and message. */
export interface ErrorDetails {
  /** What to do next, more exact than the code's own hint. */
  readonly hint?: string | readonly string[];
  readonly cause?: unknown;
  /** Facts for `--json`, e.g. the two checkpoints of a fork. JSON-serializable values only; no code decides by them. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** Given where another try is worth it, with how long the server asked to be left alone. Not printed, like what follows. */
  readonly retry?: { readonly after?: Duration };
  /** The file or directory that could not be written. */
  readonly file?: string;
  /** Where a document is not as its schema has it (JSON Pointer, RFC 6901). */
  readonly pointer?: string;
}

/** The only error that stella throws on purpose: a code from the closed union, a message, and what to do next. */
export class StellaError extends Error {
  override readonly name = 'StellaError';
  readonly code: ErrorCode;
  readonly hints: readonly string[];
  readonly details: Readonly<Record<string, unknown>> | undefined;
  readonly retry: ErrorDetails['retry'] | undefined;
  readonly file: string | undefined;
  readonly pointer: string | undefined;

  constructor(code: ErrorCode, message: string, more: ErrorDetails = {}) {
    // Addresses come from everywhere, and messages go everywhere: the audit log, log files, pages.
    super(maskUrls(message), more.cause === undefined ? undefined : { cause: more.cause });
    this.code = code;
    const hints = typeof more.hint === 'string' ? [more.hint] : (more.hint ?? [CODES[code].hint]);
    this.hints = hints.map(maskUrls);
    this.details = more.details && maskedFacts(more.details);
    this.retry = more.retry;
    this.file = more.file;
    this.pointer = more.pointer;
  }

  /** The same refusal with more facts, and with another hint where one is given. */
  with({ hint, details }: Pick<ErrorDetails, 'hint' | 'details'>): StellaError {
    const { cause, retry, file, pointer } = this;
    return new StellaError(this.code, this.message, {
      hint: hint ?? this.hints,
      ...((this.details ?? details) ? { details: { ...this.details, ...details } } : {}),
      cause,
      ...(retry ? { retry } : {}),
      ...(file === undefined ? {} : { file }),
      ...(pointer === undefined ? {} : { pointer }),
    });
  }

  /** The exit status that the command ends with. */
  get exit(): ExitStatus {
    return CODES[this.code].exit;
  }
}

function maskedFacts(facts: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(facts).map(([name, value]) => [name, typeof value === 'string' ? maskUrls(value) : value]),
  );
}

/** Whether a thrown value is a refusal of stella, with `code` where one is given. */
export function isStellaError(value: unknown, code?: ErrorCode): value is StellaError {
  return value instanceof StellaError && (code === undefined || value.code === code);
}

/** The exit status for anything that was thrown. */
export function exitStatusOf(thrown: unknown): ExitStatus {
  return isStellaError(thrown) ? thrown.exit : EXIT.unexpected;
}
