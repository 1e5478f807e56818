/**
 * Sealing and opening beside the ordinary tools that do the same work, in one run: `node bench/bundle.ts [ROUNDS]`.
 * Prints the tables of bench/README.md.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'rolldown';

const ROUNDS = Number(process.argv[2] ?? 5);
const root = mkdtempSync(join(tmpdir(), 'stella-bench-'));
const project = fileURLToPath(new URL('../', import.meta.url));
/** Built as the command is, so that what it takes to run TypeScript as it is is not counted. */
const child = join(project, 'node_modules', `.bench-${process.pid}.mjs`);

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
  /** Processor time of all threads and processes, in seconds. */
  readonly cpu: number;
  /** The most resident memory, in bytes; of ours only. */
  readonly memory: number;
}

function run(command: string, args: readonly string[], cwd: string): { seconds: number; output: string } {
  const start = performance.now();
  const output = execFileSync(command, args, { cwd, maxBuffer: 2 ** 28 }).toString();
  return { seconds: (performance.now() - start) / 1000, output };
}

/** A shell script; its last words are what `times` says of its children: `0m1.23s 0m0.45s`. */
function shell(script: string, cwd: string): Timed {
  const { seconds, output } = run('sh', ['-ec', `${script}\ntimes`], cwd);
  const parts = [...(output.trim().split('\n').at(-1) ?? '').matchAll(/(\d+)m([\d.]+)s/g)];
  const cpu = parts.reduce((sum, [, minutes, rest]) => sum + 60 * Number(minutes) + Number(rest), 0);
  return { seconds, cpu, memory: 0 };
}

function ours(...args: string[]): Timed {
  const { seconds, output } = run(process.execPath, [child, ...args], root);
  return { seconds, ...(JSON.parse(output) as { memory: number; cpu: number }) };
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;
const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;

/** Rounds of ours and theirs, turn about, so that what else the machine does meets both. */
function compare(label: string, us: () => Timed, them: () => Timed, clean: () => void): string {
  const times: { us: Timed; tools: Timed }[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    clean();
    const tools = them();
    clean();
    times.push({ us: us(), tools });
  }
  const of = (value: (row: { us: Timed; tools: Timed }) => number): number => median(times.map(value));
  const [wall, toolsWall] = [of(({ us: { seconds } }) => seconds), of(({ tools: { seconds } }) => seconds)];
  const [cpu, toolsCpu] = [of(({ us: one }) => one.cpu), of(({ tools }) => tools.cpu)];
  const cells = [
    label,
    `${wall.toFixed(2)} s`,
    `${toolsWall.toFixed(2)} s`,
    (wall / toolsWall).toFixed(2),
    `${cpu.toFixed(2)} s`,
    `${toolsCpu.toFixed(2)} s`,
    (cpu / toolsCpu).toFixed(2),
    megabytes(of(({ us: one }) => one.memory)),
  ];
  return `| ${cells.join(' | ')} |`;
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
  const input = openSync(bundle, 'r');
  const start = performance.now();
  const output = execFileSync(process.execPath, [child, 'pipe', out], { stdio: [input, 'pipe', 'inherit'] });
  closeSync(input);
  const seconds = (performance.now() - start) / 1000;
  const piped = { seconds, ...(JSON.parse(output.toString()) as { memory: number; cpu: number }) };
  rmSync(out, { recursive: true });
  const runs: [string, Timed][] = [
    ['seal', sealed],
    ['open, verify and extract a file', opened],
    ['open, verify and extract from a pipe', piped],
  ];
  return runs.map(
    ([label, timed]) =>
      `| ${label} | ${megabytes(size)} | ${timed.seconds.toFixed(1)} s | ${timed.cpu.toFixed(1)} s | ${megabytes(timed.memory)} |`,
  );
}

try {
  await build({
    cwd: project,
    input: fileURLToPath(new URL('bundle-child.ts', import.meta.url)),
    platform: 'node',
    external: (id) => !id.startsWith('.') && !id.startsWith('/'),
    output: { file: child, format: 'esm' },
    logLevel: 'silent',
  });
  const tiles = fill('tiles', 20_000, tile);
  const entries = fill('entries', 10_000, entryBundle);
  console.log(
    `${availableParallelism()} cores, Node ${process.version}, medians of ${ROUNDS} rounds, turn about\n`,
  );
  console.log(
    '| | stella | tools | ratio | processor: stella | tools | ratio | memory: stella |\n|---|---|---|---|---|---|---|---|',
  );
  for (const line of benchmark('20,000 tiles of 8 KiB', tiles)) console.log(line);
  for (const line of benchmark('1 GiB in 10,000 entry bundles', entries)) console.log(line);
  console.log('\n| 2 GiB of content | file | time | processor | memory |\n|---|---|---|---|---|');
  for (const line of memory(entries)) console.log(line);
} finally {
  rmSync(root, { recursive: true, force: true });
  rmSync(child, { force: true });
}
