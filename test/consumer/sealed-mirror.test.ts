import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { sha256Hex } from '../../src/base/bytes.ts';
import { DAY } from '../../src/base/clock.ts';
import type { Manifest } from '../../src/bundle/manifest.ts';
import { readAttestationList } from '../../src/store/attestation-list.ts';
import { openStore } from '../../src/store/store.ts';
import { nginxIsPresent, serveWithNginx } from '../support/nginx.ts';
import { type Enclave, makeEnclave, makeSite, ORIGIN, type Site } from '../support/site.ts';
import { serveDirectory } from '../support/static-server.ts';
import { temporaryDirectory, temporaryTree } from '../support/temp.ts';
import { makeTlsFiles } from '../support/tls.ts';
import { writeUserConfig } from '../support/user-config.ts';

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
  second = await site.seal('second', ['--entries'], sealedAt(site.now));
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

  test('that is named as a mirror of Sigstore is not trusted on first use', async () => {
    const { client, url } = await setting();
    for (const urls of [
      ['https://tuf-repo-cdn.sigstore.dev', pathToFileURL(join(base, 'mirror-1')).href],
      [url, 'https://tuf-repo-cdn.sigstore.dev'],
    ]) {
      const offline = urls[0] === url ? [] : ['--offline'];
      const init = ['trust', 'init', ...urls.flatMap((each) => ['--tuf-url', each]), ...offline];
      const { stderr } = await client.run(init, { now: site.now, expect: 2 });
      expect(stderr).toContain('[PIN_MISMATCH]');
      expect(existsSync(client.store)).toBe(false);
    }
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

  describe('of a delta', () => {
    let later: number;
    let delta: string;
    const name = sha256Hex(Buffer.from(ORIGIN));
    const tile = (index: string) => join('logs', name, 'tile', '0', index);

    beforeAll(async () => {
      const { now } = site;
      later = now + 120_000;
      writeFileSync(join(site.home, 'more'), Array.from({ length: 300 }, (_, i) => `more ${i}\n`).join(''));
      await site.run(['log', 'append', join(base, 'site', 'log'), '--lines', 'more']);
      delta = await site.seal('delta', ['--since', second, '--entries'], sealedAt(now + 60_000));
      await importer.run(['trust', 'import', delta], { now: later, expect: 0 });
      await importer.run(['trust', 'prune'], { now: later, expect: 0 });
      await importer.run(['trust', 'export', '--out', join(base, 'mirror-3')], { now: later, expect: 0 });
    });

    const held = (client: Enclave) =>
      readdirSync(join(client.store, 'logs', name), { recursive: true, encoding: 'utf8' });
    const verify = async (client: Enclave) => {
      const args = ['attest', 'verify', join(site.home, 'attestation.json'), '--offline', '--json'];
      return (await client.run(args, { now: later, expect: 0 })).json();
    };

    test('the mirror serves what the delta leaves out', () => {
      const { entries } = manifestAt('mirror-3');
      const listed = new Set(entries.map(({ path }) => path));
      for (const index of ['000', '001', '002'])
        expect(existsSync(join(base, 'mirror-3', tile(index)))).toBe(true);
      for (const path of [tile('000'), tile('000').replace('/0/', '/entries/')])
        expect(listed).not.toContain(path);
      const [attestation] = readdirSync(join(base, 'mirror-3', 'attestations'));
      expect(listed).not.toContain(`attestations/${attestation}`);
    });

    test('a client of the base follows to it', async () => {
      const { init, sync, publish, client } = await setting('mirror-2');
      await init(later);
      publish('mirror-3');
      await sync(later);
      expect(openStore(client.store).require().state.source).toMatchObject({ sequence: 3 });
    });

    test('a client that has missed the base follows to it', async () => {
      const { init, sync, publish, client } = await setting('mirror-1');
      await init(later);
      publish('mirror-3');
      await sync(later);
      expect(openStore(client.store).require().state.source).toMatchObject({ sequence: 3 });
      expect(await verify(client)).toMatchObject({ verified: true });
    });

    test('an empty client starts from it, holds what it promises, and can be a mirror itself', async () => {
      const { init, client, url } = await setting('mirror-3');
      await init(later);
      const generation = openStore(client.store).require();
      expect(generation.state.source).toMatchObject({ kind: 'import', mirror: url, sequence: 3 });
      expect(held(client)).toEqual(
        expect.arrayContaining(['000', '001', '002'].flatMap((i) => [`tile/0/${i}`, `tile/entries/${i}`])),
      );
      expect(readdirSync(join(client.store, 'attestations'))).toEqual(
        readAttestationList(generation).map(({ sha256 }) => `${sha256}.json`),
      );
      expect(await verify(client)).toMatchObject({ verified: true });
      await client.run(['trust', 'status'], { now: later, expect: 0 });
      // A delta by other means builds on it.
      const next = await site.seal('next', ['--since', delta], sealedAt(site.now + 90_000));
      await client.run(['trust', 'import', next], { now: later, expect: 0 });
      await client.run(['trust', 'export', '--out', join(base, 'mirror-4')], { now: later, expect: 0 });
      const third = await setting('mirror-4');
      await third.init(later);
      expect(await verify(third.client)).toMatchObject({ verified: true });
    });

    test('an empty client fetches of the log what is promised, not all of it', async () => {
      const shallow = await site.seal(
        'shallow',
        ['--since', delta, '--depth', '10'],
        sealedAt(site.now + 95_000),
      );
      const other = makeEnclave(base, 'shallow');
      await other.run(
        [
          'trust',
          'init',
          '--tuf-url',
          pathToFileURL(join(base, 'mirror-3')).href,
          '--root-fingerprint',
          site.fingerprint,
          '--offline',
        ],
        { now: later, expect: 0 },
      );
      await other.run(['trust', 'import', shallow], { now: later, expect: 0 });
      await other.run(['trust', 'export', '--out', join(base, 'mirror-5')], { now: later, expect: 0 });
      const { init, client, requests } = await setting('mirror-5');
      await init(later);
      expect(requests).toContain(tile('003.p/133'));
      expect(requests).not.toContain(tile('000'));
      expect(await verify(client)).toMatchObject({ verified: true });
    });

    const attestation = (served: string) => {
      const directory = join(served, 'attestations');
      return join(directory, readdirSync(directory)[0]!);
    };
    test.each<[string, string, (served: string) => void]>([
      ['another tile of the base', 'ROOT_MISMATCH', (served) => flip(join(served, tile('000')))],
      [
        'another entry of the base',
        'LOG_ENTRY_INVALID',
        (served) => flip(join(served, 'logs', name, 'tile', 'entries', '001')),
      ],
      ['a tile less', 'ENTRY_MISSING', (served) => rmSync(join(served, tile('000')))],
      [
        'an entry bundle less',
        'ENTRY_MISSING',
        (served) => rmSync(join(served, 'logs', name, 'tile', 'entries', '000')),
      ],
      ['a tile of another length', 'TILE_INVALID', (served) => writeFileSync(join(served, tile('001')), 'x')],
      ['another attestation of the base', 'ENTRY_DIGEST', (served) => flip(attestation(served))],
      ['an attestation less', 'ENTRY_MISSING', (served) => rmSync(attestation(served))],
      [
        'the base as it was',
        'BUNDLE_SIGNATURE',
        (served) => cpSync(join(base, 'mirror-2', 'manifest.json'), join(served, 'manifest.json')),
      ],
    ])('an empty client refuses %s, and nothing is left', async (_, code, change) => {
      const { served, client, url } = await setting('mirror-3');
      change(served);
      const args = ['trust', 'init', '--tuf-url', url, '--root-fingerprint', site.fingerprint];
      const refused = await client.run(args, { now: later });
      expect(refused.stderr).toContain(`[${code}]`);
      expect(existsSync(client.store)).toBe(false);
    });

    test('as a file it still needs its base', async () => {
      const empty = makeEnclave(temporaryDirectory());
      const args = ['trust', 'import', delta, '--root-fingerprint', site.fingerprint];
      expect((await empty.run(args, { now: later, expect: 2 })).stderr).toContain('[BASE_MISSING]');
    });

    test('an attestation that the store has lost is missed when the mirror is made', async () => {
      const damaged = makeEnclave(temporaryDirectory());
      cpSync(importer.store, damaged.store, { recursive: true });
      rmSync(join(damaged.store, 'attestations'), { recursive: true });
      const args = ['trust', 'export', '--out', join(damaged.home, 'out')];
      expect((await damaged.run(args, { now: later, expect: 2 })).stderr).toContain('[STORE_CORRUPT]');
    });
  });

  test('does not go back', async () => {
    const { init, sync, publish } = await setting('mirror-2');
    await init(site.now);
    publish('mirror-1');
    expect((await sync(site.now, 2)).stderr).toContain('[BUNDLE_ROLLBACK]');
  });

  describe('that starts anew (--replace)', () => {
    const replace = async (
      client: Enclave,
      url: string,
      now: number,
      expect = 0,
      fingerprint = site.fingerprint,
    ) =>
      client.run(['trust', 'init', '--replace', '--tuf-url', url, '--root-fingerprint', fingerprint], {
        now,
        expect,
      });

    test('forgets what it has seen, but not the time', async () => {
      const { init, publish, url, client, sync } = await setting('mirror-2');
      const { now } = site;
      await init(now);
      publish('mirror-1');
      const again = ['trust', 'init', '--tuf-url', url, '--root-fingerprint', site.fingerprint];
      expect((await client.run(again, { now, expect: 4 })).stderr).toContain('[STORE_EXISTS]');
      expect((await sync(now, 2)).stderr).toContain('[BUNDLE_ROLLBACK]');
      expect((await replace(client, url, now - 1_800_000, 5)).stderr).toContain('[CLOCK_BEHIND]');
      expect(openStore(client.store).require().number).toBe(1);
      await replace(client, url, now);
      const { number, state } = openStore(client.store).require();
      expect(number).toBe(2);
      expect(state.source).toMatchObject({ sequence: 1 });
      expect(state.clock_floor).toBe(manifestAt('mirror-2').sealed_at);
      expect(state.bundles).toHaveLength(1);
      expect(readFileSync(join(client.store, 'audit.jsonl'), 'utf8')).toContain('"replaced":true');
      await client.run(['audit', 'verify'], { now, expect: 0 });
      publish('mirror-2');
      await sync(now);
    });

    test('takes the place of a damaged store', async () => {
      const { init, url, client, sync } = await setting();
      const { now } = site;
      await init(now);
      writeFileSync(join(client.store, 'CURRENT'), 'x');
      expect((await sync(now, 2)).stderr).toContain('[STORE_CORRUPT]');
      await replace(client, url, now);
      expect(openStore(client.store).require()).toMatchObject({
        number: 2,
        state: { source: { sequence: 1 } },
      });
    });

    test('is refused as any other: the old store stays', async () => {
      const { init, url, client, publish, served } = await setting();
      const { now } = site;
      await init(now);
      publish('mirror-2');
      const other = `sha256:${'00'.repeat(32)}`;
      expect((await replace(client, url, now, 2, other)).stderr).toContain('[PIN_MISMATCH]');
      rmSync(join(served, 'manifest.cose'));
      expect((await replace(client, url, now, 2)).stderr).toContain('[MANIFEST_MISSING]');
      expect(openStore(client.store).require()).toMatchObject({
        number: 1,
        state: { source: { sequence: 1 } },
      });
    });

    test('over an ordinary repository', async () => {
      const { url, client } = await setting('mirror-2');
      const plain = join(temporaryDirectory(), 'plain');
      await site.run(['trust', 'export', '--out', plain]);
      const args = ['trust', 'init', '--offline', '--tuf-url', pathToFileURL(plain).href];
      const { now } = site;
      await client.run([...args, '--root-fingerprint', site.fingerprint], { now, expect: 0 });
      await replace(client, url, now);
      expect(openStore(client.store).require().state.source).toMatchObject({ kind: 'import', sequence: 2 });
    });
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
    writeUserConfig(client.home, { attestor: { trust_repo: { network } } });
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

  function manifestAt(mirror: string): Manifest {
    return JSON.parse(text(join(base, mirror, 'manifest.json'))) as Manifest;
  }

  function alterFirst(directory: string): void {
    const file = readdirSync(directory, { recursive: true, withFileTypes: true }).find((entry) =>
      entry.isFile(),
    )!;
    flip(join(file.parentPath, file.name));
  }

  function flip(path: string): void {
    const bytes = readFileSync(path);
    // Not the first bytes: those of an entry bundle are a length.
    bytes[Math.min(5, bytes.length - 1)]! ^= 1;
    writeFileSync(path, bytes);
  }
});
