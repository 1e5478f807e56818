import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { DAY } from '../../src/base/clock.ts';
import { openStore } from '../../src/trust/store.ts';
import { nginxIsPresent, serveWithNginx } from '../support/nginx.ts';
import { type Enclave, makeEnclave, makeSite, type Site } from '../support/site.ts';
import { serveDirectory } from '../support/static-server.ts';
import { temporaryDirectory, temporaryTree } from '../support/temp.ts';
import { makeTlsFiles } from '../support/tls.ts';

let base: string;
let site: Site;
let importer: Enclave;
let first: string;
let second: string;
const sealedAt = (instant: number) => ({
  env: { HOME: site.home, SOURCE_DATE_EPOCH: String(Math.floor(instant / 1000)) },
});

beforeAll(async () => {
  base = temporaryTree();
  site = await makeSite(base);
  importer = makeEnclave(base, 'importer');
  first = await site.seal('first', [], sealedAt(site.now - 3_600_000));
  second = await site.seal('second', [], sealedAt(site.now));
  const { now } = site;
  await importer.run(['trust', 'import', first, '--root-fingerprint', site.fingerprint], { now, expect: 0 });
  await importer.run(['trust', 'export', '--out', join(base, 'mirror-1')], { now, expect: 0 });
  await importer.run(['trust', 'import', second], { now, expect: 0 });
  await importer.run(['trust', 'export', '--out', join(base, 'mirror-2')], { now, expect: 0 });
});

/** A mirror that a test may change, and an empty client. */
async function setting(source = 'mirror-1') {
  const served = join(temporaryDirectory(), 'served');
  const publish = (name: string) => {
    rmSync(served, { recursive: true, force: true });
    cpSync(join(base, name), served, { recursive: true });
  };
  publish(source);
  const { url, requests } = await serveDirectory(served);
  const client = makeEnclave(temporaryDirectory());
  const init = (now: number, expect = 0) =>
    client.run(['trust', 'init', '--tuf-url', url, '--root-fingerprint', site.fingerprint], { now, expect });
  const sync = (now: number, expect = 0) => client.run(['trust', 'sync'], { now, expect });
  return { served, publish, url, requests, client, init, sync };
}

test('an export of imported trust carries the manifest, its signature, and the logs as tile mirrors', () => {
  const names = readdirSync(join(base, 'mirror-1'));
  expect(names).toEqual(
    expect.arrayContaining(['1.root.json', 'manifest.cose', 'manifest.json', 'timestamp.json']),
  );
  const [log] = readdirSync(join(base, 'mirror-1', 'logs'));
  expect(readFileSync(join(base, 'mirror-1', 'logs', log!, 'checkpoint'), 'utf8')).toContain(
    'log.example.com/test\n',
  );
  expect(existsSync(join(base, 'mirror-1', 'logs', log!, 'tile', '0', '000'))).toBe(true);
});

test('an export of synced trust stays an ordinary repository', async () => {
  const out = join(temporaryDirectory(), 'plain');
  await site.run(['trust', 'export', '--out', out]);
  expect(readdirSync(out)).not.toContain('manifest.json');
});

describe('a client of a sealed mirror', () => {
  test('starts from it, verifies with it, and follows it', async () => {
    const { init, sync, client, publish, requests, url } = await setting();
    const { now } = site;
    await init(now);
    const { state } = openStore(client.store).require();
    expect(state.source).toMatchObject({ kind: 'import', mirror: url, sequence: 1 });
    expect(Date.parse(state.reference_time)).toBe(Math.floor((now - 3_600_000) / 1000) * 1000);
    const verify = ['attest', 'verify', join(site.home, 'attestation.json'), '--offline', '--json'];
    const verified = await client.run(verify, { now, expect: 0 });
    expect(verified.json()).toMatchObject({ verified: true, trust: { sealed_at: state.reference_time } });
    const before = requests.length;
    expect((await sync(now)).stdout).toContain('unchanged');
    expect(requests.slice(before)).toEqual(['manifest.json', 'manifest.cose']);
    publish('mirror-2');
    await sync(now);
    expect(openStore(client.store).require().state.source).toMatchObject({ sequence: 2, mirror: url });
  });

  test('counts the window from sealed_at, never from when the mirror was copied or asked', async () => {
    const { now } = site;
    const late = await setting();
    expect((await late.init(now + 8 * DAY, 5)).stderr).toContain('[BUNDLE_STALE]');
    expect(existsSync(late.client.store)).toBe(false);
    const { init, sync, client } = await setting();
    // TUF's own timestamp has expired by then: what counts is what held at sealed_at.
    await init(now + 6 * DAY);
    expect((await sync(now + 8 * DAY, 5)).stderr).toContain('[BUNDLE_STALE]');
    const verify = ['attest', 'verify', join(site.home, 'attestation.json'), '--offline'];
    await client.run(verify, { now: now + 8 * DAY, expect: 5 });
  });

  test('follows a mirror to a delta, whose mirror serves every tile', async () => {
    const { now } = site;
    writeFileSync(join(site.home, 'more'), Array.from({ length: 300 }, (_, i) => `more ${i}\n`).join(''));
    await site.run(['log', 'append', join(base, 'site', 'log'), '--lines', 'more']);
    const delta = await site.seal('delta', ['--since', second], sealedAt(now + 60_000));
    const later = now + 120_000;
    await importer.run(['trust', 'import', delta], { now: later, expect: 0 });
    await importer.run(['trust', 'prune'], { now: later, expect: 0 });
    await importer.run(['trust', 'export', '--out', join(base, 'mirror-3')], { now: later, expect: 0 });
    const [log] = readdirSync(join(base, 'mirror-3', 'logs'));
    for (const tile of ['000', '001', '002'])
      expect(existsSync(join(base, 'mirror-3', 'logs', log!, 'tile', '0', tile))).toBe(true);
    const { init, sync, publish, client } = await setting('mirror-2');
    await init(later);
    publish('mirror-3');
    await sync(later);
    expect(openStore(client.store).require().state.source).toMatchObject({ sequence: 3 });
    // Who has nothing of the base has to start from a full bundle.
    const empty = await setting('mirror-3');
    expect((await empty.init(later, 2)).stderr).toContain('[BASE_MISSING]');
  });

  test('does not go back', async () => {
    const { init, sync, publish } = await setting('mirror-2');
    await init(site.now);
    publish('mirror-1');
    expect((await sync(site.now, 2)).stderr).toContain('[BUNDLE_ROLLBACK]');
  });

  test('refuses a root that nobody vouched for', async () => {
    const { client, url } = await setting();
    const args = ['trust', 'init', '--tuf-url', url, '--root-fingerprint', `sha256:${'00'.repeat(32)}`];
    expect((await client.run(args, { now: site.now, expect: 2 })).stderr).toContain('[PIN_MISMATCH]');
  });

  test('over file://, without any network', async () => {
    const client = makeEnclave(temporaryDirectory());
    const url = pathToFileURL(join(base, 'mirror-1')).href;
    const args = ['trust', 'init', '--tuf-url', url, '--root-fingerprint', site.fingerprint, '--offline'];
    await client.run(args, { now: site.now, expect: 0 });
    await client.run(['trust', 'sync', '--offline'], { now: site.now + 8 * DAY, expect: 5 });
  });

  const text = (path: string) => readFileSync(path, 'utf8');
  test.each<[string, string, (served: string) => void]>([
    [
      'another number in the manifest',
      'BUNDLE_SIGNATURE',
      (served) =>
        alter(join(served, 'manifest.json'), (json) => json.replace('"sequence":1,', '"sequence":9,')),
    ],
    [
      'the signature of another manifest',
      'BUNDLE_SIGNATURE',
      (served) => cpSync(join(base, 'mirror-2', 'manifest.cose'), join(served, 'manifest.cose')),
    ],
    ['no signature', 'MANIFEST_MISSING', (served) => rmSync(join(served, 'manifest.cose'))],
    [
      'a signature that is none',
      'COSE_INVALID',
      (served) => writeFileSync(join(served, 'manifest.cose'), 'x'),
    ],
    ['another target', 'ENTRY_DIGEST', (served) => alterFirst(join(served, 'targets'))],
    ['a target less', 'ENTRY_MISSING', (served) => rmSync(join(served, 'targets'), { recursive: true })],
    ['another tile', 'ENTRY_DIGEST', (served) => alterFirst(join(served, 'logs'))],
  ])('refuses %s', async (_, code, change) => {
    const { served, client } = await setting();
    change(served);
    const result = await client.run(
      [
        'trust',
        'init',
        '--tuf-url',
        pathToFileURL(served).href,
        '--root-fingerprint',
        site.fingerprint,
        '--offline',
      ],
      { now: site.now },
    );
    expect(result.stderr).toContain(`[${code}]`);
    expect(result.status).not.toBe(0);
    expect(existsSync(client.store)).toBe(false);
  });

  test.skipIf(!nginxIsPresent)('over TLS from nginx with a private authority', async () => {
    const tls = makeTlsFiles();
    const { port, requests } = await serveWithNginx(join(base, 'mirror-2'), {
      listen: 'ssl',
      server: `ssl_certificate ${tls.serverCertificate}; ssl_certificate_key ${tls.serverKey};`,
    });
    const client = makeEnclave(temporaryDirectory());
    const network = { ca_file: tls.ca };
    writeFileSync(
      join(client.home, 'stella.yaml'),
      JSON.stringify({ attestor: { trust_repo: { network } } }),
    );
    const url = `https://127.0.0.1:${port}/`;
    const args = ['trust', 'init', '--tuf-url', url, '--root-fingerprint', site.fingerprint];
    await client.run(args, { now: site.now, expect: 0 });
    expect((await client.run(['trust', 'sync'], { now: site.now, expect: 0 })).stdout).toContain('unchanged');
    expect(requests().join('\n')).toMatch(/GET \/logs\/[0-9a-f]{64}\/tile\/0\/000 200/);
  });

  test('notices when the manifest is taken away', async () => {
    const { served, init, sync } = await setting();
    await init(site.now);
    rmSync(join(served, 'manifest.json'));
    expect((await sync(site.now, 2)).stderr).toContain('[MANIFEST_MISSING]');
  });

  function alter(path: string, change: (text: string) => string): void {
    const altered = change(text(path));
    expect(altered).not.toBe(text(path));
    writeFileSync(path, altered);
  }

  function alterFirst(directory: string): void {
    const file = readdirSync(directory, { recursive: true, withFileTypes: true }).find((entry) =>
      entry.isFile(),
    )!;
    const path = join(file.parentPath, file.name);
    const bytes = readFileSync(path);
    bytes[0]! ^= 1;
    writeFileSync(path, bytes);
  }
});
