import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import {
  cpSync,
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { sha256Hex } from '../../src/base/bytes.ts';
import { formatPublicKey, generateKey } from '../../src/base/keys.ts';
import { fakeRegistry } from '../support/fake-registry.ts';
import { makeEnclave, makeSite, type Site } from '../support/site.ts';
import { temporaryTree } from '../support/temp.ts';

/** Everything, or a sample of it: SIGTERM ends in the same way, and a few points of many. `npm run test:every-kill` takes all. */
const every = process.env['STELLA_EVERY_KILL'] === '1';
const POINTS = every ? Number.POSITIVE_INFINITY : 4;
const SIGNALS = [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const;

let base: string;
let site: Site;
let url: string;
/**
 * Homes to copy: of an exporter, of one with a staged change of the repository, of one who has sealed before, of an empty
 * enclave, and of one with a bundle.
 */
let homes: Readonly<Record<'exporter' | 'staged' | 'sealed' | 'empty' | 'holding', string>>;
let bundles: readonly [string, string];

/** Requests whose path matches are not answered, or with the first half of the body. */
let stallAt = /(?!)/;
let half = false;
let reached: () => void = () => {};

const server = createServer((request, response: ServerResponse) => {
  const path = (request.url ?? '/').slice(1);
  const file = join(base, 'site', path);
  const isFile = statSync(file, { throwIfNoEntry: false })?.isFile() ?? false;
  if (stallAt.test(path)) {
    if (half) {
      const bytes = readFileSync(file);
      response.writeHead(200, { 'content-length': bytes.length });
      response.write(bytes.subarray(0, bytes.length >> 1), () => reached());
    } else reached();
    return;
  }
  if (!isFile) response.writeHead(404).end();
  else createReadStream(file).pipe(response.writeHead(200, { 'content-length': statSync(file).size }));
});

beforeAll(async () => {
  base = temporaryTree();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  site = await makeSite(base, { url, entries: 3000 });
  const exporter = join(base, 'exporter');
  cpSync(site.home, exporter, { recursive: true });
  const staged = join(base, 'staged');
  cpSync(site.home, staged, { recursive: true });
  const target = ['repo', 'add-target', 'lines', 'lines.txt', '--repo', 'repo'];
  for (const args of [
    [...target, '--stage'],
    ['repo', 'sign', '--repo', 'repo'],
  ])
    await site.run(args, { env: { HOME: staged }, cwd: staged });
  // What is served is newer than what the exporter has.
  await site.run(target);
  site.publish();
  await site.run(['trust', 'sync', '--force']);
  const first = await site.seal('first');
  await site.run(['log', 'append', join(base, 'site', 'log'), '--lines', 'lines']);
  const second = await site.seal('second');
  const holding = makeEnclave(base, 'holding');
  await holding.run(['trust', 'import', first, '--root-fingerprint', site.fingerprint], { expect: 0 });
  homes = {
    exporter,
    staged,
    sealed: site.home,
    empty: makeEnclave(base, 'empty').home,
    holding: holding.home,
  };
  bundles = [first, second];
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

let copies = 0;
function copyOf(home: string): string {
  copies += 1;
  const copy = join(base, `copy-${copies}`);
  cpSync(home, copy, { recursive: true });
  mkdirSync(join(copy, 'tmp'));
  return copy;
}

/** Every file with its digest, and every directory. */
function treeOf(directory: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(directory, { recursive: true, withFileTypes: true })
      .map((entry): [string, string] => {
        const path = join(entry.parentPath, entry.name);
        return [path.slice(directory.length + 1), entry.isFile() ? sha256Hex(readFileSync(path)) : ''];
      })
      .sort(([a], [b]) => (a < b ? -1 : 1)),
  );
}

interface Started {
  readonly child: ChildProcess;
  readonly ended: Promise<{ status: number | null; stdout: string; stderr: string }>;
}

function start(home: string, args: readonly string[], env: Record<string, string>): Started {
  const preload = resolve('test/support/stall-preload.ts');
  const child = spawn(process.execPath, ['--import', preload, resolve('bin/stella.js'), ...args], {
    cwd: home,
    env: { PATH: process.env['PATH'] ?? '', HOME: home, TMPDIR: join(home, 'tmp'), LC_ALL: 'C', ...env },
  });
  const text = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (piece: string) => {
      text[name] += piece;
    });
  child.stdin.on('error', () => {});
  return {
    child,
    ended: new Promise((done) => child.on('close', (status) => done({ status, ...text }))),
  };
}

interface Phase {
  readonly name: string;
  readonly home: keyof typeof homes;
  readonly args: (home: string) => readonly string[];
  /** Stalls the server at this path. */
  readonly at?: RegExp;
  readonly half?: boolean;
  /** Stalls where such a file is opened. */
  readonly open?: RegExp;
  /** Waits until such a file is being opened, which never comes to an end by itself. */
  readonly waits?: RegExp;
  /** Sends the signal where such a file is opened by a call that blocks. */
  readonly blocking?: RegExp;
  /** Gives the first half of the second bundle on standard input, and waits until such a file is there. */
  readonly stdin?: RegExp;
  readonly prepare?: (home: string) => void;
  /** What may be left: progress that the next run goes on with. */
  readonly kept?: RegExp;
}

const PHASES: readonly Phase[] = [
  {
    name: 'sync: no answer',
    home: 'exporter',
    args: () => ['trust', 'sync', '--force'],
    at: /timestamp\.json/,
  },
  {
    name: 'sync: half of a file',
    home: 'exporter',
    args: () => ['trust', 'sync', '--force'],
    at: /timestamp\.json/,
    half: true,
  },
  {
    name: 'init: no store is left',
    home: 'empty',
    args: () => ['trust', 'init', '--tuf-url', `${url}/tuf/`, '--root-fingerprint', site.fingerprint],
    at: /targets\.json/,
  },
  {
    name: 'export: mirroring the tiles of a log',
    home: 'exporter',
    args: () => ['trust', 'snapshot', 'export', '--out', 'out.tar.zst', '--signing-key', 'bundle-signer.key'],
    at: /tile\/0\//,
    // Tiles that are whole and verified never change: the next run has them already.
    kept: /^\.local\/share\/stella\/logs($|\/[0-9a-f]{64}(\/tile.*)?$)/,
  },
  {
    name: 'export: sealing',
    home: 'sealed',
    args: () => ['trust', 'snapshot', 'export', '--out', 'out.tar.zst', '--signing-key', 'bundle-signer.key'],
    open: /\/body$/,
    // A number that was taken is not given to another bundle.
    kept: /^\.local\/share\/stella\/producer\/exports\.json$/,
  },
  {
    name: 'export: splitting',
    home: 'sealed',
    args: () => [
      ...['trust', 'snapshot', 'export', '--out', 'out.tar.zst', '--split-size', '20KiB'],
      ...['--signing-key', 'bundle-signer.key'],
    ],
    open: /\.002$/,
    // The number is taken, and the audit log says for what.
    kept: /^\.local\/share\/stella\/(?:producer\/(?:exports|manifests\/3)\.json|audit\.(?:jsonl|head))$/,
  },
  {
    name: 'import: unpacking a pipe into an empty enclave',
    home: 'empty',
    args: () => ['trust', 'import', '-', '--root-fingerprint', site.fingerprint],
    stdin: /\.json$/,
  },
  {
    name: 'import: unpacking a pipe',
    home: 'holding',
    args: () => ['trust', 'import', '-'],
    stdin: /\.json$/,
  },
  {
    name: 'import: the last files before the commit',
    home: 'holding',
    args: () => ['trust', 'import', bundles[1]],
    blocking: /content\/tuf\/.*timestamp\.json$/,
  },
  {
    name: 'import: a FIFO that nobody writes to',
    home: 'holding',
    args: () => ['trust', 'import', 'fifo'],
    prepare: makeFifo,
    waits: /\/fifo$/,
  },
  {
    name: 'attest verify: a FIFO that nobody writes to',
    home: 'holding',
    args: () => ['attest', 'verify', 'fifo'],
    prepare: makeFifo,
    waits: /\/fifo$/,
  },
  {
    name: 'snapshot verify',
    home: 'holding',
    args: () => ['trust', 'snapshot', 'verify', '-'],
    stdin: /\.json$/,
  },
  {
    name: 'snapshot inspect --html',
    home: 'holding',
    args: () => ['trust', 'snapshot', 'inspect', '-', '--html', 'out.html'],
    stdin: /^tmp\/stella-inspect-/,
  },
  {
    name: 'attest verify: many files',
    home: 'holding',
    args: () => ['attest', 'verify', 'many', '--jobs', '1'],
    blocking: /many\/0100\.json$/,
    prepare: makeMany,
  },
  {
    name: 'attest verify: worker threads',
    home: 'holding',
    args: () => ['attest', 'verify', 'many', '--jobs', '2'],
    blocking: /many\/0500\.json$/,
    prepare: makeMany,
  },
  {
    name: 'kit: copying',
    home: 'holding',
    args: () => ['kit', '--out', 'kit', '--bundle', bundles[0]],
    open: /\.staging-.*\/first\.tar\.zst$/,
  },
  {
    name: 'repo: an external signer',
    home: 'exporter',
    args: () => [
      'repo',
      'rotate-key',
      'timestamp',
      '--repo',
      'repo',
      '--public-key',
      'hsm.pub',
      '--signer',
      SIGNER,
    ],
    prepare: (home) => writeFileSync(join(home, 'hsm.pub'), formatPublicKey(generateKey().publicKey)),
  },
];

/** Says that it was started, and its process id, in place of a signature. */
const SIGNER =
  'exec:echo $$ > "$TMPDIR/../../signer.pid"; mv "$TMPDIR/../../signer.pid" "$STALLED"; exec sleep 60';

function makeFifo(home: string): void {
  execFileSync('mkfifo', [join(home, 'fifo')]);
}

function makeMany(home: string): void {
  const bytes = readFileSync(join(site.home, 'attestation.json'));
  mkdirSync(join(home, 'many'));
  for (let i = 0; i < 700; i += 1)
    writeFileSync(join(home, 'many', `${String(i).padStart(4, '0')}.json`), bytes);
}

async function expectGone(pid: number): Promise<void> {
  const isThere = () => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };
  await vi.waitUntil(() => !isThere(), { timeout: 5000 });
}

/** What is not as it was before. */
function changesOf(before: Record<string, string>, home: string, kept: RegExp | undefined): string[] {
  const after = treeOf(home);
  return Object.keys({ ...before, ...after }).filter(
    (name) => before[name] !== after[name] && !kept?.test(name),
  );
}

function expectInterrupted(result: { status: number | null; stderr: string }, status: number): void {
  expect(result.stderr).toMatch(/(?:^|\n)error: interrupted \[INTERRUPTED\]\nhint: [^\n]+\n$/);
  expect(result.stderr.match(/^error: /gm)).toHaveLength(1);
  expect(result.status).toBe(status);
}

describe.each(SIGNALS)('%s', (signal, status) => {
  const phases = PHASES.filter((_, i) => every || signal === 'SIGINT' || i % 4 === 0);
  test.each(phases.map((phase) => [phase.name, phase] as const))('%s', async (_name, phase) => {
    const home = copyOf(homes[phase.home]);
    phase.prepare?.(home);
    const before = treeOf(home);
    const stalled = join(base, `stalled-${copies}`);
    stallAt = phase.at ?? /(?!)/;
    half = phase.half ?? false;
    const atServer = new Promise<void>((done) => {
      reached = done;
    });
    const { child, ended } = start(home, phase.args(home), {
      SIGNAL: signal,
      STALLED: stalled,
      ...(phase.open ? { STALL_AT: phase.open.source } : {}),
      ...(phase.waits ? { TELL_AT: phase.waits.source } : {}),
      ...(phase.blocking ? { SIGNAL_AT: phase.blocking.source } : {}),
    });
    try {
      if (phase.stdin) {
        const bytes = readFileSync(bundles[1]);
        child.stdin!.write(bytes.subarray(0, bytes.length >> 1));
        const isNew = (name: string) => !(name in before) && phase.stdin!.test(name);
        await vi.waitUntil(() => Object.keys(treeOf(home)).some(isNew), { timeout: 10_000 });
        child.kill(signal);
      } else if (phase.at) {
        await Promise.race([atServer, ended.then(({ stderr }) => Promise.reject(new Error(stderr)))]);
        child.kill(signal);
      } else if (!phase.blocking) {
        await vi.waitUntil(() => existsSync(stalled) || child.exitCode !== null, { timeout: 10_000 });
        child.kill(signal);
      }
      expectInterrupted(await ended, status);
      if (phase.name === 'repo: an external signer') await expectGone(Number(readFileSync(stalled, 'utf8')));
    } finally {
      child.kill('SIGKILL');
      stallAt = /(?!)/;
    }
    expect(changesOf(before, home, phase.kept)).toEqual([]);
  });

  test.each([
    [
      'push',
      'PATCH',
      (to: string) => ['trust', 'snapshot', 'push', 'first.tar.zst', to],
      // Where an upload can be gone on with.
      /^\.local(\/state(\/stella.*)?)?$/,
    ],
    [
      'pull',
      'GET',
      (from: string) => ['trust', 'snapshot', 'pull', from, '--out', 'out'],
      /^\.out\.pull($|\/)/,
    ],
    ['import', 'GET', (from: string) => ['trust', 'import', from], undefined],
  ] as const)('registry: %s', async (what, method, args, kept) => {
    const home = copyOf(homes.holding);
    cpSync(bundles[0], join(home, 'first.tar.zst'));
    let isPushed = false;
    let stalled: () => void = () => {};
    const atRegistry = new Promise<void>((done) => {
      stalled = done;
    });
    const registry = await fakeRegistry((request, response, path) => {
      const isBlob = request.method === method && path.includes('/blobs/');
      if (!isBlob || (method === 'GET' && !isPushed)) return false;
      const blob = [...registry.blobs.values()].find(({ length }) => length > 1000);
      if (method === 'GET') {
        response.writeHead(200, { 'content-length': blob!.length });
        response.write(blob!.subarray(0, blob!.length >> 1));
      }
      setTimeout(stalled, 100);
      return true;
    });
    const at = `oci://${registry.host}/trust:now`;
    if (what !== 'push') {
      const push = ['trust', 'snapshot', 'push', bundles[1], at, '--plain-http'];
      expect((await start(home, push, {}).ended).stderr).not.toMatch(/error/);
      isPushed = true;
    }
    const before = treeOf(home);
    const { child, ended } = start(home, [...args(at), '--plain-http'], {});
    await Promise.race([atRegistry, ended.then(({ stderr }) => Promise.reject(new Error(stderr)))]);
    child.kill(signal);
    expectInterrupted(await ended, status);
    expect(changesOf(before, home, kept)).toEqual([]);
  });
});

describe('SIGINT before any call that changes the disk: all or nothing', () => {
  const EXPORT = [
    'trust',
    'snapshot',
    'export',
    '--out',
    'out.tar.zst',
    '--signing-key',
    'bundle-signer.key',
  ];
  test.each([
    ['trust sync', 'exporter', () => ['trust', 'sync', '--force'], undefined],
    ['snapshot export', 'sealed', () => EXPORT, /^\.local\/share\/stella\/producer\/exports\.json$/],
    ['trust import', 'holding', () => ['trust', 'import', bundles[1]], undefined],
    ['trust export', 'holding', () => ['trust', 'export', '--out', 'mirror'], undefined],
    ['trust status --html', 'holding', () => ['trust', 'status', '--html', 'out.html'], undefined],
    ['repo publish', 'staged', () => ['repo', 'publish', '--repo', 'repo'], undefined],
  ] as const)('%s', { timeout: 600_000 }, async (_name, template, args, kept) => {
    const whole = copyOf(homes[template]);
    const callsFile = join(base, `calls-${copies}`);
    const { status: done, stderr: said } = await start(whole, args(), { CALLS_FILE: callsFile }).ended;
    expect(done, said).toBe(0);
    const names = Object.keys(treeOf(whole)).sort();
    const calls = Number(readFileSync(callsFile, 'utf8'));
    expect(calls).toBeGreaterThan(1);
    for (let call = 1; call <= calls; call += Math.max(1, Math.floor(calls / POINTS))) {
      const home = copyOf(homes[template]);
      const before = treeOf(home);
      const { status, stderr } = await start(home, args(), { SIGNAL_CALL: String(call) }).ended;
      if (status === 0) {
        expect(stderr, `call ${call}`).not.toContain('interrupted');
        expect(Object.keys(treeOf(home)).sort(), `call ${call}`).toEqual(names);
      } else {
        expectInterrupted({ status, stderr }, 130);
        expect(changesOf(before, home, kept), `call ${call}`).toEqual([]);
      }
    }
  });
});
