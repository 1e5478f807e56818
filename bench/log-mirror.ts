/**
 * Mirroring all tiles of a log from nginx on loopback, against wget and curl fetching the same files without checking
 * anything. Run: node bench/log-mirror.ts [ENTRIES]
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SECOND } from '../src/base/clock.ts';
import { mirrorLog } from '../src/logs/mirror.ts';
import { tileSource } from '../src/logs/source.ts';
import { networkFetcher } from '../src/trust/fetcher.ts';
import { writeBenchLog } from './log-fixture.ts';
import { printTable } from './table.ts';

const entries = Number(process.argv[2] ?? 2_000_000);
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
    requestTimeout: 60 * SECOND,
    stallTimeout: 10 * SECOND,
    retries: 0,
  });
  const files: string[] = [];
  const rows: [string, number][] = [];
  for (const inFlight of [8, 16]) {
    const into = join(home, `mirror-${inFlight}`);
    const took = await timed(async () => {
      const source = tileSource(url, fetcher);
      const mirrored = await mirrorLog({ source, keys: [log.key], into, depth: log.size, inFlight });
      files.splice(0, files.length, ...mirrored.files);
    });
    rows.push([`stella, ${inFlight} requests in flight, all verified`, took]);
  }
  const bytes = files.reduce((sum, file) => sum + statSync(join(served, file)).size, 0);
  const list = join(home, 'list');
  writeFileSync(list, files.map((file) => `${url}${file}\n`).join(''));
  const target = join(home, 'wget');
  mkdirSync(target);
  rows.push(['wget', await timed(() => execFileSync('wget', ['-q', '-x', '-nH', '-P', target, '-i', list]))]);
  const config = join(home, 'curl');
  writeFileSync(
    config,
    files.map((file) => `url = "${url}${file}"\noutput = "${home}/curled/${file}"\n`).join(''),
  );
  for (const parallel of ['8', '16']) {
    rmSync(join(home, 'curled'), { recursive: true, force: true });
    const args = ['-s', '--create-dirs', '--parallel', '--parallel-max', parallel, '-K', config];
    rows.push([
      `curl --parallel-max ${parallel}`,
      await timed(() => execFileSync('curl', args, { stdio: 'ignore' })),
    ]);
  }
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
