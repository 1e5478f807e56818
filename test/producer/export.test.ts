import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { DAY, HOUR } from '../../src/base/clock.ts';
import type { ErrorCode } from '../../src/base/codes.ts';
import { openBundle } from '../../src/bundle/open.ts';
import type { CliResult } from '../support/cli.ts';
import { type Enclave, makeEnclave, makeSite, type Site } from '../support/site.ts';
import { temporaryTree } from '../support/temp.ts';
import { fingerprintStore } from '../support/tree.ts';

const T0 = Date.UTC(2026, 0, 25, 12);
let base: string;
let site: Site;
let names = 0;

beforeAll(async () => {
  base = temporaryTree();
  site = await makeSite(base, { now: T0, entries: 1500 });
});

const enclave = (): Enclave => {
  names += 1;
  return makeEnclave(base, `enclave-${names}`);
};
const pinned = () => ['--root-fingerprint', site.fingerprint];
const grow = async (count: number) => {
  names += 1;
  writeFileSync(
    join(site.home, 'more'),
    Array.from({ length: count }, (_, i) => `more ${names} ${i}\n`).join(''),
  );
  await site.run(['log', 'append', join(base, 'site', 'log'), '--lines', 'more']);
};
const refusal = (result: CliResult, code: ErrorCode) =>
  expect(result.stderr).toMatch(new RegExp(`^error: .+ \\[${code}\\]\\nhint: .+`, 'm'));

async function manifestOf(file: string) {
  const bundle = await openBundle(file, { staging: base });
  await bundle.close();
  return bundle.manifest;
}

describe('delta', () => {
  test('leaves out what its base carried, and imports where the base was imported', async () => {
    const full = await site.seal('full');
    const held = enclave();
    const receipt = join(base, 'receipt.json');
    await held.run(['trust', 'import', full, ...pinned(), '--receipt', receipt], { now: T0, expect: 0 });
    await grow(700);
    const later = { now: T0 + HOUR };
    const byBundle = await site.seal('by-bundle', ['--since', full], later);
    const byReceipt = await site.seal('by-receipt', ['--since', receipt], later);
    const paths = async (file: string) => (await manifestOf(file)).entries.map(({ path }) => path);
    const [before, delta] = [await paths(full), await paths(byBundle)];
    expect(await paths(byReceipt)).toEqual(delta);
    const tiles = (all: string[]) => all.filter((path) => path.includes('/tile/'));
    expect(tiles(before).filter((path) => delta.includes(path))).toEqual([]);
    expect(tiles(delta).length).toBeGreaterThan(0);
    // Trust metadata is always whole.
    expect(before.filter((path) => path.startsWith('tuf/') && !delta.includes(path))).toEqual([]);
    expect((await manifestOf(byBundle)).base).toMatchObject({ sequence: 1 });

    const result = await held.run(['trust', 'import', byReceipt, '--verify-manifest'], {
      ...later,
      expect: 0,
    });
    expect(result.stderr).toContain('2201 entries, root recomputed, continues what is held');
    await held.run(['attest', 'verify', join(site.home, 'attestation.json'), '--offline'], {
      ...later,
      expect: 0,
    });
  });

  test('is refused where the base was not imported, and the message says which', async () => {
    const full = await site.seal('full2');
    const delta = await site.seal('delta2', ['--since', full]);
    const empty = enclave();
    const result = await empty.run(['trust', 'import', delta, ...pinned()], { now: T0, expect: 2 });
    refusal(result, 'BASE_MISSING');
    expect(result.stderr).toContain(`number ${(await manifestOf(full)).sequence}`);
    expect(readdirSync(empty.home)).toEqual([]);
  });

  test('on a bundle that this store did not export', async () => {
    const full = await site.seal('full3');
    rmSync(join(site.home, '.local/share/stella/producer/manifests'), { recursive: true });
    refusal(
      await site.run(['trust', 'snapshot', 'export', '--out', 'x.tar.zst', '--since', full], { expect: 2 }),
      'BASE_MISSING',
    );
    expect(existsSync(join(site.home, 'x.tar.zst'))).toBe(false);
  });
});

describe('volumes', () => {
  test('are written, named when missing or damaged, and imported by list or first part', async () => {
    const out = await site.seal('parts', ['--split-size', '20KiB', '--entries']);
    expect(existsSync(out)).toBe(false);
    const files = readdirSync(site.home).filter((name) => name.startsWith('parts.'));
    expect(files).toEqual(
      expect.arrayContaining([
        'parts.parts.json',
        'parts.parts.cose',
        'parts.tar.zst.001',
        'parts.tar.zst.002',
        'parts.tar.zst.003',
      ]),
    );
    const medium = join(base, 'medium');
    mkdirSync(medium);
    for (const name of files) cpSync(join(site.home, name), join(medium, name));
    rmSync(join(medium, 'parts.tar.zst.002'));
    truncateSync(join(medium, 'parts.tar.zst.001'), 100);
    const held = enclave();
    const broken = await held.run(['trust', 'import', join(medium, 'parts.parts.json'), ...pinned()], {
      now: T0,
      expect: 2,
    });
    refusal(broken, 'PARTS_INCOMPLETE');
    expect(broken.stderr).toMatch(/001 \(short\).*002 \(missing\)/);
    // Just those parts carried again.
    for (const name of ['parts.tar.zst.001', 'parts.tar.zst.002'])
      cpSync(join(site.home, name), join(medium, name));
    await held.run(['trust', 'import', join(medium, 'parts.tar.zst.001'), ...pinned()], {
      now: T0,
      expect: 0,
    });
    await enclave().run(['trust', 'import', join(medium, 'parts.parts.json'), ...pinned()], {
      now: T0,
      expect: 0,
    });
  });

  test.each(['0', '4 GiB', '-1', '4XB', '1e3'])('a part size of %j is refused', async (size) => {
    refusal(
      await site.run(['trust', 'snapshot', 'export', '--out', 'x.tar.zst', '--split-size', size], {
        expect: 4,
      }),
      'USAGE',
    );
  });
});

describe('what is sealed', () => {
  test('SOURCE_DATE_EPOCH is the time of sealing', async () => {
    const file = await site.seal('dated', [], { env: { HOME: site.home, SOURCE_DATE_EPOCH: '1769342400' } });
    expect((await manifestOf(file)).sealed_at).toBe('2026-01-25T12:00:00Z');
    refusal(
      await site.run(['trust', 'snapshot', 'export', '--out', 'x.tar.zst'], {
        env: { HOME: site.home, SOURCE_DATE_EPOCH: 'now' },
        expect: 4,
      }),
      'USAGE',
    );
  });

  test('a missing --depth means 10000, and 0 carries the right edge alone', async () => {
    const usual = await manifestOf(await site.seal('usual'));
    expect(usual.logs[0]!.first_index).toBe(0);
    const none = await manifestOf(await site.seal('none', ['--depth', '0']));
    // The right edge is what the root is recomputed from.
    expect(none.logs[0]!.first_index).toBe(none.logs[0]!.tree_size - (none.logs[0]!.tree_size % 256));
    await enclave().run(['trust', 'import', join(site.home, 'none.tar.zst'), ...pinned()], {
      now: T0,
      expect: 0,
    });
    refusal(
      await site.run(['trust', 'snapshot', 'export', '--out', 'x.tar.zst', '--depth', 'all'], { expect: 4 }),
      'USAGE',
    );
  });

  test('entries are carried when asked for, and checked against their tiles', async () => {
    const file = await site.seal('entries', ['--entries']);
    expect((await manifestOf(file)).entries.some(({ path }) => path.includes('/tile/entries/'))).toBe(true);
    await enclave().run(['trust', 'import', file, ...pinned()], { now: T0, expect: 0 });
  });

  test('an attestation that will not verify over there is told of here', async () => {
    writeFileSync(
      join(site.home, 'bad.json'),
      readFileSync(join(site.home, 'attestation.json'), 'utf8').replace(
        /"sig": ?"..../,
        (found) => `${found.slice(0, -4)}AAAA`,
      ),
    );
    const result = await site.run([
      'trust',
      'snapshot',
      'export',
      '--out',
      'mixed.tar.zst',
      '--signing-key',
      'bundle-signer.key',
      '--attestation',
      'bad.json',
      '--attestation',
      'attestation.json',
      '--json',
    ]);
    expect(result.stderr).toMatch(/warning: bad\.json will not verify over there: .+ \[SIGNATURE_INVALID\]/);
    expect(result.json()).toMatchObject({
      attestations: [
        { name: 'bad.json', verifies: false, code: 'SIGNATURE_INVALID' },
        { name: 'attestation.json', verifies: true },
      ],
    });
  });

  test('without a signing key the first export makes one, says so, and says what to do', async () => {
    const home = join(base, 'keyless');
    mkdirSync(home);
    const env = { HOME: home };
    const url = `file://${join(base, 'site', 'tuf')}`;
    await site.run(
      ['trust', 'init', '--tuf-url', url, '--root', join(site.home, 'repo/public/1.root.json')],
      { env },
    );
    const first = await site.run(['trust', 'snapshot', 'export', '--out', join(home, 'x.tar.zst')], { env });
    expect(first.stderr).toMatch(
      /made a signing key.*\(sha256:[0-9a-f]{64}\)[\s\S]*importers will refuse[\s\S]*add-target\.sh[\s\S]*--bundle-key/,
    );
    const second = await site.run(['trust', 'snapshot', 'export', '--out', join(home, 'y.tar.zst')], { env });
    expect(second.stderr).not.toContain('made a signing key');
    const key = join(home, '.local/share/stella/producer/bundle-signer.pub');
    await enclave().run(['trust', 'import', join(home, 'x.tar.zst'), ...pinned(), '--bundle-key', key], {
      now: T0,
      expect: 0,
    });
  });
});

describe('what is not worth sealing is refused, and no file is left', () => {
  const attempt = (setting: Parameters<Site['run']>[1]) =>
    site.run(
      ['trust', 'snapshot', 'export', '--out', 'refused.tar.zst', '--signing-key', 'bundle-signer.key'],
      setting,
    );
  const checkNothing = () =>
    expect(
      readdirSync(site.home).filter((name) => name.includes('refused') || name.startsWith('.staging')),
    ).toEqual([]);

  test('expired metadata', async () => {
    refusal(await attempt({ now: T0 + 2 * DAY, expect: 5 }), 'TUF_EXPIRED');
    checkNothing();
  });

  test('a log that lost entries since the last export, and one that was rewritten', async () => {
    const log = join(base, 'site', 'log');
    const saved = join(base, 'log-saved');
    await site.seal('remember');
    cpSync(log, saved, { recursive: true });
    try {
      rmSync(log, { recursive: true });
      await site.run(['log', 'init', log, '--origin', 'log.example.com/test', '--key', 'log.key']);
      await site.run(['log', 'append', log, '--lines', 'lines']);
      refusal(await attempt({ expect: 2 }), 'LOG_ROLLBACK');
      appendFileSync(
        join(site.home, 'lines'),
        Array.from({ length: 3000 }, (_, i) => `other ${i}\n`).join(''),
      );
      await site.run(['log', 'append', log, '--lines', 'lines']);
      refusal(await attempt({ expect: 2 }), 'LOG_FORK');
      checkNothing();
    } finally {
      rmSync(log, { recursive: true });
      cpSync(saved, log, { recursive: true });
    }
  });

  test('a log whose server is not there, and one that offline mode forbids', async () => {
    const log = join(base, 'site', 'log');
    cpSync(log, join(base, 'log-away'), { recursive: true });
    rmSync(log, { recursive: true });
    try {
      refusal(await attempt({ expect: 3 }), 'FETCH_NOT_FOUND');
    } finally {
      cpSync(join(base, 'log-away'), log, { recursive: true });
    }
    const remote = join(base, 'remote-map.json');
    writeFileSync(
      remote,
      readFileSync(join(site.home, 'map.json'), 'utf8').replaceAll(
        /file:[^"]*\/log/g,
        'http://127.0.0.1:9/log',
      ),
    );
    refusal(
      await site.run(['trust', 'snapshot', 'export', '--out', 'refused.tar.zst', '--offline'], {
        env: { HOME: site.home, STELLA_SIGSTORE_SERVICE_MAP: remote },
        expect: 3,
      }),
      'OFFLINE',
    );
    checkNothing();
  });

  test('an output that cannot be written', async () => {
    refusal(
      await site.run(['trust', 'snapshot', 'export', '--out', 'app.bin/x.tar.zst'], { expect: 4 }),
      'WRITE_FAILED',
    );
  });

  test('the store is what it was', async () => {
    const store = join(site.home, '.local', 'share', 'stella');
    const ignore = (files: Record<string, string>) =>
      Object.fromEntries(Object.entries(files).filter(([name]) => name.startsWith('generations/')));
    const before = ignore(fingerprintStore(store));
    await attempt({ now: T0 + 2 * DAY, expect: 5 });
    expect(ignore(fingerprintStore(store))).toEqual(before);
  });
});
