import type { ErrorCode } from '../base/codes.ts';
import { isStellaError, StellaError } from '../base/errors.ts';

/** One thing that is wrong with the configuration. */
export interface ConfigFinding {
  readonly code: ErrorCode;
  /** Where it is written: a file, with its line where that is known; a variable; a flag. */
  readonly file?: string | undefined;
  readonly line?: number | undefined;
  readonly where?: string | undefined;
  readonly message: string;
  readonly hints: readonly string[];
  readonly cause?: unknown;
}

const MAX_LISTED = 20;
/** For programs. */
const MAX_DETAILED = 1000;

/** The refusal that tells all of them at once. */
function refusalOf(findings: readonly [ConfigFinding, ...ConfigFinding[]]): StellaError {
  const [first, ...others] = findings;
  const { file, line, cause } = first;
  if (others.length === 0)
    return new StellaError(first.code, textOf(first), {
      hint: first.hints,
      ...(cause === undefined ? {} : { cause }),
      ...(file === undefined ? {} : { details: { file, ...(line === undefined ? {} : { line }) } }),
    });
  const more = findings.length - MAX_LISTED;
  return new StellaError(
    others.every(({ code }) => code === first.code) ? first.code : 'CONFIG_INVALID',
    [
      `${findings.length} errors: ${textOf(first)}`,
      ...others.slice(0, MAX_LISTED - 1).map(textOf),
      ...(more > 0 ? [`and ${more} more`] : []),
    ].join('; '),
    {
      hint: [...new Set(findings.slice(0, MAX_LISTED).flatMap(({ hints }) => hints))],
      details: {
        findings: findings
          .slice(0, MAX_DETAILED)
          .map(({ file, line, where, message }) => ({ file, line, where, message })),
      },
    },
  );
}

function textOf({ file, line, where, message }: ConfigFinding): string {
  const place = file === undefined ? where : `${file}${line === undefined ? '' : `:${line}`}`;
  return place === undefined ? message : `${place}: ${message}`;
}

/**
 * Throws the one refusal that tells all of them, unless there are none: those of the file by line, then the others.
 * @throws StellaError CONFIG_INVALID, URL_CREDENTIALS
 */
export function throwFindings(findings: readonly ConfigFinding[]): void {
  const lineOf = ({ line }: ConfigFinding) => line ?? Number.POSITIVE_INFINITY;
  const [first, ...others] = [...findings].sort((a, b) =>
    lineOf(a) < lineOf(b) ? -1 : Number(lineOf(a) > lineOf(b)),
  );
  if (first) throw refusalOf([first, ...others]);
}

/** Keeps what is wrong with each value, so that all of it can be told. */
export class ConfigFindings {
  readonly all: ConfigFinding[] = [];

  /** What `work` gives, or `undefined` where it refuses. */
  attempt<T>(place: Pick<ConfigFinding, 'file' | 'line' | 'where'>, work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      if (!isStellaError(error)) throw error;
      const { code, message, hints } = error;
      this.all.push({ ...place, code, message, hints });
      return undefined;
    }
  }
}
