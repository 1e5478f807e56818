/**
 * How long following a TUF repository takes: a first refresh, and reading what is held, with many targets in one role; and
 * the second opinion of tuf-js, which is the peer. It is quadratic in the targets of one role, and asked up to 2,000.
 * Usage: node bench/tuf.ts [RUNS] [TARGETS,…]
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatHex, formatUtf8, sha256Hex } from '../src/base/bytes.ts';
import { parseInstant } from '../src/base/clock.ts';
import { StellaError } from '../src/base/errors.ts';
import { generateKey, sign } from '../src/base/keys.ts';
import type { Fetcher } from '../src/net/types.ts';
import { formatTufKey, tufKeyId } from '../src/tuf/key.ts';
import { loadTuf } from '../src/tuf/load.ts';
import { formatMetadata, type MetadataFile, signedBytes } from '../src/tuf/metadata.ts';
import { refreshTuf } from '../src/tuf/refresh.ts';
import { judgedView, secondOpinion } from '../src/tuf/second-opinion.ts';
import { printTable } from './table.ts';

const runs = Number(process.argv[2] ?? 5);
const sizes = (process.argv[3] ?? '1000,10000,100000').split(',').map(Number);
const URL_ = 'http://tuf.bench/';
const now = parseInstant('2026-06-01T00:00:00Z');
const key = generateKey();
const tufKey = formatTufKey(key.publicKey);
const keyid = tufKeyId(tufKey);
const common = { spec_version: '1.0.31', version: 1, expires: '2030-01-01T00:00:00Z' };

function file(signed: MetadataFile['signed']): Uint8Array {
  const unsigned = { signed, signatures: [] } as unknown as MetadataFile;
  const sig = formatHex(sign(key, signedBytes(unsigned)));
  return formatMetadata({ ...unsigned, signatures: [{ keyid, sig }] });
}

/** A repository whose `count` targets are too large to be mirrored: metadata alone is measured. */
function repository(count: number): { root: Uint8Array; fetcher: Fetcher; bytes: number } {
  const rule = { keyids: [keyid], threshold: 1 };
  const roles = { root: rule, timestamp: rule, snapshot: rule, targets: rule };
  const root = file({
    _type: 'root',
    ...common,
    consistent_snapshot: true,
    keys: { [keyid]: tufKey },
    roles,
  });
  const targets = Object.fromEntries(
    Array.from({ length: count }, (_, i) => {
      const sha256 = sha256Hex(formatUtf8(`target ${i}`));
      return [`some/directory/target-${i}.bin`, { length: 10_000_000, hashes: { sha256 } }];
    }),
  );
  const targetsFile = file({ _type: 'targets', ...common, targets });
  const meta = { version: 1, length: targetsFile.length, hashes: { sha256: sha256Hex(targetsFile) } };
  const snapshot = file({ _type: 'snapshot', ...common, meta: { 'targets.json': meta } });
  const timestamp = file({ _type: 'timestamp', ...common, meta: { 'snapshot.json': { version: 1 } } });
  const files = new Map([
    ['timestamp.json', timestamp],
    ['1.snapshot.json', snapshot],
    ['1.targets.json', targetsFile],
  ]);
  const fetcher: Fetcher = {
    async fetch(url) {
      const bytes = files.get(url.slice(URL_.length));
      if (!bytes) throw new StellaError('FETCH_NOT_FOUND', url);
      return { bytes };
    },
  };
  return { root, fetcher, bytes: targetsFile.length };
}

const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1]!;

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

const rows: string[][] = [];
for (const count of sizes) {
  const { root, fetcher, bytes } = repository(count);
  const times = { refresh: [] as number[], load: [] as number[], second: [] as number[] };
  for (let run = 0; run < runs; run += 1) {
    const directory = mkdtempSync(join(tmpdir(), 'stella-tuf-'));
    const options = { url: URL_, directory, trustedRoot: root };
    times.refresh.push(await timed(() => refreshTuf({ ...options, fetcher, now })));
    const view = await loadTuf({ ...options, asOf: now });
    times.load.push(await timed(() => loadTuf({ ...options, asOf: now })));
    times.second.push(await timed(() => secondOpinion(judgedView(view))));
    rmSync(directory, { recursive: true });
  }
  const refresh = median(times.refresh);
  rows.push([
    count.toLocaleString('en'),
    `${(bytes / 1e6).toFixed(1)} MB`,
    `${refresh.toFixed(0)} ms`,
    `${((refresh * 1000) / count).toFixed(1)} µs`,
    `${median(times.load).toFixed(0)} ms`,
    `${median(times.second).toFixed(0)} ms`,
  ]);
}
printTable([['targets', 'targets.json', 'refresh', 'for each', 'read again', 'second opinion'], ...rows]);
