/**
 * Pushes and pulls a 1 GiB bundle with `stella` and with `skopeo copy`, in turns, against one docker-registry on
 * loopback. Prints one line per run, and the medians of elapsed and processor time.
 * Usage: node bench/oci.ts [MIB] [ROUNDS]; needs docker-registry and skopeo (scripts/install-test-servers.sh)
 */

import { spawn, spawnSync } from 'node:child_process';
import { createHash, randomFillSync } from 'node:crypto';
import { linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { generateKey, signerOf } from '../src/base/keys.ts';
import { sealBundle } from '../src/bundle/seal.ts';
import { repeatedDigest } from '../test/support/digest.ts';

const mebibytes = Number(process.argv[2] ?? 1024);
const rounds = Number(process.argv[3] ?? 3);
const port = 5077;
const work = mkdtempSync(join(tmpdir(), 'stella-bench-'));
const environment = { PATH: process.env['PATH'] ?? '', HOME: work };
/** Runs a command; `processor` grows by what it used, user and system time in seconds. */
let processor = 0;
function run(command: string, args: string[]): void {
  const timed = ['-c', 'TIMEFORMAT="%U %S"; time "$@" >/dev/null', 'bench', command, ...args];
  const { status, stderr } = spawnSync('bash', timed, { env: environment, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
  processor += stderr
    .trim()
    .split('\n')
    .at(-1)!
    .split(' ')
    .reduce((sum, part) => sum + Number(part), 0);
}
const stella = (...args: string[]) =>
  run(process.execPath, [resolve('bin/stella.js'), 'trust', 'snapshot', ...args]);
const skopeo = (...args: string[]) => run('skopeo', ['--insecure-policy', 'copy', '-q', ...args]);

async function makeBundle(file: string): Promise<void> {
  const entries = Array.from({ length: mebibytes / 16 }, (_, i) => {
    const source = join(work, `noise-${i}`);
    writeFileSync(source, randomFillSync(Buffer.alloc(16 * 1024 * 1024)));
    return {
      path: `logs/${repeatedDigest('ab')}/tile/entries/x${String(i).padStart(3, '0')}/000`,
      source: { file: source },
    };
  });
  await sealBundle({
    out: file,
    manifest: {
      sealed_at: '2026-01-25T12:00:00Z',
      sequence: 1,
      producer: { name: 'bench', version: '1' },
      stale_after_days: 7,
      tuf: {
        url: 'https://trust.example.com/',
        first_root: 1,
        roles: { root: { version: 1, sha256: repeatedDigest('00'), expires: '2027-01-01T00:00:00Z' } },
      },
      service_map_target: 'sigstore-services-v1',
      logs: [],
    },
    entries: entries.sort((a, b) => (a.path < b.path ? -1 : 1)),
    signers: [signerOf(generateKey())],
  });
  for (const { source } of entries) rmSync(source.file);
}

/** The same layer as an OCI layout, for skopeo to push. */
function makeLayout(file: string): string {
  const layout = join(work, 'layout');
  const blobs = join(layout, 'blobs', 'sha256');
  mkdirSync(blobs, { recursive: true });
  const describe = (mediaType: string, bytes: Buffer) => {
    const digest = createHash('sha256').update(bytes).digest('hex');
    writeFileSync(join(blobs, digest), bytes);
    return { mediaType, digest: `sha256:${digest}`, size: bytes.length };
  };
  const digest = createHash('sha256').update(readFileSync(file)).digest('hex');
  linkSync(file, join(blobs, digest));
  const type = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = {
    schemaVersion: 2,
    mediaType: type,
    config: describe('application/vnd.oci.empty.v1+json', Buffer.from('{}')),
    layers: [
      {
        mediaType: 'application/vnd.stella.bundle.v1.tar+zstd',
        digest: `sha256:${digest}`,
        size: statSync(file).size,
      },
    ],
  };
  const described = describe(type, Buffer.from(JSON.stringify(manifest)));
  writeFileSync(
    join(layout, 'index.json'),
    JSON.stringify({
      schemaVersion: 2,
      manifests: [{ ...described, annotations: { 'org.opencontainers.image.ref.name': 'x' } }],
    }),
  );
  writeFileSync(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  return layout;
}

const times = new Map<string, number[]>();
const processorTimes = new Map<string, number[]>();
function timed(name: string, work: () => void): void {
  processor = 0;
  const began = performance.now();
  work();
  const seconds = (performance.now() - began) / 1000;
  times.set(name, [...(times.get(name) ?? []), seconds]);
  processorTimes.set(name, [...(processorTimes.get(name) ?? []), processor]);
  console.log(`${name.padEnd(20)} ${seconds.toFixed(2)} s, processor ${processor.toFixed(2)} s`);
}

const config = {
  version: 0.1,
  log: { level: 'error', accesslog: { disabled: true } },
  storage: { filesystem: { rootdirectory: join(work, 'storage') } },
  http: { addr: `127.0.0.1:${port}` },
};
writeFileSync(join(work, 'registry.yml'), JSON.stringify(config));
const registry = spawn('docker-registry', ['serve', join(work, 'registry.yml')], { stdio: 'ignore' });
try {
  const file = join(work, 'bundle.tar.zst');
  await makeBundle(file);
  const layout = makeLayout(file);
  console.log(`one layer of ${(statSync(file).size / 2 ** 20).toFixed(0)} MiB`);
  for (let round = 0; round < rounds; round += 1) {
    // A repository for each, and an emptied store: whoever came second would find the blob there.
    const storage = join(work, 'storage');
    rmSync(storage, { recursive: true, force: true });
    timed('stella push', () => stella('push', file, `oci://127.0.0.1:${port}/a:1`, '--plain-http'));
    timed('stella pull', () =>
      stella('pull', `oci://127.0.0.1:${port}/a:1`, '--out', join(work, 'out'), '--plain-http'),
    );
    rmSync(join(work, 'out'));
    rmSync(storage, { recursive: true, force: true });
    timed('skopeo push', () =>
      skopeo('--dest-tls-verify=false', `oci:${layout}:x`, `docker://127.0.0.1:${port}/b:1`),
    );
    const source = `docker://127.0.0.1:${port}/b:1`;
    timed('skopeo pull', () => skopeo('--src-tls-verify=false', source, `oci:${join(work, 'out')}:x`));
    rmSync(join(work, 'out'), { recursive: true });
    // stella's file is on the disk when it is there by its name; skopeo leaves that to the system.
    timed('skopeo pull and sync', () => {
      skopeo('--src-tls-verify=false', source, `oci:${join(work, 'out')}:x`);
      run('sync', ['-f', join(work, 'out')]);
    });
    rmSync(join(work, 'out'), { recursive: true });
  }
  const middle = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(rounds / 2)]!;
  for (const [ours, theirs] of [
    ['stella push', 'skopeo push'],
    ['stella pull', 'skopeo pull'],
    ['stella pull', 'skopeo pull and sync'],
  ] as const) {
    for (const [what, of] of [
      ['', times],
      [' processor', processorTimes],
    ] as const) {
      const [a, b] = [middle(of.get(ours)!), middle(of.get(theirs)!)];
      console.log(
        `${ours}${what} ${a.toFixed(2)} s, ${theirs}${what} ${b.toFixed(2)} s: ${(a / b).toFixed(2)} times`,
      );
    }
  }
} finally {
  registry.kill();
  rmSync(work, { recursive: true, force: true });
}
