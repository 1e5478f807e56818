import { createReadStream } from 'node:fs';
import { StellaError } from '../../../base/errors.ts';
import { readBounded, readError } from '../../../base/files.ts';
import { MAX_LOG_ENTRY_BYTES } from '../../../tlog/entry-bundle.ts';

/** Entries appended and signed at once: enough that signing and flushing cost little, few enough to hold in memory. */
const MAX_IN_BATCH = 65_536;
const MAX_BATCH_BYTES = 64 * 1024 * 1024;

/** Splits a stream at line feeds; a last line without one counts, an empty last line does not. */
async function* lines(stream: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
  let rest = Buffer.alloc(0);
  for await (const chunk of stream) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : Buffer.from(chunk as Uint8Array);
    let data = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    for (let end = data.indexOf(0x0a); end >= 0; end = data.indexOf(0x0a)) {
      yield data.subarray(0, end);
      data = data.subarray(end + 1);
    }
    rest = data;
    if (rest.length > MAX_LOG_ENTRY_BYTES)
      throw new StellaError('LOG_ENTRY_INVALID', 'a line is longer than 65,535 bytes');
  }
  if (rest.length > 0) yield rest;
}

async function* entries(
  files: readonly string[],
  source: string | AsyncIterable<unknown> | undefined,
): AsyncGenerator<Uint8Array> {
  for (const file of files) yield readBounded(file, MAX_LOG_ENTRY_BYTES);
  if (source === undefined) return;
  try {
    yield* lines(typeof source === 'string' ? createReadStream(source) : source);
  } catch (cause) {
    throw typeof source === 'string' ? readError(source, cause) : cause;
  }
}

/** The entries to append, in batches: files whole, then each line of a file (by path) or a stream. */
export async function* entryBatches(
  files: readonly string[],
  source: string | AsyncIterable<unknown> | undefined,
): AsyncGenerator<Uint8Array[]> {
  let batch: Uint8Array[] = [];
  let bytes = 0;
  for await (const entry of entries(files, source)) {
    batch.push(entry);
    bytes += entry.length;
    if (batch.length < MAX_IN_BATCH && bytes < MAX_BATCH_BYTES) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}
