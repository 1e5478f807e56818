import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { signerOf } from '../../../../src/base/keys.ts';
import { splitBundle } from '../../../../src/bundle/split.ts';
import { makeBundle, manifestFacts } from '../../../support/bundle.ts';
import { stella } from '../../../support/cli.ts';
import { temporaryDirectory } from '../../../support/temp.ts';

const now = '2026-01-27T13:00:00Z';

test('inspect says what is in a bundle, from a file and from a pipe', async () => {
  const cwd = temporaryDirectory();
  const made = await makeBundle(cwd);
  const { status, stdout } = await stella(['trust', 'snapshot', 'inspect', 'bundle.tar.zst'], { cwd, now });
  expect(status).toBe(0);
  expect(stdout).toContain('2026-01-25T12:00:00Z (2d 1h ago)');
  expect(stdout).toContain('test-producer, version 1.0.0, bundle number 7');
  expect(stdout).toContain(`EdDSA  sha256:${made.key.publicKey.id}`);
  expect(stdout).toMatch(/tuf\/ +3 entries/);
  const piped = await stella(['trust', 'snapshot', 'inspect', '-'], {
    cwd,
    now,
    stdin: readFileSync(made.file),
  });
  expect(piped.status).toBe(0);
  expect(piped.stdout).toBe(stdout.replace(/ {2}file .*\n/, '  file         standard input\n'));
});

test('inspect --json is the manifest and its signers', async () => {
  const cwd = temporaryDirectory();
  const made = await makeBundle(cwd);
  const result = await stella(['trust', 'snapshot', 'inspect', 'bundle.tar.zst', '--json'], { cwd, now });
  expect(result.json()).toEqual({
    manifest_sha256: made.manifestSha256,
    file_size: made.size,
    signers: [{ kid: made.key.publicKey.id, alg: 'EdDSA' }],
    why_no_logs: 'none is carried: neither a service map nor a trusted root in it names one',
    manifest: made.manifest,
  });
});

test('inspect --list prints every entry; --html writes a page in which names are text', async () => {
  const cwd = temporaryDirectory();
  const made = await makeBundle(cwd, {
    manifest: { ...manifestFacts, producer: { name: '<script>\u001b[2J', version: '1' } },
  });
  const args = ['trust', 'snapshot', 'inspect', 'bundle.tar.zst', '--list', '--html', 'report.html'];
  const { status, stdout } = await stella(args, { cwd, now });
  expect(status).toBe(0);
  for (const { path, size, sha256 } of made.manifest.entries)
    expect(stdout).toContain(`${sha256}  ${size}  ${path}\n`.trimEnd());
  expect(stdout).not.toContain('\u001b');
  const page = readFileSync(join(cwd, 'report.html'), 'utf8');
  expect(page).toContain('&#60;script&#62;');
  expect(page).not.toContain('<script');
  expect(page).not.toContain('\u001b');
  expect((await stella(args, { cwd, now })).status).toBe(4);
});

test('inspect takes a split bundle by its list or first part, and names parts that are missing', async () => {
  const cwd = temporaryDirectory();
  const made = await makeBundle(cwd);
  const signers = [signerOf(made.key)];
  await splitBundle({ file: made.file, manifestSha256: made.manifestSha256, partSize: 4000, signers });
  for (const name of ['bundle.parts.json', 'bundle.tar.zst.001']) {
    const { status, stdout } = await stella(['trust', 'snapshot', 'inspect', name], { cwd, now });
    expect(status).toBe(0);
    expect(stdout).toContain(made.manifestSha256);
  }
  rmSync(join(cwd, 'bundle.tar.zst.002'));
  const { status, stderr } = await stella(['trust', 'snapshot', 'inspect', 'bundle.parts.json'], { cwd });
  expect([status, stderr]).toEqual([
    2,
    expect.stringContaining('bundle.tar.zst.002 (missing) [PARTS_INCOMPLETE]'),
  ]);
});

test('inspect of something else says what is wrong', async () => {
  const cwd = temporaryDirectory();
  const absent = await stella(['trust', 'snapshot', 'inspect', 'absent'], { cwd });
  expect([absent.status, absent.stderr]).toEqual([4, expect.stringContaining('[FILE_NOT_FOUND]')]);
  const text = await stella(['trust', 'snapshot', 'inspect', '-'], { cwd, stdin: 'hello, world' });
  expect([text.status, text.stderr]).toEqual([2, expect.stringContaining('[ARCHIVE_INVALID]')]);
});
