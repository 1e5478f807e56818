/**
 * Import of a bundle of 100,000 files and 1 GiB, with every check on, against `zstd -dc | tar x` plus `sha256sum -c` on
 * the same disk, in turns. Then the same bundle again.
 *
 *     node bench/import.ts [FILES] [ROUNDS]
 */

import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Sha256Hex, sha256Hex } from '../src/base/bytes.ts';
import { loadPrivateKey, signerOf } from '../src/base/keys.ts';
import { openBundle } from '../src/bundle/open.ts';
import { sealBundle } from '../src/bundle/seal.ts';
import { makeEnclave, makeSite } from '../test/support/site.ts';
import { printTable } from './table.ts';

const files = Number(process.argv[2] ?? 100_000);
const rounds = Number(process.argv[3] ?? 3);
const size = Math.floor(2 ** 30 / 100_000);

const base = mkdtempSync(join(process.env['BENCH_DIR'] ?? tmpdir(), 'stella-bench-'));
try {
  await bench();
} finally {
  rmSync(base, { recursive: true, force: true });
}

async function bench(): Promise<void> {
  execFileSync(process.execPath, ['scripts/build.ts', '--no-types'], { stdio: 'inherit' });
  const site = await makeSite(base);
  const small = await openBundle(await site.seal('small'), { staging: base });
  await small.extract(join(base, 'small'));
  await small.close();
  const { format: _f, entries, entries_root: _r, attestations: _a, ...manifest } = small.manifest;
  const attestations: { name: string; sha256: Sha256Hex }[] = [];
  const sources: { path: string; source: { file: string } }[] = [];
  mkdirSync(join(base, 'files'));
  for (let i = 0; i < files; i += 1) {
    // As compressible as attestations are: base64 in JSON.
    const text = JSON.stringify({ payload: randomBytes(Math.floor((size * 3) / 4) - 20).toString('base64') });
    const sha256 = sha256Hex(Buffer.from(text));
    const file = join(base, 'files', sha256);
    writeFileSync(file, text);
    attestations.push({ name: `a-${i}.json`, sha256 });
    sources.push({ path: `attestations/${sha256}.json`, source: { file } });
  }
  const bundle = join(base, 'great.tar.zst');
  await sealBundle({
    out: bundle,
    manifest: { ...manifest, attestations },
    entries: [
      ...sources,
      ...entries
        .filter(({ path }) => !path.startsWith('attestations/'))
        .map(({ path }) => ({ path, source: { file: join(base, 'small', path) } })),
    ],
    signers: [signerOf(loadPrivateKey(join(site.home, 'bundle-signer.key')))],
  });
  rmSync(join(base, 'files'), { recursive: true });
  const opened = await openBundle(bundle, { staging: base });
  await opened.close();
  const sums = opened.manifest.entries
    .map(
      ({ path, sha256 }) => `${sha256}  ${path}
`,
    )
    .join('');
  writeFileSync(join(base, 'sums'), sums);

  const [ours, tools, again, memory]: number[][] = [[], [], [], []];
  for (let round = 0; round < rounds; round += 1) {
    const plain = join(base, `plain-${round}`);
    mkdirSync(plain);
    execFileSync('sync');
    tools!.push(
      seconds(() =>
        execFileSync('sh', ['-c', `zstd -dc '${bundle}' | tar x && sha256sum --quiet -c '${base}/sums'`], {
          cwd: plain,
        }),
      ),
    );
    rmSync(plain, { recursive: true });
    const enclave = makeEnclave(base, `enclave-${round}`);
    execFileSync('sync');
    const first = await measure(enclave.home, [
      'trust',
      'import',
      bundle,
      '--root-fingerprint',
      site.fingerprint,
    ]);
    ours!.push(first.seconds);
    memory!.push(first.peak);
    again!.push((await measure(enclave.home, ['trust', 'import', bundle])).seconds);
    rmSync(enclave.home, { recursive: true });
  }
  console.log(
    `${files} files, ${(statSync(bundle).size / 2 ** 20).toFixed(0)} MiB sealed, ${rounds} rounds, medians`,
  );
  printTable([
    ['what', 'seconds', 'ratio'],
    ['zstd -dc | tar x, sha256sum -c', median(tools!).toFixed(2), '1.00'],
    ['stella trust import', median(ours!).toFixed(2), (median(ours!) / median(tools!)).toFixed(2)],
    ['the same bundle again', median(again!).toFixed(2), (median(again!) / median(tools!)).toFixed(2)],
  ]);
  console.log(`peak resident memory of the import: ${Math.max(...memory!).toFixed(0)} MiB`);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

function seconds(work: () => void): number {
  const start = performance.now();
  work();
  return (performance.now() - start) / 1000;
}

/** Runs the built command and watches the most memory it ever had. */
async function measure(home: string, args: readonly string[]): Promise<{ seconds: number; peak: number }> {
  const start = performance.now();
  const child = spawn(process.execPath, [resolve('bin/stella.js'), ...args], {
    cwd: home,
    env: { PATH: process.env['PATH'] ?? '', HOME: home },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  let peak = 0;
  const watch = setInterval(() => {
    peak = Math.max(peak, Number(/^VmHWM:\s+(\d+)/m.exec(readStatus(child.pid!) ?? '')?.[1] ?? 0) / 1024);
  }, 100);
  const code = await new Promise<number | null>((done) => child.on('close', done));
  clearInterval(watch);
  if (code !== 0) throw new Error(`stella ${args.join(' ')}: exit status ${code}`);
  return { seconds: (performance.now() - start) / 1000, peak };
}

function readStatus(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return undefined;
  }
}
