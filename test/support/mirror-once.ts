/**
 * A process to be killed: mirrors a tile log with its entries from a file:// URL.
 * Arguments: the log's directory, the directory to mirror into, the verifier key.
 */
import { writeSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { mirrorLog } from '../../src/logs/mirror.ts';
import { tileSource } from '../../src/logs/source.ts';
import { parseVerifierKey } from '../../src/tlog/note.ts';
import { plainFetcher } from './plain-fetcher.ts';

const [log, into, key] = process.argv.slice(2) as [string, string, string];
writeSync(1, 'begun\n');
await mirrorLog({
  source: tileSource(pathToFileURL(log).href, plainFetcher),
  keys: [parseVerifierKey(key)],
  into,
  depth: 1_000_000n,
  entries: true,
  inFlight: 2,
});
