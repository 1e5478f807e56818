import { spawn } from 'node:child_process';
import { closeSync, copyFileSync, existsSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { signerOf } from '../../src/base/keys.ts';
import { splitBundle } from '../../src/bundle/split.ts';
import { type MadeBundle, makeBundle, noise, someEntries } from '../support/bundle.ts';
import { stella } from '../support/cli.ts';
import { type DockerRegistry, installed, startRegistry } from '../support/docker-registry.ts';
import { type FakeRegistry, fakeRegistry } from '../support/fake-registry.ts';
import { stallingProxy } from '../support/stalling-proxy.ts';
import { temporaryDirectory, temporaryTree } from '../support/temp.ts';

const MIB = 1024 * 1024;
const canRun = installed('docker-registry');

let base: string;
let sealed: MadeBundle;
let file: string;
beforeAll(async () => {
  base = temporaryTree();
  // A chunk has 64 MiB: this is one and a part.
  const big = join(base, 'big');
  const fd = openSync(big, 'w');
  const piece = noise(4 * MIB, 11);
  for (let i = 0; i < 20; i += 1) {
    piece.writeUInt32LE(i);
    writeSync(fd, piece);
  }
  closeSync(fd);
  sealed = await makeBundle(base, {
    entries: [...someEntries, { path: 'tuf/targets/zz.big', source: { file: big } }],
  });
  file = sealed.file;
});

/** Runs the command as a process of its own, and kills it when the line has fallen silent. */
async function killed(home: string, silent: Promise<void>, ...args: string[]): Promise<void> {
  const child = spawn(process.execPath, [resolve('bin/stella.js'), 'trust', 'snapshot', ...args], {
    stdio: 'ignore',
    cwd: home,
    env: { HOME: home, PATH: process.env['PATH'] ?? '' },
  });
  const ended = new Promise((done) => child.on('close', (_, signal) => done(signal)));
  await Promise.race([silent, ended]);
  // What has left this process has arrived at the registry by then.
  await new Promise((done) => setTimeout(done, 300));
  child.kill('SIGKILL');
  expect(await ended).toBe('SIGKILL');
}

describe.skipIf(!canRun)('with a real registry, a process that is killed', () => {
  let registry: DockerRegistry;
  beforeAll(async () => {
    registry = await startRegistry(base);
  });

  const run = (home: string, ...args: string[]) =>
    stella(['trust', 'snapshot', ...args, '--plain-http'], { cwd: home, env: { HOME: home } });

  test('between two chunks of a push: the next run sends the rest only', async () => {
    const home = temporaryDirectory();
    const line = await stallingProxy(registry.host, ({ method }, nth) =>
      method === 'PATCH' && nth === 2 ? { up: 0 } : undefined,
    );
    const push = ['push', file, `oci://${line.host}/killed/push:1`];
    await killed(home, line.silent, ...push, '--plain-http');
    const kept = join(home, '.local', 'state', 'stella', 'uploads');
    expect(readdirSync(kept)).toHaveLength(1);
    line.heal();
    const before = line.passed.length;
    const again = await run(home, ...push, '--json');
    expect(again).toMatchObject({ status: 0 });
    const size = readFileSync(file).length;
    expect(again.json()).toMatchObject({ size, uploaded: size - 64 * MIB });
    const sent = line.passed.slice(before).filter(({ method }) => method === 'PATCH');
    // A first MiB shows whether the registry is where its status says it is.
    expect(sent.map(({ sent }) => sent)).toEqual([MIB, size - 65 * MIB, 2]);
    expect(readdirSync(kept)).toEqual([]);
    const out = join(home, 'out.tar.zst');
    await run(home, 'pull', `oci://${registry.host}/killed/push:1`, '--out', out);
    expect(readFileSync(out).equals(readFileSync(file))).toBe(true);
  });

  test('in the middle of a chunk, which this registry takes for the end of the upload: all of it is sent again', async () => {
    const home = temporaryDirectory();
    const line = await stallingProxy(registry.host, ({ method }, nth) =>
      method === 'PATCH' && nth === 2 ? { up: MIB } : undefined,
    );
    const push = ['push', file, `oci://${line.host}/killed/chunk:1`];
    await killed(home, line.silent, ...push, '--plain-http');
    line.heal();
    const again = await run(home, ...push, '--json');
    expect(again.json()).toMatchObject({ uploaded: readFileSync(file).length });
    const out = join(home, 'out.tar.zst');
    await run(home, 'pull', `oci://${registry.host}/killed/chunk:1`, '--out', out);
    expect(readFileSync(out).equals(readFileSync(file))).toBe(true);
  });

  test('in the middle of a push in several layers: those that are there are not sent again', async () => {
    const home = temporaryDirectory();
    const line = await stallingProxy(registry.host, ({ method }, nth) =>
      method === 'PATCH' && nth === 3 ? { up: MIB } : undefined,
    );
    const push = ['push', file, `oci://${line.host}/killed/layers:1`, '--split-size', '16MiB'];
    await killed(home, line.silent, ...push, '--plain-http');
    line.heal();
    const before = line.passed.length;
    const size = readFileSync(file).length;
    const again = await run(home, ...push, '--json');
    expect(again.json()).toMatchObject({ size, uploaded: size - 2 * 16 * MIB });
    const sent = line.passed
      .slice(before)
      .reduce((sum, { method, sent }) => (method === 'PATCH' ? sum + sent : sum), 0);
    expect(sent).toBe(size - 2 * 16 * MIB + 2);
    const { layers } = again.json() as { layers: { title: string; mediaType: string; size: number }[] };
    expect(layers.map(({ title }) => title)).toEqual(
      layers.map((_, i) => `bundle.tar.zst.${String(i + 1).padStart(3, '0')}`),
    );
    expect(layers.slice(0, -1).every((layer) => layer.size === 16 * MIB)).toBe(true);
    expect(layers[0]!.mediaType).toBe('application/vnd.stella.bundle.volume.v1');
    const out = join(home, 'out.tar.zst');
    await run(home, 'pull', `oci://${registry.host}/killed/layers:1`, '--out', out);
    expect(readFileSync(out).equals(readFileSync(file))).toBe(true);
  });

  test('in the middle of a split bundle: the parts that are there are not sent again', async () => {
    const home = temporaryDirectory();
    const copy = join(home, 'split.tar.zst');
    copyFileSync(file, copy);
    const { list } = await splitBundle({
      file: copy,
      manifestSha256: sealed.manifestSha256,
      partSize: 20 * MIB,
      signers: [signerOf(sealed.key)],
    });
    const parts = readdirSync(home).filter((name) => /\.\d{3}$/.test(name));
    expect(parts.length).toBeGreaterThan(3);
    const line = await stallingProxy(registry.host, ({ method }, nth) =>
      method === 'PATCH' && nth === 3 ? { up: MIB } : undefined,
    );
    const push = ['push', list, `oci://${line.host}/killed/parts:1`];
    await killed(home, line.silent, ...push, '--plain-http');
    line.heal();
    const size = readFileSync(file).length;
    const again = await run(home, ...push, '--json');
    expect(again.json()).toMatchObject({ uploaded: size - 2 * 20 * MIB });
  });

  test('in the middle of a pull: the next run asks for the rest only', async () => {
    const home = temporaryDirectory();
    await run(home, 'push', file, `oci://${registry.host}/killed/pull:1`);
    const most = 30 * MIB + 12_345;
    const line = await stallingProxy(registry.host, ({ url }) =>
      url!.includes('/blobs/') ? { down: most } : undefined,
    );
    const out = join(home, 'out.tar.zst');
    const pull = ['pull', `oci://${line.host}/killed/pull:1`, '--out', out];
    await killed(home, line.silent, ...pull, '--plain-http');
    expect(existsSync(out)).toBe(false);
    line.heal();
    expect(await run(home, ...pull)).toMatchObject({ status: 0 });
    const size = readFileSync(file).length;
    const rest = line.passed.findLast(({ path }) => path.includes('/blobs/'))!;
    expect(rest.range).toBe(`bytes=${most}-${size - 1}`);
    expect(rest.received).toBe(size - most);
    expect(readFileSync(out).equals(readFileSync(file))).toBe(true);
    expect(readdirSync(home).filter((name) => name.includes('out'))).toEqual(['out.tar.zst']);
  });
});

test('a registry that keeps the part of a chunk that came: the next run goes on in the middle of it', async () => {
  const home = temporaryDirectory();
  const part = 3 * MIB;
  const [fake, arrived] = await keepingRegistry(part);
  const push = ['push', file, `oci://${fake.host}/trust:1`, '--plain-http'];
  await killed(home, arrived, ...push);
  const before = fake.requests.length;
  const again = await stella(['trust', 'snapshot', ...push, '--json'], { cwd: home, env: { HOME: home } });
  expect(again).toMatchObject({ status: 0 });
  const size = readFileSync(file).length;
  expect(again.json()).toMatchObject({ uploaded: size - part });
  const ranges = fake.requests
    .slice(before)
    .filter(({ method, headers }) => method === 'PATCH' && headers['content-length'] !== '2')
    .map(({ headers }) => headers['content-range']);
  const [known, next] = [part + MIB, part + 65 * MIB];
  expect(ranges).toEqual([`${part}-${known - 1}`, `${known}-${next - 1}`, `${next}-${size - 1}`]);
  expect([...fake.blobs.values()].some((blob) => blob.equals(readFileSync(file)))).toBe(true);
});

/** A registry that takes `part` bytes of the first chunk and then nothing more, as one does whose line is slow. */
async function keepingRegistry(part: number): Promise<[FakeRegistry, Promise<void>]> {
  let [held, arrive] = [false, () => {}];
  const arrived = new Promise<void>((done) => {
    arrive = done;
  });
  const fake = await fakeRegistry((request) => {
    if (request.method !== 'PATCH' || held) return false;
    held = true;
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => {
      pieces.push(piece);
      if (pieces.reduce((sum, { length }) => sum + length, 0) < part) return;
      request.pause();
      fake.upload = Buffer.concat(pieces).subarray(0, part);
      arrive();
    });
    return true;
  });
  return [fake, arrived];
}
