/**
 * Root and full verification of logs of growing size from their tiles, proofs per second, and appending. Each size is
 * verified in a process of its own, so that its memory can be told. Run: node bench/log-verify.ts [MOST_ENTRIES]
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateKey, signerOf } from '../src/base/keys.ts';
import { checkCarriedLog, tileReader } from '../src/logs/store.ts';
import { appendEntries, initLog } from '../src/logs/writer.ts';
import { checkInclusion, proveInclusion } from '../src/tlog/merkle.ts';
import { formatVerifierKey, parseVerifierKey } from '../src/tlog/note.ts';
import { type BenchLog, writeBenchLog } from './log-fixture.ts';
import { printTable } from './table.ts';

const [argument = '10000000', verifyDirectory, verifierKey] = process.argv.slice(2);
const seconds = async (act: () => unknown): Promise<number> => {
  const begin = performance.now();
  await act();
  return (performance.now() - begin) / 1000;
};

if (verifyDirectory !== undefined && verifierKey !== undefined) {
  const took = await seconds(() =>
    checkCarriedLog(verifyDirectory, { keys: [parseVerifierKey(verifierKey)] }),
  );
  process.stdout.write(JSON.stringify({ took, megabytes: process.resourceUsage().maxRSS / 1024 }));
  process.exit();
}

/** The best of three runs, each in a new process. */
function verify(directory: string, log: BenchLog): { took: number; megabytes: number } {
  const runs = [1, 2, 3].map(() => {
    const args = [import.meta.filename, argument, directory, formatVerifierKey(log.key)];
    return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as {
      took: number;
      megabytes: number;
    };
  });
  return runs.sort((a, b) => a.took - b.took)[0]!;
}

function opensslNodesPerSecond(): number {
  const cores = String(availableParallelism());
  const output = execFileSync(
    'openssl',
    ['speed', '-seconds', '2', '-bytes', '65', '-multi', cores, 'sha256'],
    {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  return (Number(/([\d.]+)k\s*$/.exec(output.trim())?.[1]) * 1000) / 65;
}

const home = mkdtempSync(join(tmpdir(), 'stella-bench-'));
try {
  const rows = [
    ['entries', 'tiles', 'seconds', 'million nodes/s', 'openssl speed on all processors is', 'MB of memory'],
  ];
  const sizes = [0.01, 0.1, 1].map((part) => Math.round(part * Number(argument)));
  for (const size of sizes) {
    const directory = join(home, String(size));
    const log = await writeBenchLog(directory, size);
    const { took, megabytes } = verify(directory, log);
    const processors = opensslNodesPerSecond();
    const rate = size / took;
    rows.push([
      size.toLocaleString('en'),
      String(log.tiles),
      took.toFixed(2),
      (rate / 1e6).toFixed(2),
      `${(processors / rate).toFixed(1)} times as fast`,
      megabytes.toFixed(0),
    ]);
    if (size !== sizes.at(-1)) continue;
    const reader = tileReader(directory, log);
    const proofs = 20_000;
    for (const [what, indexOf] of [
      ['at random', () => BigInt(Math.floor(Math.random() * size))],
      ['in order', (i: number) => BigInt(i)],
    ] as const) {
      const time = await seconds(async () => {
        for (let i = 0; i < proofs; i += 1) {
          const index = indexOf(i);
          const [leafHash] = await reader.readHashes([{ level: 0, index }]);
          const proof = await proveInclusion(reader, index, log.size);
          checkInclusion({ index, size: log.size, leafHash: leafHash!, proof, rootHash: log.rootHash });
        }
      });
      process.stdout.write(
        `proofs made and checked, ${what}: ${Math.round(proofs / time).toLocaleString('en')} a second\n`,
      );
    }
  }
  printTable(rows);

  const signer = signerOf(generateKey());
  const appended = join(home, 'appended');
  await initLog(appended, { origin: 'logs.example.com/appended', signer });
  const batch = Array.from({ length: 65_536 }, (_, i) => Buffer.from(`entry ${i} `.repeat(20)));
  const time = await seconds(async () => {
    for (let i = 0; i < 8; i += 1) await appendEntries(appended, batch, signer);
  });
  process.stdout.write(
    `\nappended, flushed and signed in batches of 65,536 entries of 200 bytes: ${Math.round((8 * batch.length) / time).toLocaleString('en')} entries a second\n`,
  );
} finally {
  rmSync(home, { recursive: true, force: true });
}
