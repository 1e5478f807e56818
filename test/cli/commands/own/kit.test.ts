import { execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { sha256Hex } from '../../../../src/base/bytes.ts';
import { loadPrivateKey, loadPublicKey, signerOf } from '../../../../src/base/keys.ts';
import { openBundle } from '../../../../src/bundle/open.ts';
import { sealBundle } from '../../../../src/bundle/seal.ts';
import { kitSheet } from '../../../../src/cli/commands/own/kit-sheet.ts';
import { type KitFacts, kitCommands, kitGuide } from '../../../../src/cli/commands/own/kit-text.ts';
import { repeatedDigest } from '../../../support/digest.ts';
import { makeEnclave, makeSite, type Site } from '../../../support/site.ts';
import { temporaryTree } from '../../../support/temp.ts';

/** What a reader of the page sees. */
const seen = (html: string) =>
  html
    .replace(/<style>[\s\S]*<\/style>/, '')
    .replace(/<\/?(?:span|code)[^>]*>/g, '')
    .replace(/&#(\d+);/g, (_, code: string) => String.fromCharCode(Number(code)));
const inTwoLines = (hex: string) =>
  [hex.slice(0, 32), hex.slice(32)].map((half) => half.replace(/.{4}(?=.)/g, '$& '));

let base: string;
let site: Site;
let bundle: string;

beforeAll(async () => {
  base = temporaryTree();
  site = await makeSite(base);
  bundle = await site.seal('2026-01-25');
});

describe('kit', () => {
  test('has bundle, executable, checksums, sheet and guide', async () => {
    const executable = join(base, 'stella-executable');
    writeFileSync(executable, '#!/bin/sh\n');
    const out = join(base, 'kit');
    const { stdout } = await site.run(['kit', '--out', out, '--bundle', bundle, '--executable', executable]);
    expect(readdirSync(out).sort()).toEqual([
      '2026-01-25.tar.zst',
      'README.txt',
      'SHA256SUMS',
      'bundle-signer.pub',
      'sheet.html',
      'stella',
    ]);
    expect(statSync(join(out, 'stella')).mode & 0o777).toBe(0o755);
    execFileSync('sha256sum', ['--quiet', '-c', 'SHA256SUMS'], { cwd: out });
    expect(stdout).toContain(site.fingerprint);
    const guide = readFileSync(join(out, 'README.txt'), 'utf8');
    const sheet = readFileSync(join(out, 'sheet.html'), 'utf8');
    expect(guide).toContain('./stella trust import ./2026-01-25.tar.zst');
    expect(seen(sheet)).toContain('./stella trust import ./2026-01-25.tar.zst');
    const signer = loadPublicKey(join(out, 'bundle-signer.pub')).id;
    for (const digest of [site.fingerprint.slice(7), signer, sha256Hex(readFileSync(executable))]) {
      expect(guide).toContain(inTwoLines(digest)[1]);
      for (const line of inTwoLines(digest)) expect(seen(sheet)).toContain(line);
      expect(stdout).toContain(digest);
    }
  });

  test('the commands of the guide work in an empty home directory', async () => {
    const out = join(base, 'kit-2');
    await site.run(['kit', '--out', out, '--bundle', bundle]);
    const guide = readFileSync(join(out, 'README.txt'), 'utf8');
    const blank = /^ {3}(stella trust import .*--root-fingerprint.*)$/m.exec(guide)![1]!;
    const first = blank.replace(/sha256:_+/, site.fingerprint);
    const enclave = makeEnclave(base);
    const unfilled = await enclave.run(blank.split(' ').slice(1), { cwd: out, now: site.now, expect: 4 });
    expect(unfilled.stderr).toContain('[USAGE]');
    await enclave.run(first.split(' ').slice(1), { cwd: out, now: site.now, expect: 0 });
  });

  test('without an executable says so, and the guide calls the installed one', async () => {
    const out = join(base, 'kit-3');
    const { stderr } = await site.run(['kit', '--out', out, '--bundle', bundle]);
    expect(stderr).toContain('note: no executable in this kit');
    expect(readFileSync(join(out, 'README.txt'), 'utf8')).not.toContain('./stella');
  });

  test('a split bundle: all of its files', async () => {
    const parts = await site
      .seal('split', ['--split-size', '8KiB'])
      .then(() => join(site.home, 'split.parts.json'));
    const out = join(base, 'kit-4');
    await site.run(['kit', '--out', out, '--bundle', parts]);
    const names = readdirSync(out);
    expect(names).toEqual(
      expect.arrayContaining(['split.parts.json', 'split.parts.cose', 'split.tar.zst.001']),
    );
    execFileSync('sha256sum', ['--quiet', '-c', 'SHA256SUMS'], { cwd: out });
  });

  test('refused: a damaged bundle, an output that is there, a missing bundle; nothing is left behind', async () => {
    const bytes = readFileSync(bundle);
    bytes[bytes.length >> 1]! ^= 1;
    const damaged = join(base, 'damaged.tar.zst');
    writeFileSync(damaged, bytes);
    const out = join(base, 'refused', 'kit');
    mkdirSync(join(base, 'refused'));
    expect((await site.run(['kit', '--out', out, '--bundle', damaged], { expect: 2 })).stderr).toMatch(
      /\[(?:ENTRY_DIGEST|ARCHIVE_INVALID)\]/,
    );
    const there = await site.run(['kit', '--out', site.home, '--bundle', bundle], { expect: 4 });
    expect(there.stderr).toContain('[FILE_EXISTS]');
    const missing = await site.run(['kit', '--out', out, '--bundle', 'none.tar.zst'], { expect: 4 });
    expect(missing.stderr).toContain('[FILE_NOT_FOUND]');
    expect(readdirSync(join(base, 'refused'))).toEqual([]);
  });

  test('refused: a bundle of another repository than the one that this store is pinned to', async () => {
    mkdirSync(join(base, 'other'));
    const other = await makeSite(join(base, 'other'));
    const foreign = await other.seal('foreign');
    const { stderr } = await site.run(['kit', '--out', join(base, 'k'), '--bundle', foreign], { expect: 2 });
    expect(stderr).toContain('[PIN_MISMATCH]');
  });

  test('no command has a fingerprint in it that came with the bundle', async () => {
    const out = join(base, 'blank');
    await site.run(['kit', '--out', out, '--bundle', bundle]);
    for (const name of ['README.txt', 'sheet.html']) {
      const text = seen(readFileSync(join(out, name), 'utf8'));
      expect(text).toContain('--root-fingerprint sha256:____');
      expect(text).not.toMatch(/sha256:[0-9a-f]{8}/);
    }
  });

  test('without advice no number of days; with it the number, and no wider window than the site has', async () => {
    const out = join(base, 'no-advice');
    await site.run(['kit', '--out', out, '--bundle', bundle]);
    writeFileSync(
      join(site.home, 'three.yaml'),
      'attestor:\n  trust_repo:\n    freshness_threshold_days: 3\n',
    );
    const strict = await site.seal('strict', ['--config', 'three.yaml']);
    const advised = join(base, 'advice');
    await site.run(['kit', '--out', advised, '--bundle', strict]);
    for (const name of ['README.txt', 'sheet.html']) {
      expect(seen(readFileSync(join(out, name), 'utf8'))).not.toMatch(/\bdays?\b|\b365\b|reject-if-stale/);
      const text = seen(readFileSync(join(advised, name), 'utf8'));
      expect(text).toContain('3 days at most, the producer advises');
      expect(text).not.toContain('reject-if-stale');
    }
  });

  test('of a signer that TUF does not name: its key is on the medium, and the commands work once the blanks are filled', async () => {
    const own = await site.seal('own', ['--signing-key', 'stranger.key']);
    const out = join(base, 'kit-own');
    await site.run(['kit', '--out', out, '--bundle', own]);
    const guide = readFileSync(join(out, 'README.txt'), 'utf8');
    const blank = /^ {3}(stella trust import .*--bundle-key .*)$/m.exec(guide)![1]!;
    const told = `sha256:${loadPublicKey(join(site.home, 'stranger.pub')).id}`;
    const filled = (key: string) =>
      blank
        .replace(/(--root-fingerprint )\S+/, `$1${site.fingerprint}`)
        .replace(/(--bundle-key-fingerprint )\S+/, `$1${key}`)
        .split(' ')
        .slice(1);
    const enclave = makeEnclave(base, 'enclave-own');
    const other = await enclave.run(filled(site.fingerprint), { cwd: out, now: site.now, expect: 2 });
    expect(other.stderr).toContain('[BUNDLE_SIGNER_UNTRUSTED]');
    await enclave.run(filled(told), { cwd: out, now: site.now, expect: 0 });
  });

  test('of a delta says so, names its base, and offers no first import', async () => {
    const delta = await site.seal('delta', ['--since', bundle]);
    const out = join(base, 'kit-delta');
    const { stdout } = await site.run(['kit', '--out', out, '--bundle', delta]);
    expect(stdout).toContain('a delta: only sites that hold number 1 or later can import it');
    for (const name of ['README.txt', 'sheet.html']) {
      const text = seen(readFileSync(join(out, name), 'utf8'));
      expect(text).toMatch(/this is a delta/i);
      expect(text).toMatch(/number\s+1 \(or a later one of the same signer\)/);
      expect(text).not.toContain('--root-fingerprint');
    }
    const enclave = makeEnclave(base, 'enclave-delta');
    const first = ['trust', 'import', bundle, '--root-fingerprint', site.fingerprint];
    await enclave.run(first, { now: site.now, expect: 0 });
    const later = /^ {3}(stella trust import .*)$/m.exec(readFileSync(join(out, 'README.txt'), 'utf8'))![1]!;
    await enclave.run(later.split(' ').slice(1), { cwd: out, now: site.now, expect: 0 });
  });

  test('refused as an import would: a bundle that a stranger has sealed', async () => {
    const stranger = makeEnclave(base, 'stranger');
    const root = join(site.home, 'repo/public/1.root.json');
    const url = pathToFileURL(join(base, 'site', 'tuf')).href;
    const at = { now: site.now, expect: 0 };
    await stranger.run(['trust', 'init', '--tuf-url', url, '--root', root], at);
    const forged = join(base, 'forged.tar.zst');
    await stranger.run(['trust', 'snapshot', 'export', '--out', forged], at);
    const out = join(base, 'k-forged');
    const kit = ['kit', '--out', out, '--bundle', forged];
    const { stderr } = await site.run(kit, { expect: 2 });
    expect(stderr).toMatch(/\[BUNDLE_SIGNER_UNTRUSTED\]\nhint: .*--bundle-key FILE/);
    const key = join(stranger.store, 'producer', 'bundle-signer.pub');
    await site.run([...kit.with(2, join(base, 'k-vouched')), '--bundle-key', key]);
    const stale = { now: site.now + 30 * 86_400_000, expect: 5 };
    expect((await site.run(['kit', '--out', out, '--bundle', bundle], stale)).stderr).toContain(
      '[BUNDLE_STALE]',
    );
    const nowhere = makeEnclave(base, 'no-store');
    const unvouched = ['kit', '--out', out, '--bundle', bundle];
    expect((await nowhere.run(unvouched, { now: site.now, expect: 4 })).stderr).toContain('[PIN_REQUIRED]');
    expect(existsSync(out)).toBe(false);
    await nowhere.run([...unvouched, '--root-fingerprint', site.fingerprint], { now: site.now, expect: 0 });
  });

  test('a forged root below the pinned one does not get onto the sheet', async () => {
    mkdirSync(join(base, 'two'));
    const two = await makeSite(join(base, 'two'));
    await two.run(['repo', 'rotate-key', 'root', '--repo', 'repo', '--no-passphrase']);
    two.publish();
    await two.run(['trust', 'sync', '--force']);
    const honest = await two.seal('honest');
    const staging = join(base, 'two', 'staging');
    mkdirSync(staging);
    const opened = await openBundle(honest, { staging });
    const entries = await Promise.all(
      opened.manifest.entries.map(async ({ path }) => ({
        path,
        source: path === 'tuf/1.root.json' ? Buffer.from('{}') : await opened.readEntry(path),
      })),
    );
    await opened.close();
    const out = join(base, 'two', 'forged.tar.zst');
    const signers = [signerOf(loadPrivateKey(join(two.home, 'bundle-signer.key')))];
    await sealBundle({ out, signers, manifest: opened.manifest, entries });
    const later = makeEnclave(base, 'pinned-to-two');
    const root = join(two.home, 'repo/public/2.root.json');
    const url = pathToFileURL(join(base, 'two', 'site', 'tuf')).href;
    await later.run(['trust', 'init', '--tuf-url', url, '--root', root], { now: two.now, expect: 0 });
    const kit = join(base, 'kit-two');
    const { stdout } = await later.run(['kit', '--out', kit, '--bundle', out], { now: two.now, expect: 0 });
    expect(stdout).toContain(`root version 2  sha256:${sha256Hex(readFileSync(root))}`);
    const guide = readFileSync(join(kit, 'README.txt'), 'utf8');
    expect(guide).not.toContain(inTwoLines(sha256Hex(Buffer.from('{}')))[0]);
  });

  test('a bundle that is older than what this store has synced since is fine: others hold less', async () => {
    mkdirSync(join(base, 'moving'));
    const moving = await makeSite(join(base, 'moving'));
    const older = await moving.seal('older');
    await moving.run(['repo', 'update-timestamp', '--repo', 'repo', '--force']);
    moving.publish();
    await moving.run(['trust', 'sync', '--force']);
    await moving.run(['kit', '--out', join(base, 'kit-older'), '--bundle', older]);
  });

  test('a directory that is there stays the same one, as a mount point must', async () => {
    const out = join(base, 'mounted');
    mkdirSync(join(out, 'lost+found'), { recursive: true });
    const { ino } = statSync(out);
    await site.run(['kit', '--out', out, '--bundle', bundle]);
    expect(statSync(out).ino).toBe(ino);
    expect(readdirSync(out).sort()).toEqual([
      '2026-01-25.tar.zst',
      'README.txt',
      'SHA256SUMS',
      'bundle-signer.pub',
      'lost+found',
      'sheet.html',
    ]);
    execFileSync('sha256sum', ['--quiet', '-c', 'SHA256SUMS'], { cwd: out });
    const full = await site.run(['kit', '--out', out, '--bundle', bundle], { expect: 4 });
    expect(full.stderr).toContain('[FILE_EXISTS]');
  });

  test('a mount point itself, which nothing can be renamed over', async (context) => {
    const out = join(base, 'medium');
    mkdirSync(out);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', out], { encoding: 'utf8' });
    if (mounted.status !== 0) {
      console.warn(`no file system can be mounted here: ${mounted.stderr || String(mounted.error)}`);
      return context.skip();
    }
    try {
      await site.run(['kit', '--out', out, '--bundle', bundle]);
      execFileSync('sha256sum', ['--quiet', '-c', 'SHA256SUMS'], { cwd: out });
      expect(readdirSync(out)).toHaveLength(5);
    } finally {
      execFileSync('umount', [out]);
    }
  });

  test.each([
    ['a line feed', 'a\n0000  stella.tar.zst'],
    ['a terminal escape', 'a\u001b[2J.tar.zst'],
    ['a bidirectional override', 'a\u202egnp.tar.zst'],
    ['a backslash, which lists of checksums escape', 'a\\b.tar.zst'],
    ['that of a file of the kit', 'sheet.html'],
    ['that of standard input', '-'],
  ])('a bundle whose name has or is %s is refused, and nothing is written', async (_, name) => {
    const odd = join(base, 'odd-names');
    mkdirSync(odd, { recursive: true });
    copyFileSync(bundle, join(odd, name));
    const out = join(base, 'odd-kit');
    const refused = await site.run(['kit', '--out', out, '--bundle', join(odd, name)], { expect: 4 });
    expect(refused.stderr).toMatch(/\[USAGE\]\nhint: rename the bundle/);
    expect(existsSync(out)).toBe(false);
  });

  test('names with spaces and quotes survive the shell', () => {
    const name = `a b'c"$(x).tar.zst`;
    const facts = {
      bundle: name,
      executable: undefined,
      sealedAt: '',
      sequence: 1,
      base: undefined,
      adviceDays: 7,
      root: { version: 1, sha256: repeatedDigest('00') },
      signers: [],
    };
    const { stdout } = spawnSync(
      'sh',
      ['-c', `stella() { printf '%s' "$3"; }; ${kitCommands(facts).later}`],
      {
        encoding: 'utf8',
      },
    );
    expect(stdout).toBe(`./${name}`);
  });
});

describe('the sheet on paper', () => {
  /** With everything that there can be. */
  const facts: KitFacts = {
    bundle: `${'a-long-name-'.repeat(20)}.tar.zst`,
    executable: repeatedDigest('ab'),
    sealedAt: '2026-01-25T12:00:00.123Z',
    sequence: Number.MAX_SAFE_INTEGER,
    base: undefined,
    adviceDays: 7.5,
    root: { version: 1000, sha256: repeatedDigest('cd') },
    signers: [1, 2].map((i) => ({
      file: `bundle-signer-${i}.pub`,
      id: repeatedDigest(`e${i}`),
      named: false,
    })),
  };
  const base = { sequence: 41, manifest_sha256: repeatedDigest('0f') };
  /** A4 without its margins has room for this many characters of a command; a line of the guide for these. */
  const [SHEET_COLUMNS, GUIDE_COLUMNS] = [78, 80];

  test.each([
    ['full', facts],
    ['delta', { ...facts, base }],
  ])(
    'of a %s kit: no line of a command or digest is wider than the paper, no flag is apart from its value',
    (_, kit) => {
      const sheet = kitSheet(kit);
      const lines = [...sheet.matchAll(/<pre><code>([\s\S]*?)<\/code><\/pre>/g)].flatMap(([, text]) =>
        text!.split('\n'),
      );
      expect(lines.length).toBeGreaterThan(3);
      for (const line of lines) {
        const shown = seen(line.replace(/<span class="name">.*?<\/span>/, ''));
        expect(shown.length).toBeLessThanOrEqual(SHEET_COLUMNS);
        expect(shown.match(/--/g)?.length ?? 0).toBeLessThanOrEqual(1);
      }
      for (const [, digits] of sheet.matchAll(/<span class="hex">(.*?)<\/span>/g))
        expect(digits).toHaveLength(39);
      for (const line of kitGuide(kit)
        .split('\n')
        .filter((one) => !one.includes('stella ') && !one.startsWith('Bundle ')))
        expect(line.length).toBeLessThanOrEqual(GUIDE_COLUMNS);
    },
  );

  const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find((path) => existsSync(path));
  if (executablePath === undefined)
    console.warn(
      'chromium is not installed: the sheet is not laid out (scripts/install-test-servers.sh installs it)',
    );

  test.skipIf(executablePath === undefined)(
    'laid out on A4, nothing is over the margin and no part is broken',
    async () => {
      const browser = await chromium.launch({ executablePath: executablePath!, args: ['--no-sandbox'] });
      try {
        // 210 mm less two margins of 16 mm, at 96 pixels to the inch.
        const page = await browser.newPage({ viewport: { width: 672, height: 1000 } });
        await page.emulateMedia({ media: 'print' });
        for (const kit of [facts, { ...facts, base }]) {
          await page.setContent(kitSheet(kit));
          const found = await page.evaluate(
            `({ width: document.documentElement.scrollWidth, lines: [...document.querySelectorAll('.part')].map((part) => part.getClientRects().length) })`,
          );
          const { width, lines } = found as { width: number; lines: number[] };
          expect(width).toBeLessThanOrEqual(672);
          expect(lines.every((count) => count === 1)).toBe(true);
        }
      } finally {
        await browser.close();
      }
    },
  );
});
