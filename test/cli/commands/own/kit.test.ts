import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { kitCommands } from '../../../../src/cli/commands/own/kit-text.ts';
import { repeatedDigest } from '../../../support/digest.ts';
import { makeEnclave, makeSite, type Site } from '../../../support/site.ts';
import { temporaryTree } from '../../../support/temp.ts';

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
      'sheet.html',
      'stella',
    ]);
    expect(statSync(join(out, 'stella')).mode & 0o777).toBe(0o755);
    execFileSync('sha256sum', ['--quiet', '-c', 'SHA256SUMS'], { cwd: out });
    expect(stdout).toContain(site.fingerprint);
    const guide = readFileSync(join(out, 'README.txt'), 'utf8');
    const sheet = readFileSync(join(out, 'sheet.html'), 'utf8');
    for (const text of [guide, sheet]) {
      expect(text).toContain(`--root-fingerprint ${site.fingerprint}`);
      expect(text).toContain('./stella trust import ./2026-01-25.tar.zst');
    }
    expect(sheet).toContain(site.fingerprint.slice(7).replace(/.{4}(?=.)/g, '$& '));
  });

  test('the commands of the guide work in an empty home directory', async () => {
    const out = join(base, 'kit-2');
    await site.run(['kit', '--out', out, '--bundle', bundle]);
    const guide = readFileSync(join(out, 'README.txt'), 'utf8');
    const first = /^ {3}(stella trust import .*--root-fingerprint.*)$/m.exec(guide)![1]!;
    const enclave = makeEnclave(base);
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

  test('names with spaces and quotes survive the shell', () => {
    const name = `a b'c"$(x).tar.zst`;
    const facts = {
      bundle: name,
      executable: false,
      sealedAt: '',
      sequence: 1,
      staleAfterDays: 7,
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
