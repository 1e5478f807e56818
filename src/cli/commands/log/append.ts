import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Cli } from '../../frame/cli.ts';

/** `stella log append` */
export function registerLogAppend(log: Command, cli: Cli): void {
  const command = cli
    .command(
      log,
      'append <dir> [file...]',
      'append entries: each file whole, or each line of --lines or stdin',
    )
    .option('--lines <file>', 'append each line of this file as an entry (- for stdin)')
    .option('--key <file>', "the log's private key (default: the one that the log remembers)");
  cli.action(command, async (run, directory: string, files: string[]) => {
    const { lines, key } = run.options as { lines?: string; key?: string };
    const { loadLogFile } = await import('../../../logs/log-file.ts');
    const { appendEntries } = await import('../../../logs/writer.ts');
    const { loadLogSigner } = await import('../../frame/log-key.ts');
    const { entryBatches } = await import('./entries.ts');
    const at = (path: string) => resolve(run.io.cwd, path);
    const path = at(directory);
    const signer = loadLogSigner(path, loadLogFile(path), key === undefined ? undefined : at(key));
    const fromStdin = lines === '-' || (lines === undefined && files.length === 0);
    const source = fromStdin ? run.io.stdin : lines === undefined ? undefined : at(lines);

    let first: bigint | undefined;
    let size = 0n;
    let added = 0;
    const total = sizeOf(source, files.length);
    let bytes = 0;
    run.progress('appending', 0, total, total === undefined ? 'entries' : 'bytes');
    for await (const batch of entryBatches(files.map(at), source)) {
      const appended = await appendEntries(path, batch, signer);
      first ??= appended.firstIndex;
      size = appended.size;
      added += batch.length;
      // Each line ends with a line feed.
      for (const entry of batch) bytes += entry.length + 1;
      if (total === undefined) run.progress('appending', added, undefined, 'entries');
      else run.progress('appending', bytes, total);
      run.trace(`${added} entries appended`);
    }
    return {
      json: { added, first_index: first === undefined ? null : Number(first), size: Number(size) },
      text:
        first === undefined
          ? 'nothing to append'
          : `appended ${added} ${added === 1 ? 'entry' : 'entries'}: ${first}${added === 1 ? '' : ` to ${size - 1n}`}; the log has ${size}`,
    };
  });
}

/** Bytes of the lines to append, where that can be told before they are read. */
function sizeOf(source: string | NodeJS.ReadableStream | undefined, files: number): number | undefined {
  if (typeof source !== 'string' || files > 0) return undefined;
  const found = statSync(source, { throwIfNoEntry: false });
  return found?.isFile() ? found.size : undefined;
}
