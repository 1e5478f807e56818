/**
 * Mirroring all tiles of a log from nginx on loopback, against wget and curl fetching the same files without checking
 * anything. Run: node bench/log-mirror.ts [ENTRIES]
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { seconds } from '../src/base/clock.ts';
import { mirrorLog } from '../src/logs/mirror.ts';
import { tileSource } from '../src/logs/source.ts';
import { networkFetcher } from '../src/net/fetcher.ts';
import { writeBenchLog } from './log-fixture.ts';
import { printTable } from './table.ts';

const entries = Number(process.argv[2] ?? 2_000_000);
const ROUNDS = 4;
const PORT = 18_000 + (process.pid % 1000);
const url = `http://127.0.0.1:${PORT}/`;
const home = mkdtempSync(join(tmpdir(), 'stella-bench-'));
const served = join(home, 'log');
writeFileSync(
  join(home, 'nginx.conf'),
  `daemon off; worker_processes 1; pid ${home}/pid; error_log ${home}/error.log;
user ${execFileSync('id', ['-un'], { encoding: 'utf8' }).trim()};
events {} http { access_log off; sendfile on; keepalive_requests 1000000;
server { listen 127.0.0.1:${PORT}; root ${served}; } }`,
);
const log = await writeBenchLog(served, entries);
const nginx = spawn('nginx', ['-c', join(home, 'nginx.conf'), '-e', join(home, 'error.log')], {
  stdio: 'inherit',
});

async function timed(act: () => unknown): Promise<number> {
  const begin = performance.now();
  await act();
  return (performance.now() - begin) / 1000;
}

try {
  await sleep(500);
  const fetcher = networkFetcher({
    userAgent: 'stella-bench',
    requestTimeout: seconds(60),
    stallTimeout: seconds(10),
    retries: 0,
  });
  const target = join(home, 'target');
  let files: readonly string[] = [];
  const mirror = async (inFlight: number) => {
    const source = tileSource(url, fetcher);
    ({ files } = await mirrorLog({ source, keys: [log.key], into: target, depth: log.size, inFlight }));
  };
  await mirror(8);
  const bytes = files.reduce((sum, file) => sum + statSync(join(served, file)).size, 0);
  const list = join(home, 'list');
  writeFileSync(list, files.map((file) => `${url}${file}\n`).join(''));
  const config = join(home, 'curl');
  writeFileSync(
    config,
    files.map((file) => `url = "${url}${file}"\noutput = "${target}/${file}"\n`).join(''),
  );
  const curl = (parallel: string) =>
    execFileSync('curl', ['-s', '--create-dirs', '--parallel', '--parallel-max', parallel, '-K', config], {
      stdio: 'ignore',
    });
  const ways: [string, () => unknown][] = [
    ['**stella**, 8 requests in flight, all verified', () => mirror(8)],
    ['stella, 16 requests in flight, all verified', () => mirror(16)],
    ['wget', () => execFileSync('wget', ['-q', '-x', '-nH', '-P', target, '-i', list])],
    ['curl --parallel-max 8', () => curl('8')],
    ['curl --parallel-max 16', () => curl('16')],
  ];
  // Turn about, and the best of each: the machine may be busy with other things.
  const best = ways.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [i, [, run]] of ways.entries()) {
      rmSync(target, { recursive: true, force: true });
      mkdirSync(target);
      best[i] = Math.min(best[i]!, await timed(run));
    }
  }
  const rows = ways.map(([what], i) => [what, best[i]!] as const);
  process.stdout.write(`${files.length} files, ${(bytes / 1e6).toFixed(0)} MB\n\n`);
  printTable([
    ['what', 'seconds', 'MB/s', 'files/s'],
    ...rows.map(([what, took]) => [
      what,
      took.toFixed(2),
      (bytes / 1e6 / took).toFixed(0),
      Math.round(files.length / took).toLocaleString('en'),
    ]),
  ]);
} finally {
  nginx.kill();
  rmSync(home, { recursive: true, force: true });
}
