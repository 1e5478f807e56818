/**
 * cli/terminal/: how text reaches a terminal, a pipe or a log file: escaping, colour, progress, the log of a run. It
 * knows nothing of what the text says. It never lets a control character from outside through, and never mixes
 * messages into a result on standard output. Colour and progress exist only where a person is looking.
 * Start here, then progress.ts and run-log.ts.
 */

import { escapeUnits, escapeUnseen } from '../../base/bytes.ts';
import type { StellaError } from '../../base/errors.ts';
import { maskUrls } from '../../base/safety/masked-url.ts';

/** Hostile names end up in messages: nothing that steers a terminal may pass, and one line stays one line. */
export function printable(text: string): string {
  return escapeUnseen(text).replace(/\p{Cc}/gu, escapeUnits);
}

/** `error: MESSAGE [CODE]`, then a `hint:` line each. */
export function errorText(error: StellaError, verbose: boolean): string {
  const lines = [
    `error: ${printable(error.message)} [${error.code}]`,
    ...error.hints.map((hint) => `hint: ${printable(hint)}`),
  ];
  if (verbose) {
    for (let cause: unknown = error.cause; cause instanceof Error; cause = cause.cause)
      lines.push(`cause: ${printable(maskUrls(cause.message))}`);
    if (error.code === 'INTERNAL' && error.cause instanceof Error) lines.push(error.cause.stack ?? '');
  }
  return `${lines.join('\n')}\n`;
}

export function errorJson(error: StellaError): object {
  return {
    error: {
      code: error.code,
      message: error.message,
      hints: error.hints,
      exit: error.exit,
      ...(error.details ? { details: error.details } : {}),
    },
  };
}

/** Columns as wide as their widest cell, two spaces between them, no trailing space. */
export function formatTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, cell.length);
    });
  return rows
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** `1,234,567`. `toLocaleString` would do it, too, but loads the number formats of the world first: 10 ms. */
export function formatNumber(count: number | bigint): string {
  return String(count).replace(/\B(?=(?:\d{3})+$)/g, ',');
}

/** `1 entry`, `2 entries`. */
export function formatCount(count: number | bigint, one: string, many = `${one}s`): string {
  return `${formatNumber(count)} ${count === 1 || count === 1n ? one : many}`;
}

/** Bytes for people, in powers of 1024: `512 B`, `1.5 MiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let value = bytes;
  for (; value >= 1024 && unit < units.length - 1; unit += 1) value /= 1024;
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}
