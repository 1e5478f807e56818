/**
 * Sealing and opening beside the ordinary tools that do the same work, in one run: `node bench/bundle.ts [ROUNDS]`.
 * Prints the tables of bench/README.md.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROUNDS = Number(process.argv[2] ?? 5);
const child = fileURLToPath(new URL('bundle-child.ts', import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'stella-bench-'));

/** Tiles are hashes: they do not compress. */
const tile = (): Buffer => randomBytes(8192);
/** 256 log entries as Rekor v2 has them: about 107 KB that compress to less than half. */
function entryBundle(): Buffer {
  const text = (bytes: number): string => randomBytes(bytes).toString('base64');
  const entry = (): string =>
    `{"apiVersion":"0.0.2","kind":"dsse","spec":{"dsseV002":{"payloadHash":{"algorithm":"SHA2_256","digest":"${text(32)}"},"signatures":[{"content":"${text(70)}","verifier":{"keyDetails":"PKIX_ECDSA_P256_SHA_256","publicKey":{"rawBytes":"${text(65)}"}}}]}}}`;
  return Buffer.from(Array.from({ length: 256 }, entry).join('\0\0'));
}

function fill(name: string, count: number, make: () => Buffer): string {
  const directory = join(root, name);
  for (let i = 0; i < count; i += 1) {
    const folder = join(directory, `x${String(Math.floor(i / 1000)).padStart(3, '0')}`);
    if (i % 1000 === 0) mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, String(i % 1000).padStart(3, '0')), make());
  }
  return directory;
}

interface Timed {
  readonly seconds: number;
  readonly output: string;
}

function time(command: string, args: readonly string[], cwd = root): Timed {
  const start = performance.now();
  const output = execFileSync(command, args, { cwd, maxBuffer: 2 ** 28 }).toString();
  return { seconds: (performance.now() - start) / 1000, output };
}

const shell = (script: string, cwd: string): Timed => time('sh', ['-ec', script], cwd);
const ours = (...args: string[]): Timed => time(process.execPath, [child, ...args]);
const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;
const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;

/** Rounds of ours and theirs, turn about, so that what else the machine does meets both. */
function compare(label: string, us: () => Timed, them: () => Timed, clean: () => void): string {
  const times: [number, number, number][] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    clean();
    const tools = them().seconds;
    clean();
    const { seconds, output } = us();
    times.push([seconds, tools, Number(output)]);
  }
  const [a, b, memory] = [0, 1, 2].map((i) => median(times.map((row) => row[i]!))) as [
    number,
    number,
    number,
  ];
  return `| ${label} | ${a.toFixed(2)} s | ${b.toFixed(2)} s | ${(a / b).toFixed(2)} | ${megabytes(memory)} |`;
}

function benchmark(name: string, directory: string): string[] {
  const bundle = join(root, 'bundle.tar.zst');
  const tar = join(root, 'tools.tar.zst');
  const sums = join(root, 'sums');
  const out = join(root, 'out');
  const clean = (): void => {
    rmSync(out, { recursive: true, force: true });
  };
  const sealing = compare(
    `seal ${name}`,
    () => ours('seal', directory, bundle, '1'),
    () =>
      shell(
        `find . -type f | sort | xargs sha256sum > ${sums}; tar c . | zstd -3 -T0 -q -f -o ${tar}`,
        directory,
      ),
    clean,
  );
  const opening = compare(
    `open, verify and extract ${name}`,
    () => ours('open', bundle, out),
    () => shell(`mkdir ${out}; cd ${out}; zstd -dc ${tar} | tar x; sha256sum -c --quiet ${sums}`, root),
    clean,
  );
  clean();
  return [sealing, opening];
}

/** A bundle of more than 2 GiB: each file of 1 GiB of entry bundles twice, under two paths, and the tiles. */
function memory(directory: string): string[] {
  const bundle = join(root, 'large.tar.zst');
  const out = join(root, 'out');
  const sealed = ours('seal', directory, bundle, '2');
  const size = statSync(bundle).size;
  const opened = ours('open', bundle, out);
  rmSync(out, { recursive: true });
  const piped = shell(`${process.execPath} ${child} pipe ${out} < ${bundle}`, root);
  rmSync(out, { recursive: true });
  const runs: [string, Timed][] = [
    ['seal', sealed],
    ['open, verify and extract a file', opened],
    ['open, verify and extract from a pipe', piped],
  ];
  return runs.map(
    ([label, { seconds, output }]) =>
      `| ${label} | ${megabytes(size)} | ${seconds.toFixed(1)} s | ${megabytes(Number(output))} |`,
  );
}

try {
  const tiles = fill('tiles', 20_000, tile);
  const entries = fill('entries', 10_000, entryBundle);
  console.log(
    `${availableParallelism()} cores, Node ${process.version}, medians of ${ROUNDS} rounds, turn about\n`,
  );
  console.log('| | stella | tools | ratio | memory (stella) |\n|---|---|---|---|---|');
  for (const line of benchmark('20,000 tiles of 8 KiB', tiles)) console.log(line);
  for (const line of benchmark('1 GiB in 10,000 entry bundles', entries)) console.log(line);
  console.log('\n| 2 GiB of content | file | time | memory |\n|---|---|---|---|');
  for (const line of memory(entries)) console.log(line);
} finally {
  rmSync(root, { recursive: true, force: true });
}
